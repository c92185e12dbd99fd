/** The columns of each list of the past. */

import { moment, signedMoney, signOf, words } from "../../lib/format.ts";
import { api, type Order, type Schemas } from "../../net/exchange.ts";
import { History, type Asked } from "./history.tsx";
import { explainClosed, explainOrder } from "./explain.ts";
import { explainFill, explainLine, explainPayment } from "./explain-money.ts";
import { kindOf } from "./kind.ts";
import { Side } from "./side.tsx";
import type { Column } from "./table.tsx";

function Gain({ figure }: { figure: string }) {
  return <span class={signOf(figure)}>{signedMoney(figure)}</span>;
}

function why<T>(explain: (row: T) => void): Column<T> {
  return {
    name: "",
    cell: (row) => (
      <button type="button" class="small" onClick={() => explain(row)}>
        Why?
      </button>
    ),
  };
}

const STATUSES = ["filled", "cancelled", "expired", "rejected", "open", "waiting"];
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
  why(explainOrder),
];

export function OrderHistory() {
  const read = async (asked: Asked, status: string) => {
    const query = status === "" ? asked : { ...asked, status };
    const page = await api.get("/user/orders", { query });
    return { rows: page.orders, nextCursor: page.nextCursor };
  };
  return (
    <History
      name="Order history"
      columns={ORDERS}
      own={{ label: "Status", options: STATUSES }}
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
  why(explainFill),
];

export function Fills() {
  const read = async (query: Asked) => {
    const page = await api.get("/user/fills", { query });
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
const ENDINGS = ["CLOSED", "FLIPPED", "LIQUIDATED", "ADL", "SETTLED"];
const CLOSED: Column<Closed>[] = [
  { name: "Market", cell: ({ marketId }) => marketId, text: ({ marketId }) => marketId },
  {
    name: "Side",
    cell: ({ side }) => <Side side={side} words={["Long", "Short"]} />,
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
  why<Closed>((closed) => void explainClosed(closed)),
];

export function ClosedPositions() {
  const read = async (asked: Asked, ending: string) => {
    const query = ending === "" ? asked : { ...asked, ending };
    const page = await api.get("/user/positions/history", { query });
    return { rows: page.positions, nextCursor: page.nextCursor };
  };
  const empty = "No position has ended yet.";
  return (
    <History
      name="Closed positions"
      columns={CLOSED}
      own={{ label: "Ended", options: ENDINGS }}
      read={read}
      rowKey={({ id }) => id}
      empty={empty}
    />
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
  why(explainPayment),
];

export function Funding() {
  const read = async (query: Asked) => {
    const page = await api.get("/user/funding", { query });
    return { rows: page.payments, nextCursor: page.nextCursor };
  };
  const empty = "No funding yet: longs and shorts pay each other when the countdown above ends.";
  return <History name="Funding" columns={FUNDING} read={read} rowKey={({ id }) => id} empty={empty} />;
}

type Entry = Schemas["LedgerLine"];
/** Those that bring or take money; the others move it between a trader's own accounts. */
const LINES = [
  ...["deposit", "withdrawal", "transfer", "realized_pnl", "fee", "funding", "referral"],
  ...["liquidation_fee", "insurance_cover", "loss_share"],
];
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
  why(explainLine),
];

export function Ledger() {
  const read = async (asked: Asked, kind: string) => {
    const query = kind === "" ? asked : { ...asked, kind };
    const page = await api.get("/user/ledger", { query });
    return { rows: page.ledger, nextCursor: page.nextCursor };
  };
  return (
    <History
      name="Ledger"
      columns={LEDGER}
      own={{ label: "Line", options: LINES }}
      read={read}
      rowKey={({ id }) => id}
      empty="No movement of money yet."
    />
  );
}
