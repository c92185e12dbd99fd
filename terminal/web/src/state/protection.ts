/** Orders that protect what a trader holds, or will: those that wait and only reduce. */

import type { Order, Position } from "../net/exchange.ts";

export type ExitKind = "TAKE_PROFIT" | "STOP";

/** Whether its condition may still be changed. */
export function isUnfired({ status, trigger }: Order): boolean {
  return ["asleep", "waiting"].includes(status) && trigger !== null && trigger.triggeredAt === null;
}

export function isProtective(order: Order): boolean {
  return isUnfired(order) && (order.reduceOnly || order.closePosition);
}

/** Of this position, those of the whole of it first: what a trader calls its take-profit or stop. */
export function exitsOf(position: Position, kind: ExitKind, live: readonly Order[]): Order[] {
  const isItsExit = (order: Order) =>
    order.marketId === position.marketId &&
    order.type !== position.type &&
    order.status === "waiting" &&
    order.trigger?.type === kind &&
    isProtective(order);
  const rank = ({ closePosition }: Order) => (closePosition ? 0 : 1);
  return live.filter(isItsExit).sort((one, other) => rank(one) - rank(other) || other.id - one.id);
}
