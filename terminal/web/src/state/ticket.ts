/** What others put into the ticket: a price of the book, a size of a position. */

import { signal } from "@preact/signals";
import { phonePage } from "./dialogs.ts";

export type Side = "LONG" | "SHORT";

export const side = signal<Side>("LONG");
export const price = signal("");
export const size = signal("");

/** A click in the book. */
export function takePrice(chosen: string): void {
  price.value = chosen;
  phonePage.value = phonePage.peek() === "book" ? "trade" : phonePage.peek();
}
