/** Candles of the market that is looked at, live, with the trader's own lines. */

import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { digitsOf } from "../../lib/decimal.ts";
import { byStep, compact, percent, signOf } from "../../lib/format.ts";
import { indicators, interval as chosenInterval, theme } from "../../lib/prefs.ts";
import { api, feedStatus, type Market } from "../../net/exchange.ts";
import { session } from "../../net/session.ts";
import { heardCount, orders, positions } from "../../state/account.ts";
import { onTrade } from "../../state/book.ts";
import { market } from "../../state/markets.ts";
import { tellError } from "../../state/toasts.ts";
import { Candles } from "./candles.ts";
import type { Bar } from "./indicators.ts";
import { INTERVALS, isInterval, type Interval } from "./intervals.ts";
import { linesOf, marksOf } from "./own.ts";
import { Plot } from "./plot.ts";

const INDICATORS = [
  ["ma", "MA"],
  ["bollinger", "Bollinger"],
  ["vwap", "VWAP"],
  ["rsi", "RSI"],
  ["mark", "Mark"],
  ["index", "Index"],
] as const;
const CHECK_EVERY_MS = 10_000;
const PRICES_SHOWN = 500;

export default function Chart() {
  const rules = market.value;
  const interval = isInterval(chosenInterval.value) ? chosenInterval.value : "5m";
  const ref = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const [pointed, setPointed] = useState<Bar | null>(null);
  const [isEmpty, setEmpty] = useState(false);
  const id = rules?.id;
  useEffect(() => {
    if (!ref.current || !rules) return;
    const shown = show(ref.current, rules, interval, setPointed, setEmpty);
    plot.current = shown.plot;
    return shown.stop;
    // A market's rules change with every list that is read; its chart stays.
  }, [id, interval]);
  return (
    <div class="chart">
      <Tools interval={interval} picture={() => plot.current && save(plot.current, `${id} ${interval}`)} />
      {pointed && rules && <Legend bar={pointed} rules={rules} />}
      <div
        class="plot"
        ref={ref}
        role="img"
        aria-label={`Price chart of ${id ?? "the market"}, candles of ${interval}`}
      />
      {isEmpty && <p class="empty over">Nothing has traded in this market yet.</p>}
      <a class="credit" href="https://www.tradingview.com/" target="_blank" rel="noopener noreferrer">
        Charts by TradingView
      </a>
    </div>
  );
}

function show(
  element: HTMLElement,
  rules: Market,
  interval: Interval,
  point: (bar: Bar | null) => void,
  setEmpty: (isEmpty: boolean) => void,
): { plot: Plot; stop: () => void } {
  const candles = new Candles(rules.id, interval);
  let isGone = false;
  const redraw = (isNew = false) => {
    if (isGone) return;
    plot.bars(candles.bars, isNew);
    plot.indicators(candles.bars, indicators.peek());
  };
  const plot = new Plot(element, {
    older: () =>
      void candles.readOlder().then(
        (isMore) => isMore && redraw(),
        () => undefined,
      ), // scrolled again
    pointed: (time) => point(candles.bars.find((bar) => bar.time === time) ?? candles.bars.at(-1) ?? null),
  });
  plot.precision(digitsOf(rules.tickSize));
  const read = (isNew: boolean) =>
    candles.read().then(
      () => {
        redraw(isNew);
        setEmpty(candles.bars.length === 0);
      },
      (error: unknown) => isNew && tellError("The chart could not be read", error),
    );
  void read(true).then(() => point(candles.bars.at(-1) ?? null));
  const stops = [
    onTrade((trade) => {
      const bar = candles.trade(trade);
      if (!bar) return;
      plot.bar(bar);
      setEmpty(false);
    }),
    effect(() => plot.priceLines(linesOf(rules, positions.value ?? [], orders.value ?? []))),
    theme.subscribe(() => {
      plot.recolour();
      redraw();
    }),
    effect(() => {
      plot.indicators(candles.bars, indicators.value);
      void drawPrices(plot, rules.id, interval, indicators.value, () => isGone);
    }),
    effect(() => {
      if (!session.value || heardCount.value < 0) {
        plot.marks([]);
        return;
      }
      marksOf(rules, interval).then(
        (marks) => isGone || plot.marks(marks),
        () => undefined, // the list of fills says what is wrong
      );
    }),
    effect(() => {
      if (feedStatus.value === "open" && candles.bars.length > 0) void read(false);
    }),
  ];
  const timer = setInterval(
    () =>
      void candles.check().then(
        () => redraw(),
        () => undefined,
      ),
    CHECK_EVERY_MS,
  );
  const stop = () => {
    isGone = true;
    clearInterval(timer);
    stops.forEach((end) => end());
    plot.remove();
  };
  return { plot, stop };
}

async function drawPrices(
  plot: Plot,
  marketId: string,
  interval: Interval,
  chosen: readonly string[],
  isGone: () => boolean,
): Promise<void> {
  for (const of of ["mark", "index"] as const) {
    const query = { of, interval, limit: PRICES_SHOWN } as never;
    const page = chosen.includes(of)
      ? await api
          .get("/markets/{market_id}/prices", { path: { market_id: marketId }, query })
          .catch(() => null)
      : null;
    if (isGone()) return;
    const points = (page?.candles ?? []).map((price) => ({
      time: Date.parse(price.openTime) / 1_000,
      value: Number(price.close),
    }));
    plot.prices(`of ${of}`, points.reverse());
  }
}

function Tools({ interval, picture }: { interval: Interval; picture: () => void }) {
  const flip = (name: string) => {
    const others = indicators.value.filter((one) => one !== name);
    indicators.value = others.length === indicators.value.length ? [...others, name] : others;
  };
  return (
    <div class="chart-tools">
      <div role="group" aria-label="Interval">
        {(Object.keys(INTERVALS) as Interval[]).map((one) => (
          <button
            key={one}
            type="button"
            class="tool"
            aria-pressed={one === interval}
            onClick={() => (chosenInterval.value = one)}
          >
            {one}
          </button>
        ))}
      </div>
      <div role="group" aria-label="Lines" class="lines">
        {INDICATORS.map(([name, words]) => (
          <button
            key={name}
            type="button"
            class="tool"
            aria-pressed={indicators.value.includes(name)}
            onClick={() => flip(name)}
          >
            {words}
          </button>
        ))}
      </div>
      <button type="button" class="tool picture" onClick={picture}>
        Picture
      </button>
    </div>
  );
}

function Legend({ bar, rules }: { bar: Bar; rules: Market }) {
  const sign = signOf(String(bar.close - bar.open));
  const figure = (name: string, value: number) => (
    <span>
      {name} <b class={sign}>{byStep(value.toFixed(digitsOf(rules.tickSize)), rules.tickSize)}</b>
    </span>
  );
  return (
    <div class="legend">
      {figure("O", bar.open)}
      {figure("H", bar.high)}
      {figure("L", bar.low)}
      {figure("C", bar.close)}
      <span class={sign}>{percent(String((bar.close - bar.open) / bar.open))}</span>
      <span>
        Vol <b>{compact(String(bar.volume))}</b> {rules.baseAsset}
      </span>
    </div>
  );
}

function save(plot: Plot, name: string): void {
  plot.picture().toBlob((blob) => {
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}.png`;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
