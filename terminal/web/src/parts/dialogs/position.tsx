/** What is done to a position: closed, turned around, given margin. */

import { ApiError } from "exchange-client";
import { useState } from "preact/hooks";
import { Dialog } from "../../lib/dialog.tsx";
import { NumberField, Tabs } from "../../lib/fields.tsx";
import { wrongOf, type Wrong } from "../../lib/form.tsx";
import { byStep, exactMoney, signedMoney, signOf } from "../../lib/format.ts";
import { unrealized } from "../../lib/worth.ts";
import { api, type Position, type Schemas } from "../../net/exchange.ts";
import { openPositions, readSoon } from "../../state/account.ts";
import { closeDialog } from "../../state/dialogs.ts";
import { standings, tickOf } from "../../state/markets.ts";
import { newId } from "../../state/placing.ts";
import { tell } from "../../state/toasts.ts";

/** As it is now: the dialog may stand open for a while. */
export function current(position: Position): Position {
  return openPositions.value.find(({ marketId }) => marketId === position.marketId) ?? position;
}

export function Standing({ position }: { position: Position }) {
  const mark = standings.value.get(position.marketId)?.markPrice;
  const tick = tickOf(position.marketId);
  const profit = unrealized(position, mark);
  return (
    <dl class="foreseen">
      <div>
        <dt>{position.type === "LONG" ? "Long" : "Short"}</dt>
        <dd>
          {position.qty} at {byStep(position.averagePrice, tick)}
        </dd>
      </div>
      <div>
        <dt>Mark</dt>
        <dd>{byStep(mark, tick)}</dd>
      </div>
      <div>
        <dt>Unrealised profit</dt>
        <dd class={signOf(profit)}>{signedMoney(profit)}</dd>
      </div>
    </dl>
  );
}

export function FormError({ wrong }: { wrong: string | undefined }) {
  return wrong ? (
    <p class="form-error" role="alert">
      {wrong}
    </p>
  ) : null;
}

export function ClosePosition({ position: opened }: { position: Position }) {
  const position = current(opened);
  const [kind, setKind] = useState<"market" | "limit">("market");
  const [qty, setQty] = useState("");
  const [price, setPrice] = useState(standings.value.get(position.marketId)?.markPrice ?? "");
  const [clientOrderId] = useState(newId);
  const [wrong, setWrong] = useState<Wrong>({});
  const send = async () => {
    const body: Schemas["Closing"] = { clientOrderId };
    if (qty.trim() !== "") body.qty = qty.trim();
    if (kind === "limit") body.price = price.trim();
    try {
      const path = { market_id: position.marketId };
      const { orderId } = await api.post("/user/positions/{market_id}/close", { path, body });
      tell("plain", `Closing ${position.marketId}`, `Order ${orderId} received.`);
      readSoon();
      closeDialog();
    } catch (error) {
      setWrong(wrongOf(error));
    }
  };
  return (
    <Dialog title={`Close ${position.marketId}`} close={closeDialog}>
      <form
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Standing position={position} />
        <Tabs
          label="How"
          tabs={[
            ["market", "At the market"],
            ["limit", "At a price"],
          ]}
          chosen={kind}
          choose={setKind}
        />
        {kind === "limit" && (
          <NumberField label="Price" value={price} change={setPrice} error={wrong["price"]} />
        )}
        <NumberField
          label="Size"
          value={qty}
          change={setQty}
          error={wrong["qty"]}
          input={{ placeholder: `all ${position.qty}`, name: "qty" }}
        />
        <FormError wrong={wrong[""]} />
        <button type="submit" class={`submit ${position.type === "LONG" ? "sell" : "buy"}`}>
          {position.type === "LONG" ? "Sell" : "Buy"} to close
        </button>
      </form>
    </Dialog>
  );
}

export function Margin({ position: opened }: { position: Position }) {
  const position = current(opened);
  const [kind, setKind] = useState<"add" | "take">("add");
  const [amount, setAmount] = useState("");
  const [idempotencyKey, setKey] = useState(newId);
  const [wrong, setWrong] = useState<Wrong>({});
  const send = async () => {
    try {
      const path = { market_id: position.marketId };
      const body = { amount: kind === "add" ? amount.trim() : `-${amount.trim()}`, idempotencyKey };
      const { message } = await api.post("/user/positions/{market_id}/margin", { path, body });
      tell("plain", message, position.marketId);
      readSoon();
      closeDialog();
    } catch (error) {
      setWrong(wrongOf(error));
      if (error instanceof ApiError) setKey(newId());
    }
  };
  return (
    <Dialog title={`Margin of ${position.marketId}`} close={closeDialog}>
      <form
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Standing position={position} />
        <Tabs
          label="Which way"
          tabs={[
            ["add", "Add"],
            ["take", "Take out"],
          ]}
          chosen={kind}
          choose={setKind}
        />
        <NumberField
          label="Amount"
          value={amount}
          change={setAmount}
          error={wrong["amount"]}
          hint={
            kind === "add"
              ? `It has ${exactMoney(position.margin)}.`
              : `At most ${exactMoney(position.removableMargin)} can be taken out.`
          }
          input={{ name: "amount", autofocus: true }}
        />
        <FormError wrong={wrong[""]} />
        <button type="submit" class="submit accent">
          {kind === "add" ? "Add margin" : "Take margin out"}
        </button>
      </form>
    </Dialog>
  );
}
