/** What trading costs here, and what the next tier takes. */

import { useAnswer } from "../../lib/answer.ts";
import { Waiting } from "../../lib/form.tsx";
import { compact, exactMoney, percent } from "../../lib/format.ts";
import { api, type Schemas } from "../../net/exchange.ts";
import { Table, type Column } from "../below/table.tsx";

const COLUMNS: Column<Schemas["FeeRates"]>[] = [
  { name: "Market", cell: ({ marketId }) => marketId },
  { name: "Maker", isNumber: true, cell: ({ makerFee }) => percent(makerFee, 3, false) },
  { name: "Taker", isNumber: true, cell: ({ takerFee }) => percent(takerFee, 3, false) },
];

const SET_BY: Record<string, string> = {
  hand: "an operator set it",
  market: "the market's own fees",
  volume: "by your volume",
};

export function Fees() {
  const { value: fees, wrong } = useAnswer(() => api.get("/user/fees"));
  if (!fees) return <Waiting wrong={wrong} />;
  const { nextTier: next } = fees;
  return (
    <>
      <p>
        Tier <b>{fees.tier ?? "none"}</b> ({SET_BY[fees.setBy]}), volume of 30 days, all your accounts:{" "}
        <b title={exactMoney(fees.volume30d)}>{compact(fees.volume30d)}</b>.
      </p>
      {next && (
        <p class="dim">
          {next.name} from {compact(next.fromVolume)}: maker {percent(next.makerFee, 3, false)}, taker{" "}
          {percent(next.takerFee, 3, false)}; {compact(next.missing)} to go.
        </p>
      )}
      <Table
        label="Fees"
        columns={COLUMNS}
        rows={fees.markets}
        rowKey={({ marketId }) => marketId}
        empty="No markets."
      />
    </>
  );
}
