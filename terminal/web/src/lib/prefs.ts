/** What the page remembers of how it is liked. Nothing that signs anyone in. */

import { effect, signal, type Signal } from "@preact/signals";

function kept<T>(name: string, first: T): Signal<T> {
  const key = `terminal.${name}`;
  let value = first;
  try {
    const text = localStorage.getItem(key);
    if (text !== null) value = JSON.parse(text) as T;
  } catch {
    localStorage.removeItem(key); // written by someone else: begin anew
  }
  const held = signal(value);
  effect(() => localStorage.setItem(key, JSON.stringify(held.value)));
  return held;
}

export const favourites = kept<string[]>("favourites", []);
export const interval = kept<string>("interval", "5m");
export const indicators = kept<string[]>("indicators", ["ma"]);
export const leverages = kept<Record<string, number>>("leverages", {});
export const sizeUnit = kept<"base" | "quote">("sizeUnit", "base");
export const confirmsOrders = kept<boolean>("confirmsOrders", false);
export const belowHeight = kept<number>("belowHeight", 280);
export const bookWidth = kept<number>("bookWidth", 296);
export const ticketWidth = kept<number>("ticketWidth", 316);
export const sounds = kept<boolean>("sounds", false);

export type Theme = "dark" | "light";

/** In a cookie, so that the server draws the page in it from the first paint on. */
export const theme = signal<Theme>(startingTheme());
document.documentElement.dataset["theme"] = theme.peek();

export function choose(next: Theme): void {
  document.documentElement.dataset["theme"] = next;
  theme.value = next; // whoever hears of it reads the colours that are there by now
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${next}; Path=/; Max-Age=31536000; SameSite=Strict${secure}`;
}

function startingTheme(): Theme {
  const said = document.documentElement.dataset["theme"];
  if (said === "dark" || said === "light") return said;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}
