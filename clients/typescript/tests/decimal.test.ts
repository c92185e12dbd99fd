import { expect, test } from "vitest";
import { compareDecimals, isZero } from "../src/index.ts";

test.each([
  ["9", "10", -1],
  ["10.5", "10.50", 0],
  ["0.1", "0.09", 1],
  ["-1", "0.5", -1],
  ["-2", "-10", 1],
  ["-0", "0", 0],
  ["9007199254740993.1", "9007199254740993.2", -1],
])("%s against %s", (one, other, sign) => {
  expect(Math.sign(compareDecimals(one, other))).toBe(sign);
  expect(Math.sign(compareDecimals(other, one))).toBe(sign === 0 ? 0 : -sign);
});

test("zero has many spellings", () => {
  expect(["0", "0.000", "-0", "0.10"].map(isZero)).toEqual([true, true, true, false]);
});
