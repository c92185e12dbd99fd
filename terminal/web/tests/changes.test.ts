import { expect, test } from "vitest";
import type { Order } from "../src/net/exchange.ts";
import { asIs, changesOf, isIceberg, mayHide } from "../src/state/changes.ts";

const order = {
  orderType: "limit",
  timeInForce: "GTC",
  status: "open",
  price: "49400",
  qty: "0.1",
  visibleQty: "0.02",
  trigger: null,
} as Order;
const whole = { ...order, visibleQty: null };
const waiting = {
  ...whole,
  status: "waiting",
  trigger: { type: "STOP", by: "MARK", price: "90", callback: "0.01", triggeredAt: null },
} as Order;

test("what was left as it is isn't asked for", () => {
  for (const one of [order, whole, waiting]) expect(changesOf(one, asIs(one))).toEqual({});
  expect(changesOf(order, { ...asIs(order), qty: " 0.2 " })).toEqual({ qty: "0.2" });
});

test("another part to be shown, or none", () => {
  expect(changesOf(order, { ...asIs(order), visibleQty: " 0.03 " })).toEqual({ visibleQty: "0.03" });
  expect(changesOf(whole, { ...asIs(whole), visibleQty: "0.01" })).toEqual({ visibleQty: "0.01" });
  expect(changesOf(order, { ...asIs(order), visibleQty: " " })).toEqual({ visibleQty: "0.1" });
  const larger = { ...asIs(order), visibleQty: "", qty: "0.3 " };
  expect(changesOf(order, larger)).toEqual({ qty: "0.3", visibleQty: "0.3" });
});

test("a callback is typed in percent", () => {
  expect(asIs(waiting).callback).toBe("1");
  const typed = { ...asIs(waiting), callback: "1.5", trigger: "91" };
  expect(changesOf(waiting, typed)).toEqual({ trigger: { price: "91", callback: "0.015" } });
});

test("a part is shown of GTC limit orders that wait for no price", () => {
  expect([order, whole].map(mayHide)).toEqual([true, true]);
  expect(mayHide({ ...order, timeInForce: "GTX" })).toBe(false);
  expect(mayHide({ ...order, orderType: "market" })).toBe(false);
  expect(mayHide(waiting)).toBe(false);
});

test("an order that shows all of itself is no iceberg", () => {
  expect([order, whole].map(isIceberg)).toEqual([true, false]);
  expect(isIceberg({ ...order, visibleQty: "0.10" })).toBe(false);
});
