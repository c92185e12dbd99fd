/** What there is to trade, how it stands, and which of it is looked at. */

import { computed, effect, signal } from "@preact/signals";
import type { TickerMessage } from "exchange-client";
import { api, feeds, type Market, type Schemas } from "../net/exchange.ts";
import { seen } from "./site.ts";

export type Standing = Schemas["MarketTickerAnswer"];

export const markets = signal<Market[]>([]);
export const standings = signal<ReadonlyMap<string, Standing>>(new Map());
/** Why the list could not be read. */
export const marketsError = signal("");
export const chosenId = signal(idInAddress());
export const market = computed(() => markets.value.find(({ id }) => id === chosenId.value));
export const standing = computed(() => standings.value.get(chosenId.value));
/** Moves on each second, for what counts down. */
export const nowMs = signal(Date.now());

const DAY_FIGURES_EVERY_MS = 15_000;
const AGAIN_MS = 2_000;

/** Until it answers, then as long as the page is open. */
export async function beginMarkets(): Promise<void> {
  addEventListener("popstate", () => (chosenId.value = idInAddress() || firstId()));
  setInterval(() => (nowMs.value = Date.now()), 1_000);
  await readMarkets();
  listenToTickers();
  setInterval(() => void readMarkets(), DAY_FIGURES_EVERY_MS);
}

export function choose(id: string): void {
  if (id === idInAddress()) return;
  history.pushState(null, "", addressOf(id));
  chosenId.value = id;
}

async function readMarkets(): Promise<void> {
  try {
    const [listed, stood] = await Promise.all([api.get("/markets"), api.get("/tickers")]);
    markets.value = listed.markets;
    standings.value = new Map(stood.tickers.map((ticker) => [ticker.marketId, ticker]));
    marketsError.value = "";
    if (!listed.markets.some(({ id }) => id === chosenId.value)) chosenId.value = firstId();
  } catch (error) {
    marketsError.value = (error as Error).message;
    if (markets.value.length > 0) return; // what is known stays, the banner says how old it is
    await new Promise((wake) => setTimeout(wake, AGAIN_MS));
    await readMarkets();
  }
}

function listenToTickers(): void {
  const heard = new Set<string>();
  effect(() => {
    for (const { id } of markets.value) {
      if (heard.has(id)) continue;
      heard.add(id);
      feeds.ticker(id, (ticker) => take(id, ticker));
    }
  });
}

function take(id: string, ticker: TickerMessage): void {
  const before = standings.peek().get(id);
  if (!before) return;
  const { state, markPrice, indexPrice, lastPrice, bestBid, bestAsk, openInterest } = ticker;
  const now = { ...before, state, markPrice, indexPrice, lastPrice, bestBid, bestAsk, openInterest };
  standings.value = new Map(standings.peek()).set(id, now);
}

export function tickOf(marketId: string): string {
  return markets.value.find(({ id }) => id === marketId)?.tickSize ?? "0.01";
}

/** The busiest, until somebody chooses. */
function firstId(): string {
  const busiest = [...standings.peek().values()].sort(
    (one, other) => Number(other.day.quoteVolume) - Number(one.day.quoteVolume),
  );
  return busiest[0]?.marketId ?? "";
}

/** Of another's page the address is kept, with the reason it was opened for. */
function addressOf(id: string): string {
  if (!seen) return `/trade/${encodeURIComponent(id)}`;
  const kept = new URL(location.href);
  kept.searchParams.set("market", id);
  return kept.href;
}

function idInAddress(): string {
  if (seen) return new URLSearchParams(location.search).get("market") ?? "";
  const named = /^\/trade\/([^/]+)$/.exec(location.pathname)?.[1];
  return named === undefined ? "" : decodeURIComponent(named);
}
