/** Figures, times and words as the browser's locale writes them. Nothing is rounded but where said. */

import { decimal, digitsOf, type Decimal } from "./decimal.ts";

type Figure = string | Decimal;

const formats = new Map<string, Intl.NumberFormat>();

function format(least: number, most: number, sign: "auto" | "exceptZero" = "auto"): Intl.NumberFormat {
  const key = `${least} ${most} ${sign}`;
  let found = formats.get(key);
  if (!found) {
    const options = { minimumFractionDigits: least, maximumFractionDigits: most, signDisplay: sign };
    found = new Intl.NumberFormat(undefined, options);
    formats.set(key, found);
  }
  return found;
}

/** Text goes in as it is: through a `number` it would lose digits. */
function written(figure: Figure, by: Intl.NumberFormat): string {
  return by.format((typeof figure === "string" ? figure : figure.toFixed()) as `${number}`);
}

/** With as many digits as the step has. */
export function byStep(figure: Figure | null | undefined, step: string): string {
  if (figure === null || figure === undefined) return "–";
  const digits = digitsOf(step);
  return written(figure, format(digits, Math.max(digits, 12)));
}

/** Money with two digits, as an overview; `exactMoney` is what a tooltip has. */
export function money(figure: Figure | null | undefined): string {
  return figure === null || figure === undefined ? "–" : written(figure, format(2, 2));
}

export function exactMoney(figure: Figure | null | undefined): string {
  return figure === null || figure === undefined ? "–" : written(figure, format(2, 6));
}

export function signedMoney(figure: Figure | null | undefined): string {
  return figure === null || figure === undefined ? "–" : written(figure, format(2, 6, "exceptZero"));
}

export function percent(fraction: Figure | null | undefined, digits = 2, isSigned = true): string {
  if (fraction === null || fraction === undefined) return "–";
  const times100 = decimal(fraction.toString()).times(100);
  return `${written(times100, format(digits, digits, isSigned ? "exceptZero" : "auto"))}%`;
}

export function compact(figure: Figure | null | undefined): string {
  if (figure === null || figure === undefined) return "–";
  return compactly.format(Number(figure));
}
const compactly = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 2 });

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false } as const;
const clock = new Intl.DateTimeFormat(undefined, CLOCK);
const dated = new Intl.DateTimeFormat(undefined, { month: "2-digit", day: "2-digit", ...CLOCK });

const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** With its year, for what may be long ago. */
export function dateOf(ms: number): string {
  return dayAndTime.format(ms);
}

export function timeOfDay(ms: number): string {
  return clock.format(ms);
}

export function moment(at: string | null | undefined): string {
  return at ? dated.format(new Date(at)) : "–";
}

/** 07:59:58 */
export function countdown(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(s / 3600), Math.floor((s % 3600) / 60), s % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** FLIPPED_BY_ORDER → Flipped by order */
export function words(code: string | null | undefined): string {
  if (!code) return "–";
  const text = code.replaceAll("_", " ").toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function signOf(figure: Figure | null | undefined): "up" | "down" | "" {
  if (figure === null || figure === undefined) return "";
  const sign = decimal(figure.toString()).cmp(0);
  return sign > 0 ? "up" : sign < 0 ? "down" : "";
}
