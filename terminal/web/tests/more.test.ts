import { beforeEach, expect, test } from "vitest";
import type { Schemas } from "../src/net/exchange.ts";
import * as more from "../src/state/more.ts";

type NewOrder = Schemas["NewOrder"];

const asked = (side: "LONG" | "SHORT"): NewOrder => ({
  marketId: "A",
  side,
  orderType: "market",
  qty: "0.5",
  leverage: 10,
});

function made(order: NewOrder): NewOrder {
  more.makeMore(order);
  return order;
}

const stop = (price: string) => ({ type: "STOP", by: "MARK", price });

beforeEach(() => {
  more.clearMore();
  more.stopBy.value = "MARK";
  more.executes.value = "market";
});

test("of a breakout the ticket's side is the order, and the other side its other", () => {
  more.moreKind.value = "breakout";
  [more.buyAbove.value, more.sellBelow.value] = [" 110 ", "90"];
  const sold = { side: "SHORT", orderType: "market", qty: "0.5", leverage: 10, trigger: stop("90") };
  expect(made(asked("LONG"))).toEqual({ ...asked("LONG"), trigger: stop("110"), other: sold });
  const bought = { ...sold, side: "LONG", trigger: stop("110") };
  expect(made(asked("SHORT"))).toEqual({ ...asked("SHORT"), trigger: stop("90"), other: bought });
});

test("each of its stops has a limit of its own, and both are fired by one price", () => {
  more.moreKind.value = "breakout";
  more.stopBy.value = "LAST";
  more.executes.value = "limit";
  [more.buyAbove.value, more.buyLimit.value] = ["110", "111"];
  [more.sellBelow.value, more.sellLimit.value] = ["90", "89"];
  const order = made(asked("LONG"));
  expect([order.orderType, order.price, order.trigger?.by]).toEqual(["limit", "111", "LAST"]);
  expect([order.other?.orderType, order.other?.price]).toEqual(["limit", "89"]);
  expect(order.other?.trigger.by).toBe("LAST");
});

test("a breakout is foreseen once all of it is typed", () => {
  more.moreKind.value = "breakout";
  more.buyAbove.value = "110";
  expect(more.isMoreTyped.value).toBe(false);
  more.sellBelow.value = "90";
  expect(more.isMoreTyped.value).toBe(true);
  more.executes.value = "limit";
  expect(more.isMoreTyped.value).toBe(false);
  [more.buyLimit.value, more.sellLimit.value] = ["111", "89"];
  expect(more.isMoreTyped.value).toBe(true);
});

test("a pair is on one side, and its stop goes to the market where it has no limit", () => {
  more.moreKind.value = "pair";
  more.stopAt.value = "90";
  const order: NewOrder = { ...asked("SHORT"), orderType: "limit", price: "120", reduceOnly: true };
  delete order.leverage;
  const sold = { side: "SHORT", orderType: "market", qty: "0.5", reduceOnly: true, trigger: stop("90") };
  expect(made({ ...order })).toEqual({ ...order, other: sold });
  more.stopLimit.value = "89";
  expect(made({ ...order }).other).toEqual({ ...sold, orderType: "limit", price: "89" });
});

test("what is typed for one market means nothing in another", () => {
  [more.buyAbove.value, more.sellLimit.value] = ["110", "89"];
  more.clearMore();
  expect([more.buyAbove.value, more.sellLimit.value]).toEqual(["", ""]);
});
