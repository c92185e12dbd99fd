/** What a position got or paid for being held. The API has no such figure of an open position. */

import { decimal, ZERO, type Decimal } from "./decimal.ts";

interface Payment {
  amount: string;
  settledAt: string;
}

export interface Funded {
  /** Below zero: paid. */
  sum: Decimal;
  count: number;
}

/**
 * Its payments are those of its market since the position before it ended; what was due at that very
 * moment was still the other's, as the engine settles funding before it does what ends a position.
 */
export function fundedSince(payments: readonly Payment[], endedAt: string | null): Funded {
  const since = endedAt === null ? Number.NEGATIVE_INFINITY : Date.parse(endedAt);
  const own = payments.filter(({ settledAt }) => Date.parse(settledAt) > since);
  return { sum: own.reduce((sum, { amount }) => sum.plus(decimal(amount)), ZERO), count: own.length };
}
