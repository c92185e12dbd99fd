/** Codes that bring traders, how many came with each, and the shares of their fees that were paid. */

import { useAnswer } from "../../lib/answer.ts";
import { Once, useSending, Waiting } from "../../lib/form.tsx";
import { dateOf, exactMoney, moment, signedMoney } from "../../lib/format.ts";
import { api, type Schemas } from "../../net/exchange.ts";
import { linkOf } from "../../state/address.ts";
import { Table, type Column } from "../below/table.tsx";

type Code = Schemas["ReferralCodeAnswer"];
type Line = Schemas["LedgerLine"];

const CODES: Column<Code>[] = [
  { name: "Code", cell: ({ code }) => <code>{code}</code> },
  { name: "Made", cell: ({ madeMs }) => dateOf(madeMs) },
  { name: "Traders who came", isNumber: true, cell: ({ referred }) => referred },
  { name: "Paid to you", isNumber: true, cell: ({ paid }) => exactMoney(paid) },
];

const SHARES: Column<Line>[] = [
  { name: "Share", isNumber: true, cell: ({ amount }) => <span class="up">{signedMoney(amount)}</span> },
  { name: "Paid", cell: ({ createdAt }) => moment(createdAt) },
];

export function Referrals() {
  const { value, wrong, again } = useAnswer(() => api.get("/user/referrals"));
  const shares = useAnswer(() => api.get("/user/ledger", { query: { kind: "referral", limit: 50 } }));
  const making = useSending();
  if (!value) return <Waiting wrong={wrong} />;
  const [newest] = value.codes;
  const make = () =>
    making.send(async () => {
      await api.post("/user/referrals", {});
      again();
    });
  return (
    <>
      <p>
        Whoever signs up with a code of yours was brought by you: a share of the fees that they pay is yours,
        every day.
      </p>
      <p>
        <button type="button" class="small" disabled={making.isSending} onClick={() => void make()}>
          Make a code
        </button>
      </p>
      {Object.values(making.wrong).map((words) => (
        <p key={words} class="form-error" role="alert">
          {words}
        </p>
      ))}
      {newest && <Once label="The link of your newest code" text={linkOf(newest.code)} />}
      <Table
        label="Referral codes"
        columns={CODES}
        rows={value.codes}
        rowKey={({ code }) => code}
        empty="No codes yet."
      />
      <h3>Shares paid</h3>
      <Table
        label="Shares paid"
        columns={SHARES}
        rows={shares.value?.ledger ?? []}
        rowKey={({ id }) => id}
        empty={shares.wrong || "None yet: what a trader you brought pays today is shared tomorrow."}
      />
    </>
  );
}
