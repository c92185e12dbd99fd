/** The columns of each list of the past. */

import { moment, signedMoney, signOf, words } from "../../lib/format.ts";
import { api, type Order, type Schemas } from "../../net/exchange.ts";
import { show } from "../../state/dialogs.ts";
import { History } from "./history.tsx";
import { conditionOf, kindOf } from "./orders.tsx";
import type { Column } from "./table.tsx";

const LIMIT = 50;

function paged(cursor: string | undefined): { limit: number; cursor?: string } {
  return cursor === undefined ? { limit: LIMIT } : { limit: LIMIT, cursor };
}

function Side({ side }: { side: string }) {
  return <span class={side === "LONG" ? "up" : "down"}>{side === "LONG" ? "Buy" : "Sell"}</span>;
}

function Gain({ figure }: { figure: string }) {
  return <span class={signOf(figure)}>{signedMoney(figure)}</span>;
}

const ORDERS: Column<Order>[] = [
  { name: "Order", cell: ({ id }) => id, text: ({ id }) => id },
  { name: "Market", cell: ({ marketId }) => marketId, text: ({ marketId }) => marketId },
  { name: "Side", cell: ({ type }) => <Side side={type} />, text: ({ type }) => type },
  { name: "Type", cell: kindOf, text: kindOf },
  {
    name: "Status",
    cell: ({ status, reason }) => (
      <span class={`status status-${status}`}>
        {words(status)}
        {reason ? `: ${words(reason)}` : ""}
      </span>
    ),
    text: ({ status, reason }) => (reason ? `${status} ${reason}` : status),
  },
  { name: "Price", isNumber: true, cell: ({ price }) => price ?? "–", text: ({ price }) => price },
  {
    name: "Average",
    isNumber: true,
    cell: ({ averagePrice }) => averagePrice ?? "–",
    text: ({ averagePrice }) => averagePrice,
  },
  {
    name: "Filled",
    isNumber: true,
    cell: ({ filledQty, qty }) => `${filledQty} / ${qty ?? "all"}`,
    text: ({ filledQty }) => filledQty,
  },
  { name: "Placed", cell: ({ createdAt }) => moment(createdAt), text: ({ createdAt }) => createdAt },
  {
    name: "",
    cell: (order) => (
      <button type="button" class="small" onClick={() => explain(order)}>
        Why?
      </button>
    ),
  },
];

function explain(order: Order): void {
  const rows: [string, string][] = [
    ["Status", words(order.status)],
    ["Reason", order.reason === null ? "none: it went as asked" : words(order.reason)],
    ["Type", kindOf(order)],
    ["Condition", conditionOf(order)],
    ["Time in force", order.timeInForce],
    ["Asked", `${order.qty ?? "whole position"} at ${order.price ?? "market"}`],
    ["Filled", `${order.filledQty} at ${order.averagePrice ?? "–"}`],
    ["Leverage or margin", order.leverage === null ? (order.margin ?? "–") : `${order.leverage}×`],
    ["Fees, maker / taker", `${order.makerFee} / ${order.takerFee}`],
    ["Own id", order.clientOrderId ?? "–"],
    ["Placed", moment(order.createdAt)],
    ["Last change", moment(order.updatedAt)],
  ];
  show({ kind: "explain", title: `Order ${order.id}, ${order.marketId}`, rows });
}

export function OrderHistory() {
  const read = async (cursor: string | undefined) => {
    const page = await api.get("/user/orders", { query: paged(cursor) });
    return { rows: page.orders, nextCursor: page.nextCursor };
  };
  return (
    <History
      name="Order history"
      columns={ORDERS}
      read={read}
      rowKey={({ id }) => id}
      empty="No orders yet."
    />
  );
}

type Fill = Schemas["FillAnswer"];
const FILLS: Column<Fill>[] = [
  { name: "Market", cell: ({ marketId }) => marketId, text: ({ marketId }) => marketId },
  { name: "Side", cell: ({ side }) => <Side side={side} />, text: ({ side }) => side },
  {
    name: "How",
    cell: ({ execution, role }) =>
      execution === "TRADE" ? words(role) : <span class="warn">{words(execution)}</span>,
    text: ({ execution, role }) => `${execution} ${role}`,
  },
  { name: "Price", isNumber: true, cell: ({ price }) => price, text: ({ price }) => price },
  { name: "Size", isNumber: true, cell: ({ qty }) => qty, text: ({ qty }) => qty },
  { name: "Fee", isNumber: true, cell: ({ fee }) => fee, text: ({ fee }) => fee },
  {
    name: "Realised profit",
    isNumber: true,
    cell: ({ realizedPnl }) => <Gain figure={realizedPnl} />,
    text: ({ realizedPnl }) => realizedPnl,
  },
  { name: "Order", cell: ({ orderId }) => orderId ?? "–", text: ({ orderId }) => orderId },
  { name: "Time", cell: ({ executedAt }) => moment(executedAt), text: ({ executedAt }) => executedAt },
];

export function Fills() {
  const read = async (cursor: string | undefined) => {
    const page = await api.get("/user/fills", { query: paged(cursor) });
    return { rows: page.fills, nextCursor: page.nextCursor };
  };
  return (
    <History
      name="Fills"
      columns={FILLS}
      read={read}
      rowKey={({ id }) => id}
      empty="Nothing of yours has traded yet."
    />
  );
}

type Closed = Schemas["ClosedPositionAnswer"];
const CLOSED: Column<Closed>[] = [
  { name: "Market", cell: ({ marketId }) => marketId, text: ({ marketId }) => marketId },
  {
    name: "Side",
    cell: ({ side }) => <span class={side === "LONG" ? "up" : "down"}>{words(side)}</span>,
    text: ({ side }) => side,
  },
  {
    name: "Ended",
    cell: ({ ending }) => <span class={ending === "LIQUIDATED" ? "down" : ""}>{words(ending)}</span>,
    text: ({ ending }) => ending,
  },
  { name: "Size", isNumber: true, cell: ({ maxQty }) => maxQty, text: ({ maxQty }) => maxQty },
  {
    name: "Entry",
    isNumber: true,
    cell: ({ entryPrice }) => entryPrice,
    text: ({ entryPrice }) => entryPrice,
  },
  { name: "Exit", isNumber: true, cell: ({ exitPrice }) => exitPrice, text: ({ exitPrice }) => exitPrice },
  { name: "Fees", isNumber: true, cell: ({ fee }) => fee, text: ({ fee }) => fee },
  {
    name: "Funding",
    isNumber: true,
    cell: ({ funding }) => <Gain figure={funding} />,
    text: ({ funding }) => funding,
  },
  {
    name: "Net profit",
    isNumber: true,
    cell: ({ netPnl }) => <Gain figure={netPnl} />,
    text: ({ netPnl }) => netPnl,
  },
  { name: "Closed", cell: ({ closedAt }) => moment(closedAt), text: ({ closedAt }) => closedAt },
];

export function ClosedPositions() {
  const read = async (cursor: string | undefined) => {
    const page = await api.get("/user/positions/history", { query: paged(cursor) });
    return { rows: page.positions, nextCursor: page.nextCursor };
  };
  const empty = "No position has ended yet.";
  return (
    <History name="Closed positions" columns={CLOSED} read={read} rowKey={({ id }) => id} empty={empty} />
  );
}

type Payment = Schemas["FundingPaymentAnswer"];
const FUNDING: Column<Payment>[] = [
  { name: "Market", cell: ({ marketId }) => marketId, text: ({ marketId }) => marketId },
  { name: "Side", cell: ({ side }) => words(side), text: ({ side }) => side },
  { name: "Size", isNumber: true, cell: ({ qty }) => qty, text: ({ qty }) => qty },
  { name: "Rate", isNumber: true, cell: ({ rate }) => rate, text: ({ rate }) => rate },
  { name: "Mark", isNumber: true, cell: ({ markPrice }) => markPrice, text: ({ markPrice }) => markPrice },
  {
    name: "Got or paid",
    isNumber: true,
    cell: ({ amount }) => <Gain figure={amount} />,
    text: ({ amount }) => amount,
  },
  { name: "Time", cell: ({ fundingTime }) => moment(fundingTime), text: ({ fundingTime }) => fundingTime },
];

export function Funding() {
  const read = async (cursor: string | undefined) => {
    const page = await api.get("/user/funding", { query: paged(cursor) });
    return { rows: page.payments, nextCursor: page.nextCursor };
  };
  const empty = "No funding yet: longs and shorts pay each other when the countdown above ends.";
  return <History name="Funding" columns={FUNDING} read={read} rowKey={({ id }) => id} empty={empty} />;
}

type Entry = Schemas["LedgerLine"];
const LEDGER: Column<Entry>[] = [
  { name: "Line", cell: ({ kind }) => words(kind), text: ({ kind }) => kind },
  { name: "Cause", cell: ({ cause }) => words(cause), text: ({ cause }) => cause },
  { name: "Account", cell: ({ account }) => words(account), text: ({ account }) => account },
  {
    name: "Amount",
    isNumber: true,
    cell: ({ amount }) => <Gain figure={amount} />,
    text: ({ amount }) => amount,
  },
  { name: "Market", cell: ({ marketId }) => marketId ?? "–", text: ({ marketId }) => marketId },
  { name: "Order", cell: ({ orderId }) => orderId ?? "–", text: ({ orderId }) => orderId },
  { name: "Time", cell: ({ createdAt }) => moment(createdAt), text: ({ createdAt }) => createdAt },
];

export function Ledger() {
  const read = async (cursor: string | undefined) => {
    const page = await api.get("/user/ledger", { query: paged(cursor) });
    return { rows: page.ledger, nextCursor: page.nextCursor };
  };
  return (
    <History
      name="Ledger"
      columns={LEDGER}
      read={read}
      rowKey={({ id }) => id}
      empty="No movement of money yet."
    />
  );
}
