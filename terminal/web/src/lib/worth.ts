/** What a position is worth at another mark price than the one its row was read at. */

import { decimal, profitOf, type Decimal } from "./decimal.ts";

interface Held {
  type: string | null;
  qty: string;
  averagePrice: string | null;
  markPrice: string | null;
  unrealizedPnl: string | null;
}

/**
 * To the last digit where the row is as the engine has it: the row's own profit, which knows the exact
 * cost, and what the mark has moved since. An average price is rounded, so it serves only until then.
 */
export function unrealized(position: Held, mark: string | null | undefined): Decimal | null {
  const { type, qty, averagePrice, markPrice, unrealizedPnl } = position;
  if (type === null) return null;
  if (unrealizedPnl !== null && markPrice !== null) {
    const moved = profitOf(type, decimal(qty), decimal(markPrice), decimal(mark ?? markPrice));
    return decimal(unrealizedPnl).plus(moved);
  }
  if (averagePrice === null || !mark) return null;
  return profitOf(type, decimal(qty), decimal(averagePrice), decimal(mark));
}
