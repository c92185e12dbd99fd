/** Lines drawn beside the candles. Pixels, so `number` will do. */

export interface Bar {
  /** Seconds since 1970. */
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/** One figure a bar; null where there are too few bars before it. */
export type Line = (number | null)[];

export function average(bars: readonly Bar[], length: number): Line {
  let sum = 0;
  return bars.map(({ close }, index) => {
    sum += close - (bars[index - length]?.close ?? 0);
    return index < length - 1 ? null : sum / length;
  });
}

/** The middle is the average; the bands are so many standard deviations away. */
export function bollinger(bars: readonly Bar[], length: number, width: number): [upper: Line, lower: Line] {
  const middle = average(bars, length);
  const away = middle.map((mean, index) => {
    if (mean === null) return null;
    const window = bars.slice(index - length + 1, index + 1);
    const variance = window.reduce((sum, { close }) => sum + (close - mean) ** 2, 0) / length;
    return width * Math.sqrt(variance);
  });
  const shifted = (sign: number): Line =>
    middle.map((mean, index) => {
      const by = away[index];
      return mean === null || by === null || by === undefined ? null : mean + sign * by;
    });
  return [shifted(1), shifted(-1)];
}

/** Of each UTC day, by typical price. */
export function vwap(bars: readonly Bar[]): Line {
  let [day, worth, volume] = [-1, 0, 0];
  return bars.map((bar) => {
    const today = Math.floor(bar.time / 86_400);
    if (today !== day) [day, worth, volume] = [today, 0, 0];
    worth += ((bar.high + bar.low + bar.close) / 3) * bar.volume;
    volume += bar.volume;
    return volume === 0 ? null : worth / volume;
  });
}

/** Wilder's relative strength: 100 when all changes were up. */
export function relativeStrength(bars: readonly Bar[], length: number): Line {
  let [gain, loss] = [0, 0];
  return bars.map(({ close }, index) => {
    const change = index === 0 ? 0 : close - (bars[index - 1]?.close ?? close);
    const [up, down] = [Math.max(change, 0), Math.max(-change, 0)];
    if (index <= length) {
      gain += up / length;
      loss += down / length;
      if (index < length) return null;
    } else {
      gain = (gain * (length - 1) + up) / length;
      loss = (loss * (length - 1) + down) / length;
    }
    return loss === 0 ? (gain === 0 ? 50 : 100) : 100 - 100 / (1 + gain / loss);
  });
}
