/** Figures are decimals to the last digit, as the API has them; `number` is for pixels alone. */

import Big from "big.js";

Big.DP = 30;
Big.NE = -30; // plain text, never an exponent
Big.PE = 60;

export type Decimal = Big;

/** What was typed, or null if it is no number. Spaces and grouping commas are forgiven. */
export function read(text: string): Decimal | null {
  const plain = text.replace(/[\s,_]/g, "");
  if (!/^-?(\d+\.?\d*|\.\d+)$/.test(plain)) return null;
  return new Big(plain);
}

export function decimal(text: string | number): Decimal {
  return new Big(text);
}

export const ZERO = new Big(0);

/** To a multiple of the step, towards zero. */
export function floorTo(value: Decimal, step: Decimal): Decimal {
  return value.div(step).round(0, Big.roundDown).times(step);
}

/** To the nearest multiple of the step. */
export function roundTo(value: Decimal, step: Decimal): Decimal {
  return value.div(step).round(0, Big.roundHalfUp).times(step);
}

/** Away from the middle of the book: bids down, asks up. */
export function bucketOf(price: Decimal, step: Decimal, side: "bid" | "ask"): Decimal {
  return price
    .div(step)
    .round(0, side === "bid" ? Big.roundDown : Big.roundUp)
    .times(step);
}

/** How many digits behind the point a step has. */
export function digitsOf(step: string): number {
  return step.includes(".") ? step.replace(/0+$/, "").length - step.indexOf(".") - 1 : 0;
}

/** Above zero: a profit. Of a position at a price. */
export function profitOf(type: string, qty: Decimal, from: Decimal, to: Decimal): Decimal {
  const moved = type === "LONG" ? to.minus(from) : from.minus(to);
  return moved.times(qty);
}
