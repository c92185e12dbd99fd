/** Candles of one market and interval: read newest first, older as one scrolls, the last one live. */

import type { TradeMessage } from "exchange-client";
import { api, type Schemas } from "../../net/exchange.ts";
import type { Bar } from "./indicators.ts";
import { INTERVALS, type Interval } from "./intervals.ts";

const PAGE = 500;
/** Rows follow their trades within moments; what was drawn from trades is checked by them. */
const CHECKED = 3;

export class Candles {
  bars: Bar[] = [];
  #cursor: string | null = null;
  #isReading = false;

  constructor(
    readonly marketId: string,
    readonly interval: Interval,
  ) {}

  /** The newest; also after a cut, as what was missed is in them. */
  async read(): Promise<void> {
    const page = await this.#page(PAGE);
    this.#cursor = page.nextCursor;
    this.#put(page.candles);
  }

  /** Whether there was anything older. */
  async readOlder(): Promise<boolean> {
    if (this.#cursor === null || this.#isReading) return false;
    this.#isReading = true;
    try {
      const page = await this.#page(PAGE, this.#cursor);
      this.#cursor = page.nextCursor;
      this.#put(page.candles);
      return page.candles.length > 0;
    } finally {
      this.#isReading = false;
    }
  }

  async check(): Promise<void> {
    this.#put((await this.#page(CHECKED)).candles);
  }

  /** The bar that changed; null for what is no offer's price, or of a bar that is over. */
  trade(trade: TradeMessage): Bar | null {
    if (trade.execution === "ADL") return null;
    const [price, qty, length] = [Number(trade.price), Number(trade.qty), INTERVALS[this.interval]];
    const time = Math.floor(trade.timeMs / 1_000 / length) * length;
    const last = this.bars.at(-1);
    if (last && time < last.time) return null;
    if (last?.time === time) {
      last.high = Math.max(last.high, price);
      last.low = Math.min(last.low, price);
      last.close = price;
      last.volume += qty;
      return last;
    }
    const bar = { time, open: price, high: price, low: price, close: price, volume: qty };
    this.bars.push(bar);
    return bar;
  }

  #page(limit: number, cursor?: string): Promise<Schemas["CandlesPage"]> {
    const query: { interval: Interval; limit: number; cursor?: string } = { interval: this.interval, limit };
    if (cursor !== undefined) query.cursor = cursor;
    const asked = { path: { market_id: this.marketId }, query: query as never };
    return api.get("/markets/{market_id}/candles", asked);
  }

  #put(candles: Schemas["CandleAnswer"][]): void {
    const known = new Map(this.bars.map((bar) => [bar.time, bar]));
    for (const candle of candles) {
      const bar = barOf(candle);
      const live = known.get(bar.time);
      const isLast = live !== undefined && live === this.bars.at(-1);
      // Of the last one the trades may know more by now.
      known.set(bar.time, isLast ? united(bar, live) : bar);
    }
    this.bars = [...known.values()].sort((one, other) => one.time - other.time);
  }
}

function united(row: Bar, live: Bar): Bar {
  const isNewer = live.volume > row.volume;
  return {
    ...row,
    high: Math.max(row.high, live.high),
    low: Math.min(row.low, live.low),
    close: isNewer ? live.close : row.close,
    volume: Math.max(row.volume, live.volume),
  };
}

function barOf(candle: Schemas["CandleAnswer"]): Bar {
  return {
    time: Date.parse(candle.openTime) / 1_000,
    open: Number(candle.open),
    high: Number(candle.high),
    low: Number(candle.low),
    close: Number(candle.close),
    volume: Number(candle.volume),
  };
}
