import { expect, test } from "vitest";
import { bucketOf, decimal, digitsOf, floorTo, read, roundTo } from "../src/lib/decimal.ts";
import { ladder } from "../src/lib/ladder.ts";
import { unrealized } from "../src/lib/worth.ts";
import { csvOf } from "../src/parts/below/table.tsx";

test("what is typed is read, or is no number", () => {
  expect(read(" 1,234.50 ")?.toFixed()).toBe("1234.5");
  for (const text of ["", "-", "1e5", "NaN", "0x10", "1.2.3", "１"]) expect(read(text)).toBeNull();
});

test("steps are kept to the last digit", () => {
  expect(floorTo(decimal("0.30000000000000004"), decimal("0.001")).toFixed()).toBe("0.3");
  expect(floorTo(decimal("9007199254740993.19"), decimal("0.1")).toFixed()).toBe("9007199254740993.1");
  expect(roundTo(decimal("50000.06"), decimal("0.1")).toFixed()).toBe("50000.1");
  expect(bucketOf(decimal("50000.1"), decimal("10"), "ask").toFixed()).toBe("50010");
  expect(bucketOf(decimal("50009.9"), decimal("10"), "bid").toFixed()).toBe("50000");
  expect([digitsOf("0.10"), digitsOf("5"), digitsOf("0.001")]).toEqual([1, 0, 3]);
});

test("levels are summed up to steps, away from the middle", () => {
  const bids = [
    ["100.9", "1"],
    ["100.1", "2"],
    ["99.9", "4"],
  ] as const;
  const rungs = ladder(bids, "1", "bid", 5).map(({ price, qty, total }) => [
    price,
    qty.toFixed(),
    total.toFixed(),
  ]);
  expect(rungs).toEqual([
    ["100", "3", "3"],
    ["99", "4", "7"],
  ]);
  expect(ladder(bids, "1", "bid", 1)).toHaveLength(1);
});

const LONG = { type: "LONG", qty: "0.003", averagePrice: "25000.33333333" };

test("profit moves with the mark to the last digit, from what the engine said", () => {
  const read = { ...LONG, markPrice: "25000.1", unrealizedPnl: "-0.0007" };
  expect(unrealized(read, "25010.7")?.toFixed()).toBe("0.0311");
  expect(unrealized({ ...read, type: "SHORT", unrealizedPnl: "0.0007" }, "25010.7")?.toFixed()).toBe(
    "-0.0311",
  );
  expect(unrealized(read, null)?.toFixed()).toBe("-0.0007");
  expect(unrealized({ ...read, type: null }, "1")).toBeNull();
  const unread = { ...LONG, markPrice: "25000.1", unrealizedPnl: null };
  expect(unrealized(unread, "25010.33333333")?.toFixed()).toBe("0.03");
});

test("no cell of a file is a formula", () => {
  const columns = [{ name: "Id", cell: () => "", text: ({ id }: { id: string }) => id }];
  const rows = ["=1+1", "@x", "-5.5", 'a"b', "plain", "-x"].map((id) => ({ id }));
  expect(csvOf(columns, rows).split("\r\n")).toEqual([
    "Id",
    "'=1+1",
    "'@x",
    "-5.5",
    '"a""b"',
    "plain",
    "'-x",
  ]);
});
