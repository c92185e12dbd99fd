import { expect, test } from "vitest";
import type { Order } from "../src/net/exchange.ts";
import { marksOf } from "../src/parts/below/kind.ts";

test("an order that shows all of itself is no iceberg", () => {
  const order = { qty: "0.1", otherId: null, priceMatch: null, clientOrderId: null } as Order;
  const marks = (visibleQty: string | null) => marksOf({ ...order, visibleQty });
  expect(marks("0.02")).toEqual(["iceberg of 0.02"]);
  expect(marks("0.10")).toEqual([]);
  expect(marks(null)).toEqual([]);
});
