/**
 * The book and the trades of the market that is looked at. Messages come as often as they like; what is
 * drawn changes once a frame.
 */

import { effect, signal, untracked } from "@preact/signals";
import type { Level, TradeMessage } from "exchange-client";
import { api, feeds } from "../net/exchange.ts";
import { chosenId } from "./markets.ts";

export interface BookView {
  bids: Level[];
  asks: Level[];
  /** False from a gap, or a cut, until there is a new snapshot. */
  isRight: boolean;
}

export interface ShownTrade {
  id: number;
  price: string;
  qty: string;
  side: string;
  /** TRADE, or what forced it: LIQUIDATION, ADL. */
  execution: string;
  timeMs: number;
}

export const book = signal<BookView | null>(null);
export const trades = signal<ShownTrade[] | null>(null);

const TRADES_SHOWN = 60;
const tradeListeners = new Set<(trade: TradeMessage) => void>();

/** Of the market that is looked at, whichever that is. */
export function onTrade(listener: (trade: TradeMessage) => void): () => void {
  tradeListeners.add(listener);
  return () => tradeListeners.delete(listener);
}

export function beginBook(): void {
  effect(() => {
    const id = chosenId.value;
    if (id === "") return;
    return untracked(() => follow(id));
  });
}

function follow(id: string): () => void {
  book.value = trades.value = null;
  let drawn = 0;
  let pending: (() => BookView) | undefined;
  const stopBook = feeds.book(id, (now, isRight) => {
    pending = () => ({ bids: now.bids(), asks: now.asks(), isRight });
    drawn ||= requestAnimationFrame(() => {
      drawn = 0;
      if (pending) book.value = pending();
    });
  });
  const heard: TradeMessage[] = [];
  let drawnTrades = 0;
  const stopTrades = feeds.trades(id, (trade) => {
    heard.push(trade);
    tradeListeners.forEach((listener) => listener(trade));
    drawnTrades ||= requestAnimationFrame(() => {
      drawnTrades = 0;
      if (trades.peek()) trades.value = merged(heard.splice(0).map(shown).reverse(), trades.peek() ?? []);
    });
  });
  void readTrades(id).then((known) => {
    if (chosenId.peek() === id) trades.value = merged(heard.splice(0).map(shown).reverse(), known);
  });
  return () => {
    stopBook();
    stopTrades();
    cancelAnimationFrame(drawn);
    cancelAnimationFrame(drawnTrades);
  };
}

/** Of what passed while nobody listened. */
export async function rereadTrades(): Promise<void> {
  const id = chosenId.peek();
  const known = await readTrades(id);
  if (chosenId.peek() === id) trades.value = merged(known, trades.peek() ?? []);
}

async function readTrades(id: string): Promise<ShownTrade[]> {
  try {
    const asked = { path: { market_id: id }, query: { limit: TRADES_SHOWN } };
    const page = await api.get("/markets/{market_id}/trades", asked);
    return page.trades.map((trade) => ({ ...trade, timeMs: Date.parse(trade.executedAt) }));
  } catch {
    return []; // the feed tells what comes; the banner says why nothing does
  }
}

function shown(trade: TradeMessage): ShownTrade {
  const { tradeId, price, qty, takerSide, execution, timeMs } = trade;
  return { id: tradeId, price, qty, side: takerSide, execution, timeMs };
}

/** Newest first, each once. */
function merged(newer: ShownTrade[], older: ShownTrade[]): ShownTrade[] {
  const all = new Map([...older, ...newer].map((trade) => [trade.id, trade]));
  return [...all.values()].sort((one, other) => other.id - one.id).slice(0, TRADES_SHOWN);
}
