export const INTERVALS = {
  "1m": 60,
  "5m": 300,
  "15m": 900,
  "1h": 3_600,
  "4h": 14_400,
  "1d": 86_400,
} as const;
export type Interval = keyof typeof INTERVALS;

export function isInterval(text: string): text is Interval {
  return text in INTERVALS;
}
