/**
 * Take-profit and stop of a position. One that is there is moved where it waits, in one step; an empty
 * field takes it away; a new one is of the whole position, whatever that is when it fires.
 */

import { useState } from "preact/hooks";
import { Dialog } from "../../lib/dialog.tsx";
import { NumberField } from "../../lib/fields.tsx";
import { wrongOf, type Wrong } from "../../lib/form.tsx";
import { api, type Order, type Position, type Schemas } from "../../net/exchange.ts";
import { orders, readSoon } from "../../state/account.ts";
import { closeDialog } from "../../state/dialogs.ts";
import { newId } from "../../state/placing.ts";
import { exitsOf, type ExitKind } from "../../state/protection.ts";
import { tell } from "../../state/toasts.ts";
import { current, FormError, Standing } from "./position.tsx";

const KINDS: readonly (readonly [ExitKind, string])[] = [
  ["TAKE_PROFIT", "Take profit at"],
  ["STOP", "Stop at"],
];

export function Protect({ position: opened }: { position: Position }) {
  const position = current(opened);
  // As they were when the dialog was opened: that is what the trader changes.
  const [there] = useState(() => ({
    TAKE_PROFIT: exitsOf(position, "TAKE_PROFIT", orders.value ?? []),
    STOP: exitsOf(position, "STOP", orders.value ?? []),
  }));
  const at = (kind: ExitKind) => there[kind][0]?.trigger?.price ?? "";
  const [typed, setTyped] = useState({ TAKE_PROFIT: at("TAKE_PROFIT"), STOP: at("STOP") });
  const [wrong, setWrong] = useState<Wrong>({});
  const send = async () => {
    const changed = KINDS.filter(([kind]) => typed[kind].trim() !== at(kind));
    if (changed.length === 0) {
      setWrong({ "": "Name a price for at least one of them." });
      return;
    }
    const found: Wrong = {};
    for (const [kind] of changed) {
      try {
        await exit(position, kind, typed[kind].trim(), there[kind][0]);
      } catch (error) {
        found[kind] = Object.values(wrongOf(error))[0] ?? "";
      }
    }
    readSoon();
    setWrong(found);
    if (Object.keys(found).length > 0) return;
    tell("plain", "Protection is on its way", position.marketId);
    closeDialog();
  };
  return (
    <Dialog title={`Take profit and stop of ${position.marketId}`} close={closeDialog}>
      <form
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Standing position={position} />
        {KINDS.map(([kind, label]) => (
          <NumberField
            key={kind}
            label={label}
            value={typed[kind]}
            change={(text) => setTyped({ ...typed, [kind]: text })}
            error={wrong[kind]}
            {...hintOf(there[kind])}
            input={{ name: kind, placeholder: "none" }}
          />
        ))}
        <p class="dim">By the mark price. A new one closes the whole position at the market.</p>
        <FormError wrong={wrong[""]} />
        <button type="submit" class="submit accent">
          Protect
        </button>
      </form>
    </Dialog>
  );
}

function hintOf([order, ...more]: Order[]): { hint?: string } {
  if (!order) return {};
  const others = more.length > 0 ? ` ${more.length} more among the open orders.` : "";
  const size = order.closePosition ? "the whole position" : (order.qty ?? "");
  return { hint: `Order ${order.id}, of ${size}. Empty cancels it.${others}` };
}

async function exit(
  position: Position,
  kind: ExitKind,
  price: string,
  there: Order | undefined,
): Promise<void> {
  if (there) {
    const path = { order_id: there.id };
    if (price === "") await api.delete("/order/{order_id}", { path });
    else await api.patch("/order/{order_id}", { path, body: { trigger: { price } } });
    return;
  }
  const body: Schemas["OrderToPlace"] = {
    marketId: position.marketId,
    side: position.type === "LONG" ? "SHORT" : "LONG",
    orderType: "market",
    closePosition: true,
    trigger: { type: kind, price },
    clientOrderId: newId(),
  };
  await api.post("/order", { body });
}
