/** What the account is worth, by where it is: the engine's word for it, a few seconds old at most. */

import { exactMoney, money, signedMoney, signOf } from "../lib/format.ts";
import { session } from "../net/session.ts";
import { equity } from "../state/account.ts";
import { decimal } from "../lib/decimal.ts";

export function Worth({ quote }: { quote: string }) {
  const has = equity.value;
  if (!session.value || !has) return null;
  const line = (name: string, figure: string) => (
    <div>
      <dt>{name}</dt>
      <dd title={exactMoney(figure)}>{money(figure)}</dd>
    </div>
  );
  return (
    <section class="worth" aria-label="Account">
      <h2>Account, {quote}</h2>
      <dl class="foreseen">
        {line("Free", has.available)}
        {line("Held by orders", has.locked)}
        {line("Margin of positions", has.margin)}
        <div>
          <dt>Unrealised profit</dt>
          <dd class={signOf(has.unrealizedPnl)} title={exactMoney(has.unrealizedPnl)}>
            {signedMoney(decimal(has.unrealizedPnl).round(2))}
          </dd>
        </div>
        {line("Equity", has.equity)}
      </dl>
    </section>
  );
}
