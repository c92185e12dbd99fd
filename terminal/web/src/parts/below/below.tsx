/** What the trader has and did, by tabs. */

import { signal } from "@preact/signals";
import { Tabs } from "../../lib/fields.tsx";
import { account, session } from "../../net/session.ts";
import { openPositions, orders } from "../../state/account.ts";
import { workingCount } from "../../state/algos.ts";
import { show } from "../../state/dialogs.ts";
import { seen } from "../../state/site.ts";
import { Algos } from "./algos.tsx";
import { ClosedPositions, Fills, Funding, Ledger, OrderHistory } from "./lists.tsx";
import { Orders } from "./orders.tsx";
import { Positions } from "./positions.tsx";

type Tab = "positions" | "orders" | "algos" | "history" | "fills" | "closed" | "funding" | "ledger";

const SHOWN: Record<Tab, () => preact.JSX.Element> = {
  positions: Positions,
  orders: Orders,
  algos: Algos,
  history: OrderHistory,
  fills: Fills,
  closed: ClosedPositions,
  funding: Funding,
  ledger: Ledger,
};
const chosen = signal<Tab>("positions");

export function Below() {
  const count = (rows: unknown[] | null) => (rows && rows.length > 0 ? ` (${rows.length})` : "");
  const tabs = [
    ["positions", `Positions${count(openPositions.value)}`],
    ["orders", `Open orders${count(orders.value)}`],
    ["algos", `Algos${workingCount.value > 0 ? ` (${workingCount.value})` : ""}`],
    ["history", "Order history"],
    ["fills", "Fills"],
    ["closed", "Closed positions"],
    ["funding", "Funding"],
    ["ledger", "Ledger"],
  ] as const;
  const Shown = SHOWN[chosen.value];
  return (
    <>
      <Tabs
        label="Your account"
        tabs={tabs}
        chosen={chosen.value}
        choose={(tab) => (chosen.value = tab)}
        kind="line"
      />
      <div class="scroll" role="tabpanel" tabIndex={0} aria-label="Your account">
        {session.value ? <Shown key={`${chosen.value} ${account.value ?? ""}`} /> : <SignedOut />}
      </div>
    </>
  );
}

function SignedOut() {
  if (seen) return <p class="empty">Nothing of {seen.username} is shown any more.</p>;
  return (
    <p class="empty">
      <button type="button" class="link" onClick={() => show({ kind: "sign-up" })}>
        Sign up
      </button>{" "}
      or{" "}
      <button type="button" class="link" onClick={() => show({ kind: "sign-in" })}>
        sign in
      </button>{" "}
      to see your positions and orders.
    </p>
  );
}
