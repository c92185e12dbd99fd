/** The ladder: asks above, bids below, the spread between; a click puts the price into the ticket. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { decimal, type Decimal } from "../lib/decimal.ts";
import { byStep, percent } from "../lib/format.ts";
import { ladder, stepsOf, type Rung } from "../lib/ladder.ts";
import type { Market } from "../net/exchange.ts";
import { orders } from "../state/account.ts";
import { book } from "../state/book.ts";
import { chosenId, market, standing } from "../state/markets.ts";
import { seen } from "../state/site.ts";
import { takePrice } from "../state/ticket.ts";

const ROW_PX = 20;
const SPREAD_PX = 34;
const WHOSE = seen?.username ?? "yours";

export function Book() {
  const rules = market.value;
  const [step, setStep] = useState<{ of: string; step: string } | null>(null);
  const [rows, ref] = useRows();
  if (!rules) return <div class="loading">Loading the order book…</div>;
  const chosen = step?.of === rules.id ? step.step : rules.tickSize;
  return (
    <div class="book">
      <div class="book-head">
        <label class="select">
          <span class="hidden">Price step</span>
          <select
            value={chosen}
            onChange={(event) => setStep({ of: rules.id, step: event.currentTarget.value })}
          >
            {stepsOf(rules.tickSize).map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
        <Balance />
      </div>
      <div class="book-columns" aria-hidden="true">
        <span>Price ({rules.quoteAsset})</span>
        <span>Size ({rules.baseAsset})</span>
        <span>Total</span>
      </div>
      <div class="book-body" ref={ref}>
        <Sides rules={rules} step={chosen} rows={rows} />
      </div>
    </div>
  );
}

/** How many rows of a side there is room for. */
function useRows(): [number, preact.RefObject<HTMLDivElement | null>] {
  const ref = useRef<HTMLDivElement>(null);
  const [rows, setRows] = useState(11);
  const isThere = market.value !== undefined;
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const measure = () => setRows(Math.max(5, Math.floor((element.clientHeight - SPREAD_PX) / 2 / ROW_PX)));
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, [isThere]);
  return [rows, ref];
}

function Sides({ rules, step, rows }: { rules: Market; step: string; rows: number }) {
  const now = book.value;
  if (!now) return <div class="loading">Loading the order book…</div>;
  const asks = ladder(now.asks, step, "ask", rows);
  const bids = ladder(now.bids, step, "bid", rows);
  const most = [asks.at(-1)?.total, bids.at(-1)?.total].reduce<Decimal>(
    (max, total) => (total?.gt(max) ? total : max),
    decimal("0.000001"),
  );
  const own = ownPrices(step);
  return (
    <div class={now.isRight ? "" : "stale"}>
      <ol class="side asks" aria-label="Asks, best last" style={{ minHeight: `${rows * ROW_PX}px` }}>
        {asks.toReversed().map((rung) => (
          <Row
            key={rung.price}
            rung={rung}
            rules={rules}
            step={step}
            most={most}
            isOwn={own.has(`SHORT ${rung.price}`)}
          />
        ))}
      </ol>
      <Spread rules={rules} bid={now.bids[0]?.[0]} ask={now.asks[0]?.[0]} />
      <ol class="side bids" aria-label="Bids, best first">
        {bids.map((rung) => (
          <Row
            key={rung.price}
            rung={rung}
            rules={rules}
            step={step}
            most={most}
            isOwn={own.has(`LONG ${rung.price}`)}
          />
        ))}
      </ol>
      {asks.length + bids.length === 0 && <p class="empty">Nobody offers anything right now.</p>}
    </div>
  );
}

function ownPrices(step: string): Set<string> {
  const mine = (orders.value ?? []).filter(
    ({ marketId, status, price }) => marketId === chosenId.value && status === "open" && price !== null,
  );
  return new Set(
    mine.map(({ type, price, qty }) => {
      const [rung] = ladder([[price ?? "0", qty ?? "0"]], step, type === "LONG" ? "bid" : "ask", 1);
      return `${type} ${rung?.price ?? ""}`;
    }),
  );
}

interface RowProps {
  rung: Rung;
  rules: Market;
  step: string;
  most: Decimal;
  isOwn: boolean;
}

function Row({ rung, rules, step, most, isOwn }: RowProps) {
  const share = Number(rung.total.div(most).toFixed(3));
  const words = `${rung.price}, ${rung.qty.toFixed()} ${rules.baseAsset}${isOwn ? `, with an order of ${WHOSE}` : ""}`;
  const figures = (
    <>
      <i class="depth" style={{ transform: `scaleX(${share})` }} />
      <span class="price">
        {isOwn && (
          <b class="own" title={`An order of ${WHOSE}`}>
            ●
          </b>
        )}
        {byStep(rung.price, decimal(step).gte(1) ? rules.tickSize : step)}
      </span>
      <span>{byStep(rung.qty, rules.lotSize)}</span>
      <span>{byStep(rung.total, rules.lotSize)}</span>
    </>
  );
  return (
    <li>
      {seen ? (
        <div class="rung">{figures}</div>
      ) : (
        <button
          type="button"
          class="rung"
          aria-label={words}
          tabIndex={-1}
          onClick={() => takePrice(rung.price)}
        >
          {figures}
        </button>
      )}
    </li>
  );
}

function Spread({ rules, bid, ask }: { rules: Market; bid: string | undefined; ask: string | undefined }) {
  const now = standing.value;
  const last = now?.lastPrice ?? now?.markPrice ?? "";
  const spread = bid !== undefined && ask !== undefined ? decimal(ask).minus(bid) : null;
  return (
    <div class="spread">
      {seen ? (
        <b title="Last price">{byStep(last || null, rules.tickSize)}</b>
      ) : (
        <button type="button" onClick={() => last && takePrice(last)} title="Last price: into the ticket">
          {byStep(last || null, rules.tickSize)}
        </button>
      )}
      <span class="dim" title="Mark price">
        {byStep(now?.markPrice, rules.tickSize)}
      </span>
      {spread && ask !== undefined && (
        <span class="dim" title="Spread">
          {byStep(spread, rules.tickSize)} ({percent(spread.div(ask), 3, false)})
        </span>
      )}
    </div>
  );
}

/** How much is bid against how much is asked, near the middle. */
function Balance() {
  const now = book.value;
  if (!now) return null;
  const sum = (levels: (typeof now)["bids"]) =>
    levels.slice(0, 20).reduce((total, [, qty]) => total.plus(qty), decimal(0));
  const [bids, asks] = [sum(now.bids), sum(now.asks)];
  const all = bids.plus(asks);
  if (all.eq(0)) return null;
  const share = Number(bids.div(all).toFixed(3));
  return (
    <span class="balance" title="Size of the 20 best bids against that of the asks">
      <span class="up">B {Math.round(share * 100)}%</span>
      <i>
        <i style={{ transform: `scaleX(${share})` }} />
      </i>
      <span class="down">{100 - Math.round(share * 100)}% A</span>
    </span>
  );
}
