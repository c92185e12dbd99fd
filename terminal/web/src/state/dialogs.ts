/** Which dialog is open, and the page that a phone shows. */

import { signal } from "@preact/signals";
import type { Order, Position } from "../net/exchange.ts";
import { seen } from "./site.ts";

/** Where a line of the chart was dropped. */
export interface Moved {
  price?: string;
  trigger?: string;
}

/** A name and what it is. */
export type Told = [string, string];

export type AccountPart =
  | ("security" | "sessions" | "keys" | "deposit" | "withdraw")
  | ("accounts" | "fees" | "referrals" | "statement" | "notices" | "closing");

export type Open =
  | { kind: "sign-in" | "sign-up" | "forgotten" | "faucet" | "markets" }
  | { kind: "new-password" | "verify-mail"; token: string }
  | { kind: "account"; part: AccountPart }
  | { kind: "close" | "margin" | "protect" | "reverse"; position: Position }
  | { kind: "amend"; order: Order; moved?: Moved }
  | { kind: "explain"; title: string; why: string; rows: Told[] };

export const open = signal<Open | null>(null);

export const PHONE_PAGES = ["chart", "book", "trade", "positions"] as const;
export type PhonePage = (typeof PHONE_PAGES)[number];
export const phonePage = signal<PhonePage>("chart");

/** By these nothing is done: all that there are on another's page. */
const SHOWING: readonly Open["kind"][] = ["markets", "explain"];

export function show(dialog: Open): void {
  if (seen && !SHOWING.includes(dialog.kind)) return;
  open.value = dialog;
}

export function closeDialog(): void {
  open.value = null;
}
