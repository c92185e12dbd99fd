import { expect, test } from "vitest";
import { fundedSince } from "../src/lib/funding.ts";

const paid = [
  { amount: "-0.300001", settledAt: "2026-11-22T16:00:00.250000Z" },
  { amount: "0.1", settledAt: "2026-11-22T08:00:00.250000Z" },
  { amount: "-7", settledAt: "2026-11-22T00:00:00.250000Z" },
];
const sumSince = (endedAt: string | null) => {
  const { sum, count } = fundedSince(paid, endedAt);
  return [sum.toFixed(), count];
};

test("funding is of the position that is held, to the last digit", () => {
  expect(sumSince("2026-11-22T03:12:00.000000Z")).toEqual(["-0.200001", 2]);
  expect(sumSince(null)).toEqual(["-7.200001", 3]);
  expect(sumSince("2026-11-22T20:00:00.000000Z")).toEqual(["0", 0]);
});

test("what was settled in the moment in which the one before ended was the other's", () => {
  expect(sumSince("2026-11-22T08:00:00.250000Z")).toEqual(["-0.300001", 1]);
});
