/** A position turned around: one market order of twice its size, with what that comes to before it is sent. */

import { useEffect, useState } from "preact/hooks";
import { decimal } from "../../lib/decimal.ts";
import { Dialog } from "../../lib/dialog.tsx";
import { wrongOf } from "../../lib/form.tsx";
import { byStep, exactMoney } from "../../lib/format.ts";
import { leverages } from "../../lib/prefs.ts";
import { api, type Position, type Schemas } from "../../net/exchange.ts";
import { closeDialog } from "../../state/dialogs.ts";
import { FIRST_LEVERAGE } from "../../state/form.ts";
import { markets } from "../../state/markets.ts";
import { place } from "../../state/placing.ts";
import { tell } from "../../state/toasts.ts";
import { current, FormError, Standing } from "./position.tsx";

export function Reverse({ position: opened }: { position: Position }) {
  const position = current(opened);
  const { marketId, type, qty } = position;
  const rules = markets.value.find(({ id }) => id === marketId);
  const [seen, setSeen] = useState<Schemas["OrderPreviewAnswer"] | null>(null);
  const [wrong, setWrong] = useState("");
  const body: Schemas["NewOrder"] = {
    ...{ marketId, side: type === "LONG" ? "SHORT" : "LONG", orderType: "market" },
    qty: decimal(qty).times(2).toFixed(),
    leverage: Math.min(leverages.value[marketId] ?? FIRST_LEVERAGE, rules?.maxLeverage ?? 1),
  };
  const refuse = (error: unknown) => setWrong(Object.values(wrongOf(error))[0] ?? "");
  useEffect(() => {
    let isGone = false;
    api.post("/order/preview", { body }).then(
      (answer) => isGone || setSeen(answer),
      (error: unknown) => isGone || refuse(error),
    );
    return () => {
      isGone = true;
    };
  }, [qty, type]);
  const send = async () => {
    try {
      const id = await place(body);
      tell("plain", `Reversing ${marketId}`, `Order ${id} received.`);
      closeDialog();
    } catch (error) {
      refuse(error);
    }
  };
  const tick = rules?.tickSize ?? "0.01";
  const after = seen?.position;
  return (
    <Dialog title={`Reverse ${marketId}`} close={closeDialog}>
      <form
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Standing position={position} />
        {seen && (
          <dl class="foreseen">
            <div>
              <dt>Needs</dt>
              <dd class={seen.affordable ? "" : "down"}>{exactMoney(seen.required.total)}</dd>
            </div>
            <div>
              <dt>Realises</dt>
              <dd>{exactMoney(seen.expected.realizedPnl)}</dd>
            </div>
            <div>
              <dt>Then</dt>
              <dd>
                {after?.type ? `${after.type === "LONG" ? "Long" : "Short"} ${after.qty}` : "flat"}
                {after?.liquidationPrice && `, liquidation at ${byStep(after.liquidationPrice, tick)}`}
              </dd>
            </div>
          </dl>
        )}
        <FormError wrong={wrong} />
        <button type="submit" class={`submit ${type === "LONG" ? "sell" : "buy"}`}>
          {type === "LONG" ? "Sell" : "Buy"} {body.qty} at the market
        </button>
      </form>
    </Dialog>
  );
}
