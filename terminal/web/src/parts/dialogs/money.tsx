/** Money in: the demo's faucet, or an operator's deposit. */

import { ApiError } from "exchange-client";
import { useState } from "preact/hooks";
import { Dialog } from "../../lib/dialog.tsx";
import { NumberField } from "../../lib/fields.tsx";
import { api } from "../../net/exchange.ts";
import { readSoon } from "../../state/account.ts";
import { closeDialog } from "../../state/dialogs.ts";
import { newId } from "../../state/placing.ts";
import { isDemo } from "../../state/site.ts";
import { tell } from "../../state/toasts.ts";

export function Faucet() {
  const [amount, setAmount] = useState("10000");
  // The same request, however often it is sent.
  const [idempotencyKey] = useState(newId);
  const [wrong, setWrong] = useState("");
  const send = async () => {
    try {
      const { message } = await api.post("/user/onramp", { body: { amount, idempotencyKey } });
      tell("good", isDemo ? "Funds are there" : "Deposit asked for", message);
      readSoon();
      closeDialog();
    } catch (error) {
      setWrong(error instanceof ApiError ? error.message : "No answer: send it again, it counts once.");
    }
  };
  return (
    <Dialog title={isDemo ? "Demo funds" : "Deposit"} close={closeDialog}>
      <form
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p class="dim">
          {isDemo
            ? "Play money, at once, to try the exchange with."
            : "An operator looks at each deposit before it is in your wallet."}
        </p>
        <NumberField
          label="Amount"
          value={amount}
          change={setAmount}
          error={wrong || undefined}
          suffix="USD"
          input={{ name: "amount", autofocus: true }}
        />
        <button type="submit" class="submit accent">
          {isDemo ? "Get funds" : "Ask for a deposit"}
        </button>
      </form>
    </Dialog>
  );
}
