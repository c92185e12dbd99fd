/** Orders that are on their way, wait for their trigger or rest in the book. */

import { byStep, moment, words } from "../../lib/format.ts";
import { api, type Order } from "../../net/exchange.ts";
import { orders, readSoon } from "../../state/account.ts";
import { show } from "../../state/dialogs.ts";
import { isProtective, isUnfired } from "../../state/protection.ts";
import { tickOf } from "../../state/markets.ts";
import { seen } from "../../state/site.ts";
import { tell, tellError } from "../../state/toasts.ts";
import { explainOrder } from "./explain.ts";
import { conditionOf, marksOf, termsOf } from "./kind.ts";
import { MarketPick } from "./side.tsx";
import { Table, type Column } from "./table.tsx";

export function Orders() {
  const live = orders.value;
  if (live === null) return <div class="loading">Loading orders…</div>;
  return (
    <>
      {live.length > 0 && !seen && (
        <div class="list-tools">
          <button type="button" class="small" onClick={() => void cancelAll(false)}>
            Cancel all
          </button>
          {live.some(isProtective) && (
            <button type="button" class="small" onClick={() => void cancelAll(true)}>
              Cancel all, protective stops too
            </button>
          )}
        </div>
      )}
      <Table
        label="Open orders"
        columns={COLUMNS}
        rows={live}
        rowKey={({ id }) => id}
        empty="No open orders. A limit order that waits in the book shows here."
      />
    </>
  );
}

async function cancelAll(protective: boolean): Promise<void> {
  try {
    const { message } = await api.delete("/orders", { query: { protective } });
    tell("plain", "Cancelling", message);
    readSoon();
  } catch (error) {
    tellError("Not cancelled", error);
  }
}

export async function cancel(order: Order): Promise<void> {
  try {
    await api.delete("/order/{order_id}", { path: { order_id: order.id } });
    readSoon();
  } catch (error) {
    tellError("Not cancelled", error);
  }
}

function Kind({ order }: { order: Order }) {
  return (
    <>
      {termsOf(order).join(", ")}
      {marksOf(order).map((mark) => (
        <span key={mark} class="badge mark">
          {mark}
        </span>
      ))}
    </>
  );
}

function Hands({ order }: { order: Order }) {
  return (
    <>
      {(order.status === "open" || isUnfired(order)) && (
        <button
          type="button"
          class="small"
          aria-label={`Change order ${order.id}`}
          onClick={() => show({ kind: "amend", order })}
        >
          Change
        </button>
      )}
      <button
        type="button"
        class="small"
        aria-label={`Cancel order ${order.id}`}
        onClick={() => void cancel(order)}
      >
        Cancel
      </button>
    </>
  );
}

const COLUMNS: Column<Order>[] = [
  {
    name: "Market",
    cell: ({ marketId, type }) => <MarketPick marketId={marketId} side={type} />,
  },
  { name: "Type", cell: (order) => <Kind order={order} /> },
  {
    name: "Status",
    cell: ({ status }) => <span class={`status status-${status}`}>{words(status)}</span>,
  },
  {
    name: "Price",
    isNumber: true,
    cell: ({ marketId, price, orderType }) =>
      orderType === "market" ? "Market" : byStep(price, tickOf(marketId)),
  },
  { name: "Trigger", isNumber: true, cell: conditionOf },
  {
    name: "Filled / size",
    isNumber: true,
    cell: ({ qty, filledQty }) => `${filledQty} / ${qty ?? "whole position"}`,
  },
  { name: "Held", isNumber: true, cell: ({ held }) => held },
  { name: "Placed", cell: ({ createdAt }) => moment(createdAt) },
  {
    name: "",
    cell: (order) => (
      <span class="actions">
        {!seen && <Hands order={order} />}
        <button
          type="button"
          class="small"
          aria-label={`What order ${order.id} is`}
          onClick={() => explainOrder(order)}
        >
          Why?
        </button>
      </span>
    ),
  },
];
