import { expect, test } from "vitest";
import { midnight, spanOf } from "../src/lib/days.ts";
import type { Order, Position } from "../src/net/exchange.ts";
import { exitsOf, isUnfired } from "../src/state/protection.ts";

const stop = {
  id: 7,
  marketId: "A",
  type: "SHORT",
  status: "waiting",
  reduceOnly: true,
  closePosition: false,
  trigger: { type: "STOP", by: "MARK", price: "90", callback: null, triggeredAt: null },
} as Order;
const long = { marketId: "A", type: "LONG" } as Position;

test("exits are what waits, reduces and lies on the other side; of the whole position first", () => {
  const whole = { ...stop, id: 3, reduceOnly: false, closePosition: true };
  const others: Order[] = [
    { ...stop, id: 8, marketId: "B" },
    { ...stop, id: 9, type: "LONG" },
    { ...stop, id: 10, status: "asleep" }, // of an entry that has not filled
    { ...stop, id: 11, reduceOnly: false }, // opens something
  ];
  expect(exitsOf(long, "STOP", [stop, ...others, whole]).map(({ id }) => id)).toEqual([3, 7]);
  expect(exitsOf(long, "TAKE_PROFIT", [stop, whole])).toEqual([]);
});

test("what has fired is changed no more", () => {
  expect(isUnfired(stop)).toBe(true);
  expect(isUnfired({ ...stop, status: "asleep" })).toBe(true);
  expect(isUnfired({ ...stop, status: "open" })).toBe(false);
  const fired = {
    type: "STOP",
    by: "MARK",
    price: "90",
    callback: null,
    triggeredAt: "2026-01-05T00:00:00Z",
  };
  expect(isUnfired({ ...stop, trigger: fired })).toBe(false);
});

test("the last day of a span is whole", () => {
  const { from, to } = spanOf("2026-01-05", "2026-01-05");
  expect(from).toBe(midnight("2026-01-05"));
  expect(to).toBe(midnight("2026-01-06"));
  expect(spanOf("", "")).toEqual({});
});
