/**
 * What the ticket's "More" has: kinds of orders that are not everybody's. Two of them are one order
 * with something more to it, two are pairs, and two are algos, which the exchange sends piece by piece.
 */

import { computed, signal } from "@preact/signals";
import { read } from "../lib/decimal.ts";
import type { Schemas } from "../net/exchange.ts";
import type { Side } from "./ticket.ts";

export type MoreKind = "pair" | "breakout" | "iceberg" | "match" | "scaled" | "twap";
export type PriceMatch = Schemas["PriceMatch"];
type NewOrder = Schemas["NewOrder"];
type NewAlgo = Schemas["NewAlgo"];
type By = NonNullable<Schemas["NewTrigger"]["by"]>;

export const moreKind = signal<MoreKind>("pair");
export const isAlgo = computed(() => moreKind.value === "scaled" || moreKind.value === "twap");

/** Of the pair's stop, or of both of a breakout's; without a limit it goes to the market. */
export const stopAt = signal("");
export const stopBy = signal<By>("MARK");
export const stopLimit = signal("");

/** Of a breakout: a stop that buys above and one that sells below, each with its limit where it has one. */
export const buyAbove = signal("");
export const sellBelow = signal("");
export const executes = signal<"market" | "limit">("market");
export const buyLimit = signal("");
export const sellLimit = signal("");

export const visibleQty = signal("");
export const priceMatch = signal<PriceMatch>("QUEUE");

export const fromPrice = signal("");
export const toPrice = signal("");
export const count = signal("10");

export const minutes = signal("30");
export const intervalS = signal("30");
export const worstPrice = signal("");

/** Prices of the market before mean nothing here, nor do sizes. */
export function clearMore(): void {
  stopAt.value = stopLimit.value = visibleQty.value = "";
  buyAbove.value = sellBelow.value = buyLimit.value = sellLimit.value = "";
  fromPrice.value = toPrice.value = worstPrice.value = "";
}

/** Whether what this kind can't be judged without was typed. */
export const isMoreTyped = computed(() => {
  if (moreKind.value === "pair") return stopAt.value.trim() !== "";
  if (moreKind.value === "breakout") return LEGS.every((leg) => isLegTyped(stopOf(leg)));
  return moreKind.value !== "iceberg" || visibleQty.value.trim() !== "";
});

const LEGS = ["LONG", "SHORT"] as const;

/** A stop and what it does then; a limit it doesn't need is null. */
interface Stop {
  side: Side;
  at: string;
  limit: string | null;
}

function stopOf(side: Side): Stop {
  const [at, limit] = side === "LONG" ? [buyAbove, buyLimit] : [sellBelow, sellLimit];
  return { side, at: at.value.trim(), limit: executes.value === "limit" ? limit.value.trim() : null };
}

function isLegTyped({ at, limit }: Stop): boolean {
  return at !== "" && limit !== "";
}

/** Puts into the order what makes it of this kind. Both of a pair are of one size; they are on one side,
    but for a breakout, whose one stop is the order and the other the one of the other side. */
export function makeMore(order: NewOrder): void {
  const { side } = order;
  switch (moreKind.value) {
    case "iceberg":
      order.visibleQty = visibleQty.value.trim();
      break;
    case "match":
      order.priceMatch = priceMatch.value;
      break;
    case "pair": {
      const limit = stopLimit.value.trim();
      order.other = other(order, { side, at: stopAt.value.trim(), limit: limit === "" ? null : limit });
      break;
    }
    case "breakout":
      order.other = other(order, stopOf(side === "LONG" ? "SHORT" : "LONG"));
      Object.assign(order, stopping(stopOf(side)));
      break;
  }
}

function other(order: NewOrder, stop: Stop): NonNullable<NewOrder["other"]> {
  const made: NonNullable<NewOrder["other"]> = { side: stop.side, ...stopping(stop) };
  if (order.qty !== undefined) made.qty = order.qty;
  if (order.reduceOnly) made.reduceOnly = true;
  if (order.leverage !== undefined) made.leverage = order.leverage;
  return made;
}

function stopping({ at, limit }: Stop) {
  const trigger = { type: "STOP", by: stopBy.value, price: at } as const;
  return limit === null
    ? { orderType: "market" as const, trigger }
    : { orderType: "limit" as const, price: limit, trigger };
}

export interface AlgoBasics {
  marketId: string;
  side: Side;
  qty: string;
  /** Null for what only reduces. */
  leverage: number | null;
  isPostOnly: boolean;
}

export function algoOf({ marketId, side, qty, leverage, isPostOnly }: AlgoBasics): NewAlgo {
  const kind = moreKind.value === "scaled" ? "SCALED" : "TWAP";
  const asked: NewAlgo = { kind, marketId, side, qty };
  if (leverage === null) asked.reduceOnly = true;
  else asked.leverage = leverage;
  if (kind === "SCALED") {
    const timeInForce = isPostOnly ? ("GTX" as const) : ("GTC" as const);
    const [from, to] = [fromPrice.value.trim(), toPrice.value.trim()];
    return { ...asked, fromPrice: from, toPrice: to, count: count.value.trim(), timeInForce };
  }
  const durationS = read(minutes.value)?.times(60).toFixed() ?? minutes.value;
  const worst = worstPrice.value.trim();
  if (worst !== "") asked.price = worst;
  return { ...asked, durationS, intervalS: intervalS.value.trim() };
}
