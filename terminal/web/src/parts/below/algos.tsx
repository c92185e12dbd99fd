/** What the exchange sends piece by piece: how far it is, and a hand on it. */

import { byStep, countdown, moment, words } from "../../lib/format.ts";
import { reasonOf } from "../../lib/reasons.ts";
import { api } from "../../net/exchange.ts";
import { change, changedCount, isWorking, type Algo } from "../../state/algos.ts";
import { show, type Told } from "../../state/dialogs.ts";
import { nowMs, tickOf } from "../../state/markets.ts";
import { seen } from "../../state/site.ts";
import { tellError } from "../../state/toasts.ts";
import { History, type Asked } from "./history.tsx";
import { MarketPick } from "./side.tsx";
import type { Column } from "./table.tsx";

const STATES = ["running", "paused", "done", "cancelled", "failed"];

export function Algos() {
  const read = async ({ limit, cursor, marketId }: Asked, state: string) => {
    const query: { limit: number; cursor?: string; marketId?: string; state?: string } = { limit };
    if (cursor !== undefined) query.cursor = cursor;
    if (marketId !== undefined) query.marketId = marketId;
    if (state !== "") query.state = state;
    const page = await api.get("/algos", { query });
    return { rows: page.algos, nextCursor: page.nextCursor };
  };
  return (
    <History
      name="Algos"
      columns={COLUMNS}
      own={{ label: "State", options: STATES }}
      isDated={false}
      changes={changedCount.value}
      read={read}
      rowKey={({ id }) => id}
      empty="No algos yet. Scaled orders and TWAP are in the ticket under More; how far they are shows here."
    />
  );
}

function nameOf({ kind }: Algo): string {
  return kind === "TWAP" ? kind : words(kind);
}

function pricesOf({ kind, marketId, fromPrice, toPrice, price }: Algo): string {
  const tick = tickOf(marketId);
  if (kind === "SCALED") return `${byStep(fromPrice, tick)} – ${byStep(toPrice, tick)}`;
  return price === null ? "Market" : byStep(price, tick);
}

function Progress({ algo: { qty, filledQty } }: { algo: Algo }) {
  const share = Math.min(1, Number(filledQty) / Number(qty));
  return (
    <span class="progress">
      {filledQty} / {qty}
      <i>
        <i style={{ transform: `scaleX(${share})` }} />
      </i>
    </span>
  );
}

function Next({ algo }: { algo: Algo }) {
  if (algo.state !== "running" || algo.nextAt === null) return <>–</>;
  return <>in {countdown(Date.parse(algo.nextAt) - nowMs.value)}</>;
}

const COLUMNS: Column<Algo>[] = [
  {
    name: "Market",
    cell: ({ marketId, type }) => <MarketPick marketId={marketId} side={type} />,
    text: ({ marketId, type }) => `${marketId} ${type}`,
  },
  {
    name: "Kind",
    cell: (algo) => `${nameOf(algo)}${algo.reduceOnly ? ", reduce-only" : ""}`,
    text: ({ kind }) => kind,
  },
  {
    name: "State",
    cell: ({ state, reason }) => (
      <span class={`status status-${state}`}>
        {words(state)}
        {reason && reason !== "USER" ? `: ${words(reason)}` : ""}
      </span>
    ),
    text: ({ state, reason }) => (reason ? `${state} ${reason}` : state),
  },
  {
    name: "Filled",
    isNumber: true,
    cell: (algo) => <Progress algo={algo} />,
    text: ({ filledQty }) => filledQty,
  },
  {
    name: "Average",
    isNumber: true,
    cell: ({ averagePrice }) => averagePrice ?? "–",
    text: ({ averagePrice }) => averagePrice,
  },
  { name: "Price", isNumber: true, cell: pricesOf, text: pricesOf },
  {
    name: "Orders sent",
    isNumber: true,
    cell: ({ slicesSent, sliceCount, openSlices }) =>
      `${slicesSent} / ${sliceCount}${openSlices > 0 ? `, ${openSlices} open` : ""}`,
    text: ({ slicesSent }) => slicesSent,
  },
  { name: "Next", isNumber: true, cell: (algo) => <Next algo={algo} /> },
  { name: "", cell: (algo) => <Hands algo={algo} /> },
];

function Hands({ algo }: { algo: Algo }) {
  const button = (label: string, act: () => Promise<void>) => (
    <button
      type="button"
      class="small"
      aria-label={`${label} ${nameOf(algo)} ${algo.id}`}
      onClick={() => void act()}
    >
      {label}
    </button>
  );
  return (
    <span class="actions">
      {!seen && (
        <>
          {algo.kind === "TWAP" && algo.state === "running" && button("Pause", () => change(algo, "pause"))}
          {algo.state === "paused" && button("Resume", () => change(algo, "resume"))}
          {isWorking(algo) && button("End", () => change(algo, "end"))}
        </>
      )}
      {button("Orders", () => explain(algo))}
    </span>
  );
}

/** Its orders, the newest first, and why it ended. */
async function explain({ id }: Algo): Promise<void> {
  try {
    const { slices, ...algo } = await api.get("/algos/{algo_id}", { path: { algo_id: id } });
    const parts: Told[] = slices.map(({ number, qty, filledQty, status, orderId, code, message }) => [
      orderId === null ? `${number}, refused` : `${number}, order ${orderId}`,
      orderId === null ? `${words(code)}: ${message ?? ""}` : `${filledQty} of ${qty}, ${words(status)}`,
    ]);
    const ended: Told[] = algo.endedAt === null ? [] : [["Ended", moment(algo.endedAt)]];
    const rows: Told[] = [["Started", moment(algo.createdAt)], ...ended, ...parts];
    const why = ENDINGS[algo.reason ?? ""] ?? (reasonOf(algo.reason) || (algo.message ?? ""));
    show({ kind: "explain", title: `${nameOf(algo)} ${id}, ${algo.marketId}`, why, rows });
  } catch (error) {
    tellError("Its orders could not be read", error);
  }
}

const ENDINGS: Record<string, string> = {
  FILLED: "All of it was filled.",
  TIME_IS_UP: "Its time was over; what was not filled by then was left.",
  REST_TOO_SMALL: "What was left was less than the smallest order of the market.",
  SLICES_ENDED: "All of its orders have ended.",
  USER: "You ended it.",
  OPERATOR: "An operator ended it.",
};
