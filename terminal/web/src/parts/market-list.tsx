/** All markets: looked for, sorted, liked. */

import { useState } from "preact/hooks";
import { Dialog } from "../lib/dialog.tsx";
import { byStep, compact, countdown, percent, signOf } from "../lib/format.ts";
import { favourites } from "../lib/prefs.ts";
import type { Market } from "../net/exchange.ts";
import { closeDialog } from "../state/dialogs.ts";
import { choose, chosenId, markets, nowMs, standings, type Standing } from "../state/markets.ts";

interface Row {
  market: Market;
  now: Standing | undefined;
}

const COLUMNS = {
  Market: ({ market }: Row) => market.id,
  "Last price": ({ now }: Row) => Number(now?.lastPrice ?? 0),
  "24h change": ({ now }: Row) => Number(now?.day.changeRate ?? 0),
  "24h volume": ({ now }: Row) => Number(now?.day.quoteVolume ?? 0),
  Funding: ({ now }: Row) => Number(now?.fundingRate ?? 0),
  "Open interest": ({ now }: Row) => Number(now?.openInterest ?? 0),
} as const;
type Column = keyof typeof COLUMNS;

export function MarketList() {
  const [words, setWords] = useState("");
  const [sorted, setSorted] = useState<Column>("24h volume");
  const [isDown, setDown] = useState(true);
  const [isOnlyLiked, setOnlyLiked] = useState(false);
  const liked = new Set(favourites.value);
  const rows = markets.value
    .map((market) => ({ market, now: standings.value.get(market.id) }))
    .filter(({ market }) => market.id.toLowerCase().includes(words.trim().toLowerCase()))
    .filter(({ market }) => !isOnlyLiked || liked.has(market.id));
  const value = COLUMNS[sorted];
  rows.sort((one, other) => (value(one) < value(other) ? -1 : 1) * (isDown ? -1 : 1));
  const sort = (column: Column) => {
    setDown(column === sorted ? !isDown : column !== "Market");
    setSorted(column);
  };
  const pick = (id: string) => {
    choose(id);
    closeDialog();
  };
  const first = rows[0];
  return (
    <Dialog title="Markets" close={closeDialog} isWide>
      <form
        class="market-search"
        onSubmit={(event) => {
          event.preventDefault();
          if (first) pick(first.market.id);
        }}
      >
        <input
          type="search"
          placeholder="Search a market"
          aria-label="Search a market"
          value={words}
          autofocus
          onInput={(event) => setWords(event.currentTarget.value)}
        />
        <button
          type="button"
          class="quiet"
          aria-pressed={isOnlyLiked}
          onClick={() => setOnlyLiked(!isOnlyLiked)}
        >
          ★ Favourites
        </button>
      </form>
      <div class="scroll">
        <table class="rows markets">
          <thead>
            <tr>
              <th>
                <span class="hidden">Favourite</span>
              </th>
              {(Object.keys(COLUMNS) as Column[]).map((column) => (
                <th
                  key={column}
                  aria-sort={column === sorted ? (isDown ? "descending" : "ascending") : "none"}
                >
                  <button type="button" onClick={() => sort(column)}>
                    {column} {column === sorted ? (isDown ? "↓" : "↑") : ""}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <MarketRow key={row.market.id} {...row} isLiked={liked.has(row.market.id)} pick={pick} />
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p class="empty">No market is called like that.</p>}
      </div>
    </Dialog>
  );
}

function MarketRow({ market, now, isLiked, pick }: Row & { isLiked: boolean; pick: (id: string) => void }) {
  const like = () => {
    const others = favourites.value.filter((id) => id !== market.id);
    favourites.value = isLiked ? others : [...others, market.id];
  };
  const sign = signOf(now?.day.changeRate);
  return (
    <tr class={market.id === chosenId.value ? "chosen" : ""}>
      <td>
        <button
          type="button"
          class="icon star"
          aria-pressed={isLiked}
          aria-label={`Favourite ${market.id}`}
          onClick={like}
        >
          {isLiked ? "★" : "☆"}
        </button>
      </td>
      <th scope="row">
        <button type="button" class="pick" onClick={() => pick(market.id)}>
          {market.id} <span class="badge">{market.maxLeverage}×</span>
          {now && now.state !== "ACTIVE" && <span class="badge warn">{now.state}</span>}
        </button>
      </th>
      <td>{byStep(now?.lastPrice, market.tickSize)}</td>
      <td class={sign}>{percent(now?.day.changeRate)}</td>
      <td>{compact(now?.day.quoteVolume)}</td>
      <td>
        <span class={signOf(now?.fundingRate)}>{percent(now?.fundingRate, 4)}</span>{" "}
        <span class="dim">{now?.fundingTime && countdown(Date.parse(now.fundingTime) - nowMs.value)}</span>
      </td>
      <td>
        {compact(now?.openInterest)} <span class="dim">{market.baseAsset}</span>
      </td>
    </tr>
  );
}
