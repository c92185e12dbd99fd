/** What must be seen: a feed that is cut, a market that doesn't trade, what the house says; and toasts. */

import { signal } from "@preact/signals";
import { moment } from "../lib/format.ts";
import { announcements, connectionNotice, marketNotice } from "../state/connection.ts";
import { marketsError } from "../state/markets.ts";
import { dismiss, toasts } from "../state/toasts.ts";

const read = signal<ReadonlySet<number>>(new Set());

export function Banner() {
  const own = [connectionNotice.value, marketNotice.value].filter((notice) => notice !== null);
  const shown = announcements.value.filter(({ id }) => !read.value.has(id));
  return (
    <div class="banners" role="status">
      {marketsError.value && own.length === 0 && <p class="banner bad">{marketsError.value}</p>}
      {own.map(({ level, text }) => (
        <p key={text} class={`banner ${level}`}>
          <span aria-hidden="true">⚠</span> {text}
        </p>
      ))}
      {shown.map(({ id, level, text, maintenance }) => (
        <p key={id} class={`banner ${level === "info" ? "info" : "warning"}`}>
          {text}
          {maintenance && ` Maintenance: ${moment(maintenance.from)} to ${moment(maintenance.until)}.`}
          <button
            type="button"
            class="icon"
            aria-label="Dismiss"
            onClick={() => (read.value = new Set(read.value).add(id))}
          >
            ✕
          </button>
        </p>
      ))}
    </div>
  );
}

const SIGNS = { good: "✓", bad: "!", plain: "·" } as const;

export function Toasts() {
  return (
    <div class="toasts" role="log" aria-live="polite" aria-label="What happened">
      {toasts.value.map(({ id, tone, title, text }) => (
        <div key={id} class={`toast ${tone}`}>
          <span class="sign" aria-hidden="true">
            {SIGNS[tone]}
          </span>
          <div>
            <b>{title}</b>
            {text && <p>{text}</p>}
          </div>
          <button type="button" class="icon" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
