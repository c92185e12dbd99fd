/** The page by keyboard: / finds a market, b and s turn the ticket, p and z are price and size. */

import { show } from "./state/dialogs.ts";
import { seen } from "./state/site.ts";
import { side } from "./state/ticket.ts";

const OF_ALL: Record<string, () => void> = { "/": () => show({ kind: "markets" }) };
const KEYS: Record<string, () => void> = {
  ...OF_ALL,
  b: () => (side.value = "LONG"),
  s: () => (side.value = "SHORT"),
  p: () => focus("price"),
  z: () => focus("size"),
};

function focus(name: string): void {
  document.querySelector<HTMLInputElement>(`#ticket input[name=${name}]`)?.focus();
}

export function beginKeys(): void {
  addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"))
      return;
    const act = (seen ? OF_ALL : KEYS)[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
