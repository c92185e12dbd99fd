/** The ticket's form, and the order it asks for. What is wrong with it, the API says. */

import { computed, effect, signal } from "@preact/signals";
import { ApiError } from "exchange-client";
import { byContent } from "../lib/content.ts";
import { decimal, floorTo, read } from "../lib/decimal.ts";
import { leverages, sizeUnit } from "../lib/prefs.ts";
import { api, type Schemas } from "../net/exchange.ts";
import { session } from "../net/session.ts";
import { heardCount } from "./account.ts";
import { chosenId, market, standing } from "./markets.ts";
import { algoOf, clearMore, isAlgo as isMoreAlgo, isMoreTyped, makeMore, moreKind } from "./more.ts";
import { price, side, size } from "./ticket.ts";

export type Kind = "limit" | "market" | "conditional" | "more";
export type Preview = Schemas["OrderPreviewAnswer"];
type NewOrder = Schemas["NewOrder"];
type NewAlgo = Schemas["NewAlgo"];
type Trigger = Schemas["NewTrigger"];

export const kind = signal<Kind>("limit");
export const triggerType = signal<Trigger["type"]>("STOP");
export const triggerBy = signal<NonNullable<Trigger["by"]>>("MARK");
export const triggerPrice = signal("");
export const callback = signal("1");
export const executes = signal<"market" | "limit">("market");
export const timeInForce = signal<"GTC" | "IOC" | "FOK">("GTC");
export const isPostOnly = signal(false);
export const isReduceOnly = signal(false);
/** Whether a take-profit and a stop go with the order; each is sent where its price is typed. */
export const hasAttached = signal(false);
export const takeProfitAt = signal("");
export const stopLossAt = signal("");
export const attachedBy = signal<NonNullable<Trigger["by"]>>("MARK");
/** Of what is free, 0 to 100; 0 where a size was typed. */
export const share = signal(0);

export const preview = signal<Preview | null>(null);
/** What it is of: while a change is asked about, it is of the order before. */
export const foreseen = signal<NewOrder | null>(null);
export const errors = signal<Readonly<Record<string, string>>>({});

export const FIRST_LEVERAGE = 10;
const SETTLED_MS = 180;
const AGAIN_MS = 4_000;

export const leverage = computed(() => {
  const most = market.value?.maxLeverage ?? 1;
  return Math.min(leverages.value[chosenId.value] ?? FIRST_LEVERAGE, most);
});

/** Sent piece by piece, rather than as an order. */
export const isAlgo = computed(() => kind.value === "more" && isMoreAlgo.value);

const isMatched = computed(() => kind.value === "more" && moreKind.value === "match");
const isPair = computed(() => kind.value === "more" && moreKind.value === "pair");
export const isBreakout = computed(() => kind.value === "more" && moreKind.value === "breakout");

/** Whether a price is typed that it may not be worse than. */
export const isLimit = computed(() => {
  if (kind.value === "more") return !isAlgo.value && !isMatched.value && !isBreakout.value;
  return kind.value === "limit" || (kind.value === "conditional" && executes.value === "limit");
});

/** What a size in the quote asset is divided by. */
const worth = computed(() => {
  const typed = isLimit.value ? read(price.value) : null;
  return typed ?? (standing.value?.markPrice ? decimal(standing.value.markPrice) : null);
});

/** In the base asset, as the API takes it; what can't be read goes as it is, to be refused. */
export const qty = computed(() => {
  const [rules, at, typed] = [market.value, worth.value, read(size.value)];
  if (!rules || typed === null || sizeUnit.value === "base") return size.value.trim();
  if (!at || at.eq(0)) return "";
  return floorTo(typed.div(at), decimal(rules.lotSize)).toFixed();
});

export const isProbed = computed(() => foreseen.value !== null && foreseen.value === probe.value);

export const order = byContent<NewOrder | null>(() =>
  qty.value === "" || isAlgo.value ? null : ordering(qty.value),
);

export const algo = computed<NewAlgo | null>(() => {
  if (qty.value === "" || !isAlgo.value) return null;
  const ofLeverage = isReduceOnly.value ? null : leverage.value;
  const basics = { marketId: chosenId.value, side: side.value, qty: qty.value, leverage: ofLeverage };
  return algoOf({ ...basics, isPostOnly: isPostOnly.value });
});

/** Whether every price that this kind of order needs was typed. */
const isPriced = computed(() => {
  const isTrailing = triggerType.value === "TRAILING_STOP";
  const needsTrigger = kind.value === "conditional" && !isTrailing;
  if (kind.value === "more" && !isMoreTyped.value) return false;
  return (!isLimit.value || price.value.trim() !== "") && (!needsTrigger || triggerPrice.value.trim() !== "");
});

/** What only reduces has nothing to protect, and a pair or an algo takes nothing along. */
export const canAttach = computed(
  () => !isReduceOnly.value && !isPair.value && !isBreakout.value && !isAlgo.value,
);

/** The smallest that is taken: while no size is typed it tells the largest. An algo is foreseen by it
    alone, as one order at the market. Most moves of the mark price make no other of it. */
const probe = byContent<NewOrder | null>(() => {
  const [rules, at] = [market.value, worth.value];
  if (!rules || !at || at.lte(0)) return null;
  const [lot, least] = [decimal(rules.lotSize), decimal(rules.minQty)];
  const byWorth = floorTo(decimal(rules.minNotional).div(at), lot).plus(lot);
  if (isReduceOnly.value) return null;
  const smallest = ordering((byWorth.gt(least) ? byWorth : least).toFixed());
  delete smallest.visibleQty; // of the size that will be typed
  return smallest;
});

function ordering(ofQty: string): NewOrder {
  const asked: NewOrder = {
    marketId: chosenId.value,
    side: side.value,
    orderType: isLimit.value || isMatched.value ? "limit" : "market",
    qty: ofQty,
  };
  if (isLimit.value) asked.price = price.value.trim();
  if (isReduceOnly.value) asked.reduceOnly = true;
  else asked.leverage = leverage.value;
  if (kind.value === "limit" && isPostOnly.value) asked.postOnly = true;
  else if (kind.value === "limit") asked.timeInForce = timeInForce.value;
  if (kind.value === "conditional") asked.trigger = triggering();
  if (kind.value === "more" && !isAlgo.value) makeMore(asked);
  if (canAttach.value && hasAttached.value) {
    const [profit, stop] = [takeProfitAt.value.trim(), stopLossAt.value.trim()];
    if (profit !== "") asked.takeProfit = { price: profit, by: attachedBy.value };
    if (stop !== "") asked.stopLoss = { price: stop, by: attachedBy.value };
  }
  return asked;
}

function triggering(): Trigger {
  const trigger: Trigger = { type: triggerType.value, by: triggerBy.value };
  if (triggerPrice.value.trim() !== "") trigger.price = triggerPrice.value.trim();
  if (triggerType.value === "TRAILING_STOP") trigger.callback = fraction(callback.value);
  return trigger;
}

function fraction(percent: string): string {
  return read(percent)?.div(100).toFixed() ?? percent;
}

/** A field's words go as soon as it changes. */
export function forget(...fields: string[]): void {
  const left = Object.entries(errors.value).filter(([field]) => !fields.includes(field) && field !== "");
  errors.value = Object.fromEntries(left);
}

export function refuse(error: unknown): void {
  const { field = "", message } = error instanceof ApiError ? error : { message: (error as Error).message };
  errors.value = { [field]: message };
}

/** Fields that say themselves what is wrong with them, where they are there. */
const SAYING =
  /^(price|qty|trigger|trigger\.(price|callback)|(takeProfit|stopLoss|other)(\.price)?|other\.trigger(\.price)?|visibleQty|priceMatch|fromPrice|toPrice|count|durationS|intervalS)$/;

/** All else is said above the button. */
export const wrongElsewhere = computed(() => {
  const hasPrice = isLimit.value || isAlgo.value || isBreakout.value;
  const isSaid = (field: string) => SAYING.test(field) && (field !== "price" || hasPrice);
  return Object.entries(errors.value).find(([field]) => !isSaid(field))?.[1];
});

/** Prices of the market before mean nothing here. */
export function clear(): void {
  size.value = price.value = triggerPrice.value = takeProfitAt.value = stopLossAt.value = "";
  clearMore();
  share.value = 0;
  errors.value = {};
  preview.value = foreseen.value = null;
}

export function beginForm(): void {
  effect(() => {
    if (chosenId.value) clear();
  });
  let asking: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const whole = order.value ?? probe.value;
    const isTyped = order.value !== null;
    clearTimeout(timer);
    asking?.abort();
    // After each event: what is free has changed.
    if (!whole || !session.value || heardCount.value < 0 || !isPriced.value) {
      preview.value = foreseen.value = null;
      return;
    }
    const ask = (): void => {
      asking = new AbortController();
      void foresee(whole, isTyped, asking.signal);
      timer = setTimeout(ask, AGAIN_MS); // the book moves
    };
    timer = setTimeout(ask, SETTLED_MS);
  });
}

async function foresee(body: NewOrder, isTyped: boolean, signalled: AbortSignal): Promise<void> {
  try {
    const seen = await api.post("/order/preview", { body, signal: signalled });
    preview.value = seen;
    foreseen.value = body;
    if (isTyped) errors.value = {};
  } catch (error) {
    if (signalled.aborted) return;
    preview.value = foreseen.value = null;
    if (isTyped && error instanceof ApiError) refuse(error);
  }
}

/** So much of the largest size these terms allow, in whole lots. */
export function takeShare(percent: number): void {
  share.value = percent;
  const [most, rules, at] = [preview.value?.maxQty, market.value, worth.value];
  if (most === undefined || most === null || !rules) return;
  const lots = floorTo(decimal(most).times(percent).div(100), decimal(rules.lotSize));
  size.value = sizeUnit.value === "base" || !at ? lots.toFixed() : lots.times(at).toFixed(2);
}
