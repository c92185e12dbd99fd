/** What traded, newest first; large trades stand out. */

import { decimal } from "../lib/decimal.ts";
import { byStep, timeOfDay, words } from "../lib/format.ts";
import { trades } from "../state/book.ts";
import { market } from "../state/markets.ts";

const FORCED: Record<string, string> = { LIQUIDATION: "Liq", ADL: "ADL" };

export function Trades() {
  const [rules, shown] = [market.value, trades.value];
  if (!rules || !shown) return <div class="loading">Loading trades…</div>;
  if (shown.length === 0) return <p class="empty">Nothing has traded yet.</p>;
  const sizes = shown.map(({ qty }) => Number(qty)).sort((one, other) => other - one);
  const large = decimal(sizes[Math.floor(sizes.length / 10)] ?? 0);
  return (
    <div class="trades">
      <div class="book-columns" aria-hidden="true">
        <span>Price ({rules.quoteAsset})</span>
        <span>Size ({rules.baseAsset})</span>
        <span>Time</span>
      </div>
      <ol class="trade-list" aria-label="Trades, newest first" tabIndex={0}>
        {shown.map(({ id, price, qty, side, execution, timeMs }) => (
          <li key={id} class={decimal(qty).gt(large) ? "large" : ""}>
            <span class={side === "LONG" ? "up" : "down"}>
              <span aria-hidden="true">{side === "LONG" ? "↑" : "↓"}</span>
              <span class="hidden">{side === "LONG" ? "bought at" : "sold at"}</span>{" "}
              {byStep(price, rules.tickSize)}
            </span>
            <span>
              {execution !== "TRADE" && (
                <abbr class="warn" title={`${words(execution)}: no trader asked for it`}>
                  {FORCED[execution] ?? words(execution)}
                </abbr>
              )}{" "}
              {byStep(qty, rules.lotSize)}
            </span>
            <span class="dim">{timeOfDay(timeMs)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}
