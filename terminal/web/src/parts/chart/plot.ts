/** The drawing itself, on lightweight-charts; it knows bars and lines, nothing of the exchange. */

import {
  CandlestickSeries,
  ColorType,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  LineStyle,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import { average, bollinger, relativeStrength, vwap, type Bar, type Line } from "./indicators.ts";

export interface PriceLine {
  /** What it stands for; one of its kind keeps its line while its price changes. */
  key: string;
  price: number;
  title: string;
  tone: "up" | "down" | "accent" | "dim";
  isDashed: boolean;
  drag?: (price: number) => void;
}

export interface Mark {
  time: number;
  isBuy: boolean;
  words: string;
}

type Drawn = ISeriesApi<"Line">;

const NEAR_PX = 6;
const COLOURS = [
  "--text",
  "--dim",
  "--line",
  "--panel",
  "--up",
  "--down",
  "--accent",
  "--line-2",
  "--line-3",
] as const;
type Colours = Record<(typeof COLOURS)[number], string>;

export class Plot {
  readonly #chart: IChartApi;
  readonly #candles: ISeriesApi<"Candlestick">;
  readonly #volume: ISeriesApi<"Histogram">;
  readonly #markers: ISeriesMarkersPluginApi<Time>;
  #lines = new Map<string, { line: IPriceLine; is: PriceLine }>();
  #drawn = new Map<string, Drawn>();
  #colours: Colours = colours();
  #dragged: PriceLine | null = null;

  constructor(
    private readonly element: HTMLElement,
    events: { older(): void; pointed(time: number | null): void },
  ) {
    this.#chart = createChart(element, {
      autoSize: true,
      layout: { attributionLogo: false }, // its style would be inline; the words below the chart say it
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.22 } },
      timeScale: {
        ...{ borderVisible: false, timeVisible: true, rightOffset: 6, minBarSpacing: 1 },
        tickMarkFormatter: (time: Time, type: number) => tick(Number(time), type),
      },
      localization: { timeFormatter: (time: Time) => new Date(Number(time) * 1_000).toLocaleString() },
    });
    this.#candles = this.#chart.addSeries(CandlestickSeries, {});
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      ...{
        priceScaleId: "volume",
        priceFormat: { type: "volume" },
        lastValueVisible: false,
        priceLineVisible: false,
      },
    });
    this.#chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.#markers = createSeriesMarkers(this.#candles, []);
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < 20) events.older();
    });
    this.#chart.subscribeCrosshairMove(({ time }) =>
      events.pointed(time === undefined ? null : Number(time)),
    );
    this.#listenForDrags();
    this.recolour();
  }

  remove(): void {
    this.#chart.remove();
  }

  precision(digits: number): void {
    const priceFormat = { type: "price" as const, precision: digits, minMove: 10 ** -digits };
    this.#candles.applyOptions({ priceFormat });
  }

  recolour(): void {
    this.#colours = colours();
    const c = this.#colours;
    this.#chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: "transparent" },
        textColor: c["--dim"],
        fontSize: 11,
        fontFamily: getComputedStyle(this.element).fontFamily,
        panes: { separatorColor: c["--line"] },
      },
      grid: { vertLines: { color: c["--line"] }, horzLines: { color: c["--line"] } },
    });
    const [up, down] = [c["--up"], c["--down"]];
    this.#candles.applyOptions({
      ...{ upColor: up, downColor: down, borderVisible: false, wickUpColor: up, wickDownColor: down },
    });
  }

  /** All bars; a new market or interval shows its end. */
  bars(bars: readonly Bar[], isNew: boolean): void {
    this.#candles.setData(bars.map((bar) => ({ ...bar, time: at(bar) })));
    this.#volume.setData(bars.map((bar) => this.#volumeOf(bar)));
    if (!isNew) return;
    this.#chart.timeScale().applyOptions({ barSpacing: 7 });
    this.#chart.timeScale().scrollToRealTime();
    this.#chart.priceScale("right").applyOptions({ autoScale: true });
  }

  bar(bar: Bar): void {
    this.#candles.update({ ...bar, time: at(bar) });
    this.#volume.update(this.#volumeOf(bar));
  }

  #volumeOf(bar: Bar) {
    const colour = this.#colours[bar.close >= bar.open ? "--up" : "--down"];
    return { time: at(bar), value: bar.volume, color: `${colour}55` };
  }

  indicators(bars: readonly Bar[], chosen: readonly string[]): void {
    const wanted = new Map<string, [Line, keyof Colours, pane?: number]>();
    if (chosen.includes("ma")) {
      wanted.set("MA 7", [average(bars, 7), "--accent"]).set("MA 25", [average(bars, 25), "--line-2"]);
    }
    if (chosen.includes("bollinger")) {
      const [upper, lower] = bollinger(bars, 20, 2);
      wanted.set("BB upper", [upper, "--line-3"]).set("BB lower", [lower, "--line-3"]);
    }
    if (chosen.includes("vwap")) wanted.set("VWAP", [vwap(bars), "--line-2"]);
    if (chosen.includes("rsi")) wanted.set("RSI 14", [relativeStrength(bars, 14), "--accent", 1]);
    for (const [name, series] of this.#drawn) {
      if (wanted.has(name) || name.startsWith("of ")) continue;
      this.#chart.removeSeries(series);
      this.#drawn.delete(name);
    }
    for (const [name, [line, colour, pane]] of wanted) {
      const points = line.flatMap((value, index) => {
        const bar = bars[index];
        return value === null || !bar ? [] : [{ time: at(bar), value }];
      });
      this.#draw(name, colour, points, pane);
    }
  }

  /** Of mark or index; empty takes it away. */
  prices(name: "of mark" | "of index", points: { time: number; value: number }[]): void {
    const colour = name === "of mark" ? "--line-2" : "--line-3";
    this.#draw(
      name,
      colour,
      points.map(({ time, value }) => ({ time: time as UTCTimestamp, value })),
    );
  }

  #draw(
    name: string,
    colour: keyof Colours,
    points: { time: UTCTimestamp; value: number }[],
    pane = 0,
  ): void {
    let series = this.#drawn.get(name);
    if (!series) {
      const options = { lineWidth: 1 as const, priceLineVisible: false, crosshairMarkerVisible: false };
      series = this.#chart.addSeries(
        LineSeries,
        { ...options, lastValueVisible: pane > 0, title: pane > 0 ? name : "" },
        pane,
      );
      this.#drawn.set(name, series);
      if (pane > 0) this.#chart.panes()[pane]?.setHeight(90);
    }
    series.applyOptions({ color: this.#colours[colour] });
    series.setData(points);
  }

  marks(marks: readonly Mark[]): void {
    this.#markers.setMarkers(
      marks.map(({ time, isBuy, words }): SeriesMarker<Time> => ({
        time: time as UTCTimestamp,
        position: isBuy ? "belowBar" : "aboveBar",
        shape: isBuy ? "arrowUp" : "arrowDown",
        color: this.#colours[isBuy ? "--up" : "--down"],
        text: words,
      })),
    );
  }

  priceLines(wanted: readonly PriceLine[]): void {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, { line }] of this.#lines) {
      if (keys.has(key)) continue;
      this.#candles.removePriceLine(line);
      this.#lines.delete(key);
    }
    for (const is of wanted) {
      const options = {
        ...{ price: is.price, title: is.title, color: this.#colours[`--${is.tone}`] },
        ...{ lineWidth: 1 as const, lineStyle: is.isDashed ? LineStyle.Dashed : LineStyle.Solid },
        ...{ axisLabelVisible: true },
      };
      const there = this.#lines.get(is.key);
      if (this.#dragged?.key === is.key) continue; // it is in the trader's hand
      if (there) {
        there.line.applyOptions(options);
        there.is = is;
      } else {
        this.#lines.set(is.key, { line: this.#candles.createPriceLine(options), is });
      }
    }
  }

  picture(): HTMLCanvasElement {
    return this.#chart.takeScreenshot(true);
  }

  #near(y: number): { line: IPriceLine; is: PriceLine } | undefined {
    return [...this.#lines.values()].find(({ is }) => {
      const there = is.drag ? this.#candles.priceToCoordinate(is.price) : null;
      return there !== null && Math.abs(there - y) <= NEAR_PX;
    });
  }

  #listenForDrags(): void {
    const height = (event: PointerEvent) => event.clientY - this.element.getBoundingClientRect().top;
    this.element.addEventListener("pointermove", (event) => {
      if (this.#dragged) {
        const price = this.#candles.coordinateToPrice(height(event));
        if (price !== null) this.#lines.get(this.#dragged.key)?.line.applyOptions({ price });
      } else {
        this.element.classList.toggle("on-line", this.#near(height(event)) !== undefined);
      }
    });
    this.element.addEventListener("pointerdown", (event) => {
      const found = this.#near(height(event));
      if (!found) return;
      this.#dragged = found.is;
      this.#chart.applyOptions({ handleScroll: false, handleScale: false });
      this.element.setPointerCapture(event.pointerId);
    });
    const drop = (event: PointerEvent) => {
      const dragged = this.#dragged;
      if (!dragged) return;
      this.#dragged = null;
      this.#chart.applyOptions({ handleScroll: true, handleScale: true });
      const price = this.#candles.coordinateToPrice(height(event));
      // Until it is amended it is where it was.
      this.#lines.get(dragged.key)?.line.applyOptions({ price: dragged.price });
      if (event.type === "pointerup" && price !== null) dragged.drag?.(price);
    };
    this.element.addEventListener("pointerup", drop);
    this.element.addEventListener("pointercancel", drop);
  }
}

function at(bar: Bar): UTCTimestamp {
  return bar.time as UTCTimestamp;
}

/** The browser's own time zone; the library would write UTC. */
function tick(time: number, type: number): string {
  const date = new Date(time * 1_000);
  if (type === 0) return String(date.getFullYear());
  if (type === 1) return date.toLocaleDateString(undefined, { month: "short" });
  if (type === 2) return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
}

function colours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const pairs = COLOURS.map((name) => [name, style.getPropertyValue(name).trim()]);
  return Object.fromEntries(pairs) as Colours;
}
