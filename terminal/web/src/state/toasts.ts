/** What happened just now, told once: to eyes in a corner, to screen readers as it comes. */

import { signal } from "@preact/signals";
import { ApiError } from "exchange-client";

export type Tone = "good" | "bad" | "plain";

export interface Toast {
  id: number;
  tone: Tone;
  title: string;
  text: string;
}

export const toasts = signal<Toast[]>([]);

const SHOWN_MS = 6_000;
const SHOWN_MAX = 4;
let last = 0;

export function tell(tone: Tone, title: string, text = ""): void {
  const toast = { id: ++last, tone, title, text };
  toasts.value = [...toasts.value, toast].slice(-SHOWN_MAX);
  setTimeout(() => dismiss(toast.id), SHOWN_MS);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** The API's own words. */
export function tellError(title: string, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  tell(
    "bad",
    title,
    error instanceof ApiError && error.retryAfterS ? `${text} (${error.retryAfterS} s)` : text,
  );
}
