/** A side of the book as it is drawn: summed up to steps, with what lies in front of each level. */

import type { Level } from "exchange-client";
import { bucketOf, decimal, ZERO, type Decimal } from "./decimal.ts";

export interface Rung {
  price: string;
  qty: Decimal;
  /** With all that is better. */
  total: Decimal;
}

/** Best first, at most `count` rungs. */
export function ladder(levels: readonly Level[], step: string, side: "bid" | "ask", count: number): Rung[] {
  const size = decimal(step);
  const rungs: Rung[] = [];
  let total = ZERO;
  for (const [price, qty] of levels) {
    const bucket = bucketOf(decimal(price), size, side).toFixed();
    const last = rungs.at(-1);
    if (last?.price !== bucket && rungs.length === count) break;
    total = total.plus(qty);
    if (last?.price === bucket) {
      last.qty = last.qty.plus(qty);
      last.total = total;
    } else {
      rungs.push({ price: bucket, qty: decimal(qty), total });
    }
  }
  return rungs;
}

/** Tick, and what people choose above it. */
export function stepsOf(tick: string): string[] {
  return [1, 10, 50, 100, 500].map((times) => decimal(tick).times(times).toFixed());
}
