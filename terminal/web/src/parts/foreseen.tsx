/** What the order would hold, cost and make of the position: the engine's own figures. */

import { byStep, exactMoney, percent, words } from "../lib/format.ts";
import { session } from "../net/session.ts";
import { foreseen, isProbed, order, preview } from "../state/form.ts";
import { market } from "../state/markets.ts";

export function Foreseen({ quote, tick }: { quote: string; tick: string }) {
  const [seen, rules] = [preview.value, market.value];
  if (!rules) return null;
  if (!session.value || !seen || !order.value || isProbed.value) {
    return (
      <dl class="foreseen">
        <Line name="Fee, maker / taker">
          {percent(seen?.makerFee ?? rules.makerFee, 3, false)} /{" "}
          {percent(seen?.takerFee ?? rules.takerFee, 3, false)}
        </Line>
        <Line name="Max size">{seen?.maxQty ? `${seen.maxQty} ${rules.baseAsset}` : "–"}</Line>
      </dl>
    );
  }
  const { required, expected, position } = seen;
  return (
    <dl class={foreseen.value === order.value ? "foreseen" : "foreseen stale"} aria-live="polite">
      <Line name="Outcome">{words(seen.outcome)}</Line>
      <Line name="Needs" tone={seen.affordable ? "" : "down"}>
        {exactMoney(required.total)} {quote}
        {!seen.affordable && ", more than is free"}
      </Line>
      <Line name="of it margin">{exactMoney(required.margin)}</Line>
      {required.openLoss !== "0" && <Line name="of it loss at once">{exactMoney(required.openLoss)}</Line>}
      <Line name="of it fee, at most">{exactMoney(required.fee)}</Line>
      {expected.averagePrice !== null && (
        <>
          <Line name="Fills now">
            {expected.qty} at {byStep(expected.averagePrice, tick)}
          </Line>
          <Line name="Slippage / fee">
            {percent(expected.slippage, 3)} / {exactMoney(expected.fee)}
          </Line>
        </>
      )}
      {expected.realizedPnl !== "0" && <Line name="Realises">{exactMoney(expected.realizedPnl)}</Line>}
      {position && (
        <Line name="Liquidation price">
          {position.liquidationPrice === null ? "none" : byStep(position.liquidationPrice, tick)}
        </Line>
      )}
      {seen.maxQty !== null && (
        <Line name="Max size">
          {seen.maxQty} {rules.baseAsset}
        </Line>
      )}
    </dl>
  );
}

function Line(props: { name: string; tone?: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd class={props.tone ?? ""}>{props.children}</dd>
    </div>
  );
}
