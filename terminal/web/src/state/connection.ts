/** How far the page can be believed: whether the feeds speak, and what the house says. */

import { computed, effect, signal } from "@preact/signals";
import { feeds, feedStatus, type Schemas } from "../net/exchange.ts";
import { nowMs, standing } from "./markets.ts";
import { book, rereadTrades } from "./book.ts";
import { readSoon } from "./account.ts";

export type Announcement = Schemas["AnnouncementAnswer"];

export const announcements = signal<Announcement[]>([]);
const lostSinceMs = signal<number | null>(null);

export interface Notice {
  level: "info" | "warning" | "bad";
  text: string;
}

/** A moment of reconnecting is nobody's business. */
const PATIENCE_MS = 1_000;

export const connectionNotice = computed<Notice | null>(() => {
  const lost = lostSinceMs.value;
  if (lost !== null && nowMs.value - lost > PATIENCE_MS) {
    const seconds = Math.round((nowMs.value - lost) / 1_000);
    return { level: "bad", text: `Connection lost. Prices are ${seconds} s old; reconnecting…` };
  }
  if (book.value && !book.value.isRight) return { level: "warning", text: "Resynchronising the order book…" };
  return null;
});

const STATES: Record<string, string> = {
  PRE_OPEN: "The market has not opened yet: orders that rest are taken, nothing trades.",
  POST_ONLY: "Post-only: orders that rest are taken, nothing that would trade at once.",
  REDUCE_ONLY: "Reduce-only: positions can be closed, none opened.",
  CANCEL_ONLY: "Cancel-only: orders can be cancelled, none placed.",
  HALTED: "The market is halted: nothing trades. Orders can be cancelled.",
  SETTLED: "The market is settled.",
  DELISTED: "The market is delisted.",
};

export const marketNotice = computed<Notice | null>(() => {
  const now = standing.value;
  if (!now || now.state === "ACTIVE") return null;
  return { level: "warning", text: STATES[now.state] ?? `The market is ${now.state}.` };
});

export function beginConnection(): void {
  let wasOpen = false;
  effect(() => {
    const isOpen = feedStatus.value === "open";
    if (isOpen) {
      if (wasOpen) {
        void rereadTrades();
        readSoon();
      }
      wasOpen = true;
      lostSinceMs.value = null;
    } else {
      lostSinceMs.value ??= Date.now();
    }
  });
  feeds.announcements((message) => (announcements.value = message.announcements as Announcement[]));
  addEventListener("online", () => feeds.restart());
}
