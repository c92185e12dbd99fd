/** What of the trader's own the chart shows: entry and liquidation, orders and stops, fills. */

import { decimal, roundTo } from "../../lib/decimal.ts";
import { byStep } from "../../lib/format.ts";
import { api, type Market, type Order, type Position } from "../../net/exchange.ts";
import { show } from "../../state/dialogs.ts";
import { isUnfired } from "../../state/protection.ts";
import { seen } from "../../state/site.ts";
import { INTERVALS, type Interval } from "./intervals.ts";
import type { Mark, PriceLine } from "./plot.ts";

const TRIGGERS: Record<string, string> = { TAKE_PROFIT: "TP", STOP: "Stop", TRAILING_STOP: "Trailing" };
const FILLS_SHOWN = 200;

export function linesOf(
  rules: Market,
  positions: readonly Position[],
  orders: readonly Order[],
): PriceLine[] {
  const held = positions.filter(({ marketId }) => marketId === rules.id);
  const live = orders.filter(({ marketId }) => marketId === rules.id);
  return [...held.flatMap(linesOfPosition), ...live.flatMap((order) => linesOfOrder(rules, order))];
}

function linesOfPosition(position: Position): PriceLine[] {
  const { type, qty, averagePrice, liquidationPrice } = position;
  if (type === null || averagePrice === null) return [];
  const isLong = type === "LONG";
  const entry: PriceLine = {
    ...{ key: "entry", price: Number(averagePrice), title: `${isLong ? "Long" : "Short"} ${qty}` },
    ...{ tone: isLong ? ("up" as const) : ("down" as const), isDashed: false },
  };
  if (liquidationPrice === null) return [entry];
  const end = { key: "liquidation", price: Number(liquidationPrice), title: "Liquidation" };
  return [entry, { ...end, tone: "dim", isDashed: true }];
}

function linesOfOrder(rules: Market, order: Order): PriceLine[] {
  const tone = order.type === "LONG" ? "up" : "down";
  const side = order.type === "LONG" ? "Buy" : "Sell";
  const onTick = (price: number) => roundTo(decimal(price.toFixed(10)), decimal(rules.tickSize)).toFixed();
  if (order.trigger?.price && isUnfired(order)) {
    const { type, price: at } = order.trigger;
    const title = `${TRIGGERS[type] ?? type} ${side} ${order.qty ?? "all"}`;
    const drag = (price: number) => {
      if (onTick(price) !== at) show({ kind: "amend", order, moved: { trigger: onTick(price) } });
    };
    return [{ key: `trigger ${order.id}`, price: Number(at), title, tone, isDashed: true, ...dragged(drag) }];
  }
  if (order.status !== "open" || order.price === null) return [];
  const drag = (price: number) => {
    if (onTick(price) !== order.price) show({ kind: "amend", order, moved: { price: onTick(price) } });
  };
  const title = `${side} ${order.remainingQty ?? ""}`;
  return [
    { key: `order ${order.id}`, price: Number(order.price), title, tone, isDashed: true, ...dragged(drag) },
  ];
}

/** Lines of another's page stay where they are. */
function dragged(drag: (price: number) => void): Pick<PriceLine, "drag"> {
  return seen ? {} : { drag };
}

export async function marksOf(rules: Market, interval: Interval): Promise<Mark[]> {
  const { fills } = await api.get("/user/fills", { query: { marketId: rules.id, limit: FILLS_SHOWN } });
  const length = INTERVALS[interval];
  return fills.toReversed().map(({ executedAt, side, qty, price }) => ({
    time: Math.floor(Date.parse(executedAt) / 1_000 / length) * length,
    isBuy: side === "LONG",
    words: `${qty} @ ${byStep(price, rules.tickSize)}`,
  }));
}
