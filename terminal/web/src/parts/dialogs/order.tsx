/** A live order at another price, size, part to be shown or condition. */

import { ApiError } from "exchange-client";
import { useState } from "preact/hooks";
import { Dialog } from "../../lib/dialog.tsx";
import { NumberField } from "../../lib/fields.tsx";
import { words } from "../../lib/format.ts";
import { api, type Order } from "../../net/exchange.ts";
import { readSoon } from "../../state/account.ts";
import { asIs, changesOf, mayHide, type Typed } from "../../state/changes.ts";
import { closeDialog, type Moved } from "../../state/dialogs.ts";
import { isUnfired } from "../../state/protection.ts";
import { tell } from "../../state/toasts.ts";

export function Amend({ order, moved = {} }: { order: Order; moved?: Moved }) {
  const [typed, setTyped] = useState<Typed>({ ...asIs(order), ...moved });
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const set = (name: keyof Typed) => (text: string) => setTyped({ ...typed, [name]: text });
  const send = async () => {
    const body = changesOf(order, typed);
    if (Object.keys(body).length === 0) {
      closeDialog();
      return;
    }
    try {
      const { message } = await api.patch("/order/{order_id}", { path: { order_id: order.id }, body });
      tell("plain", message, `Order ${order.id}`);
      readSoon();
      closeDialog();
    } catch (error) {
      setWrong({ [error instanceof ApiError ? (error.field ?? "") : ""]: (error as Error).message });
    }
  };
  const isWaiting = isUnfired(order);
  const isSized = order.qty !== null && order.parentId === null;
  const was = (now: string | null) => ({ hint: `It is ${now ?? "none"} now.` });
  return (
    <Dialog title={`Change order ${order.id}, ${order.marketId}`} close={closeDialog}>
      <form
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {isWaiting && order.trigger && (
          <Condition order={order} trigger={order.trigger} typed={typed} set={set} wrong={wrong} />
        )}
        {order.orderType === "limit" && (
          <NumberField
            label={isWaiting ? "Then limit" : "Price"}
            value={typed.price}
            change={set("price")}
            error={wrong["price"]}
            {...(moved.price === undefined ? {} : was(order.price))}
            input={{ name: "new-price", autofocus: !isWaiting }}
          />
        )}
        {isSized && (
          <NumberField
            label="Size"
            value={typed.qty}
            change={set("qty")}
            error={wrong["qty"]}
            hint={`Of the whole order; ${order.filledQty} of it is filled.`}
            input={{ name: "new-qty" }}
          />
        )}
        {mayHide(order) && (
          <NumberField
            label="Shown at a time"
            value={typed.visibleQty}
            change={set("visibleQty")}
            error={wrong["visibleQty"]}
            hint="At least a hundredth of the size. Empty: the book shows all of it."
            input={{ name: "new-visible-qty", placeholder: "all" }}
          />
        )}
        <p class="dim">
          {isWaiting
            ? "Changed in one step: what it protects is protected at every moment."
            : "Less at the same price, or less of it shown, keeps its place in the queue; anything else is a new arrival."}
        </p>
        {wrong[""] && (
          <p class="form-error" role="alert">
            {wrong[""]}
          </p>
        )}
        <button type="submit" class="submit accent">
          Change order
        </button>
      </form>
    </Dialog>
  );
}

interface ConditionProps {
  order: Order;
  trigger: NonNullable<Order["trigger"]>;
  typed: Typed;
  set: (name: keyof Typed) => (text: string) => void;
  wrong: Record<string, string>;
}

function Condition({ order, trigger, typed, set, wrong }: ConditionProps) {
  const isTrailing = trigger.callback !== null;
  return (
    <>
      <NumberField
        label={isTrailing ? "Active from" : `${words(trigger.type)} at`}
        value={typed.trigger}
        change={set("trigger")}
        error={wrong["trigger.price"] ?? wrong["trigger"]}
        hint={`By the ${trigger.by === "MARK" ? "mark" : "last"} price; it is ${trigger.price ?? "none"} now.`}
        input={{ name: "new-trigger", autofocus: true }}
      />
      {isTrailing && (
        <NumberField
          label="Callback"
          value={typed.callback}
          change={set("callback")}
          error={wrong["trigger.callback"]}
          suffix="%"
          input={{ name: `new-callback-${order.id}` }}
        />
      )}
    </>
  );
}
