/**
 * A market's book, kept from the feed. Every message names its updates as U to u and the u before it
 * as pu, so a message that was lost is noticed at the next one.
 */

import { compareDecimals, isZero } from "./decimal.ts";

export type Level = readonly [price: string, qty: string];

export interface BookMessage {
  channel: string;
  type: "snapshot" | "delta";
  u: number;
  pu?: number;
  timeMs: number;
  bids: Level[];
  asks: Level[];
}

export class Book {
  #bids = new Map<string, string>();
  #asks = new Map<string, string>();
  /** The update this book is as of; null until the first snapshot, and after a gap. */
  updateId: number | null = null;
  timeMs = 0;

  /** Whether the book is right after this message; if not, subscribe again for a snapshot. */
  apply(message: BookMessage): boolean {
    if (message.type === "snapshot") {
      this.#bids = new Map(message.bids);
      this.#asks = new Map(message.asks);
    } else {
      if (this.updateId === null || message.pu !== this.updateId) {
        this.updateId = null;
        return false;
      }
      change(this.#bids, message.bids);
      change(this.#asks, message.asks);
    }
    this.updateId = message.u;
    this.timeMs = message.timeMs;
    return true;
  }

  /** Highest price first. */
  bids(): Level[] {
    return [...this.#bids].sort((one, other) => compareDecimals(other[0], one[0]));
  }

  /** Lowest price first. */
  asks(): Level[] {
    return [...this.#asks].sort((one, other) => compareDecimals(one[0], other[0]));
  }
}

function change(side: Map<string, string>, levels: Level[]): void {
  for (const [price, qty] of levels) {
    if (isZero(qty)) side.delete(price);
    else side.set(price, qty);
  }
}
