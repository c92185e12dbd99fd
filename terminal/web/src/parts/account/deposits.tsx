/** Money in: an address a network, what arrives there, and the demo's faucet. */

import { useAnswer, useLive } from "../../lib/answer.ts";
import { Clipped, Once, Waiting } from "../../lib/form.tsx";
import { exactMoney, moment, words } from "../../lib/format.ts";
import { api, type Schemas } from "../../net/exchange.ts";
import { show } from "../../state/dialogs.ts";
import { isDemo } from "../../state/site.ts";
import { Table, type Column } from "../below/table.tsx";

type Deposit = Schemas["DepositAnswer"];

const COLUMNS: Column<Deposit>[] = [
  { name: "Amount", isNumber: true, cell: ({ amount }) => exactMoney(amount) },
  { name: "Network", cell: ({ network }) => network },
  {
    name: "State",
    cell: ({ status, confirmations, confirmationsNeeded }) => (
      <span class={`status status-${status}`}>
        {words(status)}
        {status === "seen" && `, ${confirmations} of ${confirmationsNeeded} confirmations`}
      </span>
    ),
  },
  { name: "Seen", cell: ({ seenAt }) => moment(seenAt) },
  { name: "Credited", cell: ({ creditedAt }) => moment(creditedAt) },
  { name: "Reference", cell: ({ reference }) => <Clipped text={reference} /> },
];

export function Deposits() {
  const addresses = useAnswer(() => api.get("/user/deposit-addresses"));
  const deposits = useLive(() => api.get("/user/deposits", { query: { limit: 50 } }));
  return (
    <>
      <p>
        <button type="button" class="small" onClick={() => show({ kind: "faucet" })}>
          {isDemo ? "Take demo funds" : "Ask an operator for a deposit"}
        </button>
      </p>
      {!addresses.value && <Waiting wrong={addresses.wrong} />}
      {addresses.value?.depositAddresses.map(({ network, address, confirmations }) => (
        <Once
          key={network}
          label={`Your address on ${network}; in your wallet after ${confirmations} confirmations`}
          text={address}
        />
      ))}
      <h3>Deposits</h3>
      <Table
        label="Deposits"
        columns={COLUMNS}
        rows={deposits.value?.deposits ?? []}
        rowKey={({ id }) => id}
        empty={deposits.wrong || "Nothing has arrived yet."}
      />
    </>
  );
}
