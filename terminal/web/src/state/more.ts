/**
 * What the ticket's "More" has: kinds of orders that are not everybody's. Three of them are one order
 * with something more to it, or a pair; two are algos, which the exchange sends piece by piece.
 */

import { computed, signal } from "@preact/signals";
import { read } from "../lib/decimal.ts";
import type { Schemas } from "../net/exchange.ts";
import type { Side } from "./ticket.ts";

export type MoreKind = "pair" | "iceberg" | "match" | "scaled" | "twap";
export type PriceMatch = Schemas["PriceMatch"];
type NewOrder = Schemas["NewOrder"];
type NewAlgo = Schemas["NewAlgo"];
type By = NonNullable<Schemas["NewTrigger"]["by"]>;

export const moreKind = signal<MoreKind>("pair");
export const isAlgo = computed(() => moreKind.value === "scaled" || moreKind.value === "twap");

/** Of the pair's stop; without a limit it goes to the market. */
export const stopAt = signal("");
export const stopBy = signal<By>("MARK");
export const stopLimit = signal("");

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
  fromPrice.value = toPrice.value = worstPrice.value = "";
}

/** Whether what this kind can't be judged without was typed. */
export const isMoreTyped = computed(() => {
  if (moreKind.value === "pair") return stopAt.value.trim() !== "";
  return moreKind.value !== "iceberg" || visibleQty.value.trim() !== "";
});

/** Puts into the order what makes it of this kind; both of a pair are on one side and of one size. */
export function makeMore(order: NewOrder): void {
  if (moreKind.value === "iceberg") order.visibleQty = visibleQty.value.trim();
  if (moreKind.value === "match") order.priceMatch = priceMatch.value;
  if (moreKind.value !== "pair") return;
  const limit = stopLimit.value.trim();
  const other: NonNullable<NewOrder["other"]> = {
    side: order.side,
    orderType: limit === "" ? "market" : "limit",
    trigger: { type: "STOP", by: stopBy.value, price: stopAt.value.trim() },
  };
  if (order.qty !== undefined) other.qty = order.qty;
  if (limit !== "") other.price = limit;
  if (order.reduceOnly) other.reduceOnly = true;
  if (order.leverage !== undefined) other.leverage = order.leverage;
  order.other = other;
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
