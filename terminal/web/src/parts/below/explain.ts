/** What lies behind an order or a position that ended: why it was refused, how a liquidation went. */

import { exactMoney, moment, percent, words } from "../../lib/format.ts";
import { reasonOf } from "../../lib/reasons.ts";
import { api, type Order, type Schemas } from "../../net/exchange.ts";
import { LIVE } from "../../state/account.ts";
import { show, type Told } from "../../state/dialogs.ts";
import { tellError } from "../../state/toasts.ts";
import { conditionOf, kindOf } from "./kind.ts";

type Closed = Schemas["ClosedPositionAnswer"];
type Liquidation = Schemas["LiquidationAnswer"];

const ENDINGS: Record<string, string> = {
  CLOSED: "It was closed by an order.",
  FLIPPED: "An order of the other side was larger than it: the rest opened the other side.",
  LIQUIDATED:
    "At the mark price its equity no longer covered the maintenance margin and the liquidation fee: " +
    "its margin ratio was above 100%. It was sold into the book.",
  ADL:
    "A liquidation of the other side found no buyer the insurance fund could pay: positions with the " +
    "most profit by leverage were closed against it, at its price.",
  SETTLED: "The market was settled at its last price.",
};

/** What one that may still fill waits for. */
const WAITS: Record<string, string> = {
  pending: "The exchange has it and its engine hasn't decided yet: within moments it will.",
  asleep: "It sleeps until the order it is attached to fills.",
  waiting: "It waits for its condition, and holds nothing until then.",
  open: "It rests in the book until somebody takes it.",
};

export function explainOrder(order: Order): void {
  const isLive = LIVE.includes(order.status);
  const rows: Told[] = [
    ["Status", words(order.status)],
    ...(isLive
      ? []
      : [["Reason", order.reason === null ? "none: it went as asked" : words(order.reason)] as Told]),
    ["Type", kindOf(order)],
    ["Condition", conditionOf(order)],
    ["Time in force", order.timeInForce],
    ["Asked", `${order.qty ?? "whole position"} at ${order.price ?? "market"}`],
    ["Filled", `${order.filledQty} at ${order.averagePrice ?? "–"}`],
    ["Leverage or margin", order.leverage === null ? (order.margin ?? "–") : `${order.leverage}×`],
    ["Fees, maker / taker", `${percent(order.makerFee, 3, false)} / ${percent(order.takerFee, 3, false)}`],
    ["Own id", order.clientOrderId ?? "–"],
    ["Placed", moment(order.createdAt)],
    ["Last change", moment(order.updatedAt)],
  ];
  const why = reasonOf(order.reason) || (WAITS[order.status] ?? "");
  show({ kind: "explain", title: `Order ${order.id}, ${order.marketId}`, why, rows });
}

/** With the liquidation's own row, where it was one: it names the mark it was judged at. */
export async function explainClosed(closed: Closed): Promise<void> {
  const rows: Told[] = [
    ["Largest size", closed.maxQty],
    ["Entry / exit, on average", `${closed.entryPrice} / ${closed.exitPrice}`],
    ["Realised", exactMoney(closed.realizedPnl)],
    ["Fees", exactMoney(closed.fee)],
    ["Funding", exactMoney(closed.funding)],
    ["Liquidation fee", exactMoney(closed.liquidationFee)],
    ["Paid by the insurance fund", exactMoney(closed.insuranceCover)],
    ["Share of others' losses", exactMoney(closed.lossShare)],
    ["Net", exactMoney(closed.netPnl)],
    ["Opened", moment(closed.openedAt)],
    ["Ended", moment(closed.closedAt)],
  ];
  try {
    const liquidation = closed.ending === "LIQUIDATED" ? await liquidationOf(closed) : undefined;
    if (liquidation) rows.unshift(...rowsOf(liquidation));
  } catch (error) {
    tellError("The liquidation could not be read", error);
  }
  const why = ENDINGS[closed.ending] ?? "";
  show({ kind: "explain", title: `${closed.marketId}: ${words(closed.ending)}`, why, rows });
}

/** What ended it happened at that very moment; of several then, the one of its side and size. */
async function liquidationOf(closed: Closed): Promise<Liquidation | undefined> {
  if (closed.closedAt === null) return undefined;
  const at = Date.parse(closed.closedAt);
  const { liquidations } = await api.get("/markets/{market_id}/liquidations", {
    path: { market_id: closed.marketId },
    query: { from: at, to: at + 1 },
  });
  return liquidations.find(({ side, qty }) => side === closed.side && qty === closed.qty) ?? liquidations[0];
}

function rowsOf(liquidation: Liquidation): Told[] {
  return [
    ["Mark price it was judged at", liquidation.markPrice],
    [
      "Sold into the book",
      `${liquidation.filledQty} of ${liquidation.qty}, down to ${liquidation.limitPrice}`,
    ],
    ["Closed against others", liquidation.deleveragedQty],
  ];
}
