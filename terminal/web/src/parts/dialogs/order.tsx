/** An open order at another price or size. */

import { ApiError } from "exchange-client";
import { useState } from "preact/hooks";
import { Dialog } from "../../lib/dialog.tsx";
import { NumberField } from "../../lib/fields.tsx";
import { api, type Order } from "../../net/exchange.ts";
import { readSoon } from "../../state/account.ts";
import { closeDialog } from "../../state/dialogs.ts";
import { tell } from "../../state/toasts.ts";

export function Amend({ order, price: dragged }: { order: Order; price?: string | undefined }) {
  const [price, setPrice] = useState(dragged ?? order.price ?? "");
  const [qty, setQty] = useState(order.qty ?? "");
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const send = async () => {
    const body: { price?: string; qty?: string } = {};
    if (price.trim() !== order.price) body.price = price.trim();
    if (qty.trim() !== order.qty) body.qty = qty.trim();
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
        <NumberField
          label="Price"
          value={price}
          change={setPrice}
          error={wrong["price"]}
          {...(dragged === undefined ? {} : { hint: `It is ${order.price ?? ""} now.` })}
          input={{ name: "price", autofocus: true }}
        />
        <NumberField
          label="Size"
          value={qty}
          change={setQty}
          error={wrong["qty"]}
          hint={`Of the whole order; ${order.filledQty} of it is filled.`}
          input={{ name: "qty" }}
        />
        <p class="dim">
          Less at the same price keeps its place in the queue; anything else is a new arrival.
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
