/** What the trader holds: profit at the mark as it is now. */

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { decimal, digitsOf } from "../../lib/decimal.ts";
import { byStep, exactMoney, money, percent, signedMoney, signOf } from "../../lib/format.ts";
import { unrealized } from "../../lib/worth.ts";
import type { Position } from "../../net/exchange.ts";
import { openPositions, orders, positions } from "../../state/account.ts";
import { show } from "../../state/dialogs.ts";
import { followFunding, funded } from "../../state/funding.ts";
import { markets, standings, tickOf } from "../../state/markets.ts";
import { exitsOf, type ExitKind } from "../../state/protection.ts";
import { seen } from "../../state/site.ts";
import { explainPosition } from "./explain-money.ts";
import { MarketPick } from "./side.tsx";
import { Table, type Column } from "./table.tsx";

export function Positions() {
  useEffect(followFunding, []);
  if (positions.value === null) return <div class="loading">Loading positions…</div>;
  return (
    <Table
      label="Positions"
      columns={COLUMNS}
      rows={openPositions.value}
      rowKey={({ marketId }) => marketId}
      empty="No open positions. What you buy or sell shows here, with its profit at the mark price."
    />
  );
}

function baseOf(marketId: string): string {
  return markets.value.find(({ id }) => id === marketId)?.baseAsset ?? "";
}

function markOf(position: Position): string | null {
  return standings.value.get(position.marketId)?.markPrice ?? position.markPrice;
}

function Profit({ position }: { position: Position }) {
  const profit = unrealized(position, markOf(position));
  if (profit === null) return <>–</>;
  const margin = decimal(position.margin);
  const sign = signOf(profit);
  return (
    <span class={`profit ${sign}`} data-testid="profit" title="Unrealised, at the mark price; of the margin">
      {signedMoney(profit)} {margin.gt(0) && <small>({percent(profit.div(margin))})</small>}
    </span>
  );
}

/** Two figures of a kind, one above the other. */
function Two({ children }: { children: ComponentChildren }) {
  return <span class="two">{children}</span>;
}

/** Two digits more than a price has, as it is an average; all of them on asking. */
function Entry({ position: { marketId, averagePrice } }: { position: Position }) {
  if (averagePrice === null) return <>–</>;
  const tick = tickOf(marketId);
  return <span title={averagePrice}>{byStep(decimal(averagePrice).round(digitsOf(tick) + 2), tick)}</span>;
}

/** Where it is taken out of the market by itself, if anywhere. */
function Exits({ position }: { position: Position }) {
  const live = orders.value ?? [];
  const tick = tickOf(position.marketId);
  const first = (kind: ExitKind) => {
    const [order, ...more] = exitsOf(position, kind, live);
    return `${byStep(order?.trigger?.price, tick)}${more.length > 0 ? ` +${more.length}` : ""}`;
  };
  return (
    <span data-testid="exits">
      {first("TAKE_PROFIT")} / {first("STOP")}
    </span>
  );
}

/** To the last digit: what was got or paid is money that moved. */
function Funding({ marketId }: { marketId: string }) {
  const found = funded.value.get(marketId);
  if (!found) return <>–</>;
  return (
    <span
      class={signOf(found.sum)}
      data-testid="funding"
      title={`In ${found.count} settlements since it opened`}
    >
      {signedMoney(found.sum)}
    </span>
  );
}

function Ratio({ ratio }: { ratio: string | null }) {
  if (ratio === null) return <>–</>;
  const share = Math.min(1, Number(ratio));
  const tone = share > 0.8 ? "down" : share > 0.5 ? "warn" : "";
  return (
    <span class={`ratio ${tone}`} title="What it must have over its equity: above 100% it is liquidated">
      <i>
        <i style={{ transform: `scaleX(${share})` }} />
      </i>
      {percent(ratio, 1, false)}
    </span>
  );
}

function Hands({ position }: { position: Position }) {
  return (
    <>
      <button type="button" class="small" onClick={() => show({ kind: "protect", position })}>
        TP / SL
      </button>
      <button type="button" class="small" onClick={() => show({ kind: "reverse", position })}>
        Reverse
      </button>
      <button type="button" class="small" onClick={() => show({ kind: "close", position })}>
        Close
      </button>
    </>
  );
}

const COLUMNS: Column<Position>[] = [
  {
    name: "Market",
    cell: ({ marketId, type, leverage }) => (
      <MarketPick marketId={marketId} side={type} words={["Long", "Short"]}>
        {" "}
        <span class="badge">{leverage === null ? "…" : `${decimal(leverage).round(1).toFixed()}×`}</span>
      </MarketPick>
    ),
  },
  { name: "Size", isNumber: true, cell: ({ marketId, qty }) => `${qty} ${baseOf(marketId)}` },
  {
    name: "Entry / mark",
    isNumber: true,
    cell: (position) => (
      <Two>
        <Entry position={position} />
        <span class="dim">{byStep(markOf(position), tickOf(position.marketId))}</span>
      </Two>
    ),
  },
  {
    name: "Liquidation",
    isNumber: true,
    cell: ({ marketId, liquidationPrice }) => (
      <span class="warn">{byStep(liquidationPrice, tickOf(marketId))}</span>
    ),
  },
  {
    name: "Margin, ratio",
    isNumber: true,
    cell: (position) => (
      <Two>
        <span title={exactMoney(position.margin)}>
          {!seen && (
            <button
              type="button"
              class="link"
              onClick={() => show({ kind: "margin", position })}
              aria-label="Change the margin"
            >
              ±
            </button>
          )}{" "}
          {money(position.margin)}
        </span>
        <Ratio ratio={position.marginRatio} />
      </Two>
    ),
  },
  { name: "Profit", isNumber: true, cell: (position) => <Profit position={position} /> },
  {
    name: "Realised, funding",
    isNumber: true,
    cell: ({ marketId, realizedPnl }) => (
      <Two>
        <span class={signOf(realizedPnl)} title={exactMoney(realizedPnl)}>
          {signedMoney(decimal(realizedPnl).round(2))}
        </span>
        <span>
          <small class="dim">funding</small> <Funding marketId={marketId} />
        </span>
      </Two>
    ),
  },
  { name: "TP / stop", isNumber: true, cell: (position) => <Exits position={position} /> },
  {
    name: "",
    cell: (position) => (
      <span class="actions">
        {!seen && <Hands position={position} />}
        <button
          type="button"
          class="small"
          aria-label={`How ${position.marketId} stands`}
          onClick={() => explainPosition(position)}
        >
          Why?
        </button>
      </span>
    ),
  },
];
