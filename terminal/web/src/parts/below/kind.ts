/** What kind of order one is, in words. */

import { decimal } from "../../lib/decimal.ts";
import { byStep, words } from "../../lib/format.ts";
import type { Order } from "../../net/exchange.ts";
import { isIceberg } from "../../state/changes.ts";
import { tickOf } from "../../state/markets.ts";

/** What sets it apart from a plain order. */
export function marksOf(order: Order): string[] {
  const { visibleQty, otherId, priceMatch, clientOrderId } = order;
  const parts: string[] = [];
  if (isIceberg(order)) parts.push(`iceberg of ${visibleQty ?? ""}`);
  if (otherId !== null) parts.push(`pair with ${otherId}`);
  if (priceMatch !== null) parts.push(MATCHED[priceMatch] ?? words(priceMatch));
  const algo = /^algo-(\d+)-(\d+)$/.exec(clientOrderId ?? "");
  if (algo) parts.push(`algo ${algo[1] ?? ""}, part ${algo[2] ?? ""}`);
  return parts;
}

const MATCHED: Record<string, string> = {
  QUEUE: "best of its side",
  OPPONENT: "best of the other side",
  QUEUE_5: "fifth of its side",
  OPPONENT_5: "fifth of the other side",
};

export function termsOf(order: Order): string[] {
  const { orderType, trigger, postOnly, reduceOnly, closePosition, parentId } = order;
  const parts = [trigger ? words(trigger.type) : "", words(orderType)].filter((part) => part !== "");
  // What is attached only reduces; saying so would be twice the same.
  if (parentId !== null) return [...parts, `of order ${parentId}`];
  if (postOnly) parts.push("post-only");
  if (closePosition) parts.push("whole position");
  else if (reduceOnly) parts.push("reduce-only");
  return parts;
}

export function kindOf(order: Order): string {
  return [...termsOf(order), ...marksOf(order)].join(", ");
}

export function conditionOf({ trigger, marketId }: Order): string {
  if (!trigger) return "–";
  const by = words(trigger.by);
  if (trigger.callback !== null) return `${by}, callback ${decimal(trigger.callback).times(100).toFixed()}%`;
  return `${by} ${byStep(trigger.price, tickOf(marketId))}`;
}
