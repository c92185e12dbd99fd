/** How much lies between the middle and a price: bids to the left, asks to the right. */

import { useMemo } from "preact/hooks";
import { byStep, compact } from "../lib/format.ts";
import { ladder, type Rung } from "../lib/ladder.ts";
import { book } from "../state/book.ts";
import { market } from "../state/markets.ts";

const LEVELS = 200;
const [WIDTH, HEIGHT] = [300, 200];

export function Depth() {
  const [rules, now] = [market.value, book.value];
  const sides = useMemo(() => {
    if (!rules || !now) return null;
    const bids = ladder(now.bids, rules.tickSize, "bid", LEVELS);
    const asks = ladder(now.asks, rules.tickSize, "ask", LEVELS);
    return { bids, asks };
  }, [rules, now]);
  const last = { bid: sides?.bids.at(-1), ask: sides?.asks.at(-1) };
  if (!rules || !sides) return <div class="loading">Loading the order book…</div>;
  if (!last.bid || !last.ask) return <p class="empty">One side of the book is empty.</p>;
  const [low, high] = [Number(last.bid.price), Number(last.ask.price)];
  const most = Math.max(Number(last.bid.total), Number(last.ask.total));
  const x = (price: string) => ((Number(price) - low) / (high - low)) * WIDTH;
  const y = (total: number) => HEIGHT - (total / most) * (HEIGHT - 12);
  const path = (rungs: Rung[]) => {
    let line = `M${x(rungs[0]?.price ?? "0")},${HEIGHT}`;
    for (const { price, total } of rungs) line += `H${x(price)}V${y(Number(total))}`;
    return `${line}V${HEIGHT}Z`;
  };
  return (
    <figure class="depth-chart">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label="Depth of the book"
      >
        <path class="bids" d={path(sides.bids)} />
        <path class="asks" d={path(sides.asks)} />
      </svg>
      <figcaption>
        <span>
          {byStep(last.bid.price, rules.tickSize)} <b class="up">{compact(last.bid.total)}</b>
        </span>
        <span>
          <b class="down">{compact(last.ask.total)}</b> {byStep(last.ask.price, rules.tickSize)}
        </span>
      </figcaption>
    </figure>
  );
}
