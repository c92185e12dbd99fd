/**
 * Decimals stay text, as the API sends them: a `number` would lose digits. What the client itself
 * needs of them is their order.
 */

/** Plain decimals, without an exponent: below, at or above zero as `one` is below, at or above `other`. */
export function compareDecimals(one: string, other: string): number {
  const [a, b] = [parts(one), parts(other)];
  if (a.isNegative !== b.isNegative) return a.isNegative ? -1 : 1;
  return a.isNegative ? -compareSizes(a, b) : compareSizes(a, b);
}

export function isZero(decimal: string): boolean {
  return !/[1-9]/.test(decimal);
}

interface Parts {
  isNegative: boolean;
  whole: string;
  fraction: string;
}

function parts(decimal: string): Parts {
  const digits = decimal.replace(/^[-+]/, "");
  const [whole = "", fraction = ""] = digits.split(".");
  return {
    isNegative: decimal.startsWith("-") && !isZero(decimal),
    whole: whole.replace(/^0+/, ""),
    fraction: fraction.replace(/0+$/, ""),
  };
}

function compareSizes(a: Parts, b: Parts): number {
  if (a.whole.length !== b.whole.length) return a.whole.length - b.whole.length;
  if (a.whole !== b.whole) return a.whole < b.whole ? -1 : 1;
  if (a.fraction === b.fraction) return 0;
  return a.fraction < b.fraction ? -1 : 1;
}
