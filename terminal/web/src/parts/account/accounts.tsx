/** Accounts of the family, which of them the page trades for, and money between them. */

import { useState } from "preact/hooks";
import { useAnswer } from "../../lib/answer.ts";
import { Field, NumberField } from "../../lib/fields.tsx";
import { Form, useSending, Waiting } from "../../lib/form.tsx";
import { dateOf, exactMoney, moment } from "../../lib/format.ts";
import { api, type Schemas } from "../../net/exchange.ts";
import { account as traded } from "../../net/session.ts";
import { readSoon } from "../../state/account.ts";
import { newId } from "../../state/placing.ts";
import { tell, tellError } from "../../state/toasts.ts";
import { Table, type Column } from "../below/table.tsx";

type Account = Schemas["AccountAnswer"];
type Transfer = Schemas["TransferAnswer"];

const TRANSFERS: Column<Transfer>[] = [
  { name: "Amount", isNumber: true, cell: ({ amount }) => exactMoney(amount) },
  { name: "From", cell: ({ from }) => nameOf(from) },
  { name: "To", cell: ({ to }) => nameOf(to) },
  { name: "Time", cell: ({ at }) => moment(at) },
];

function nameOf({ account, username }: Schemas["Party"]): string {
  return account ?? username ?? "–";
}

export function Accounts() {
  const { value, wrong, again } = useAnswer(() => api.get("/user/accounts"));
  const transfers = useAnswer(() => api.get("/user/transfers", { query: { limit: 50 } }));
  if (!value) return <Waiting wrong={wrong} />;
  return (
    <>
      <Table
        label="Accounts"
        columns={accountColumns(again)}
        rows={value.accounts}
        rowKey={({ accountId }) => accountId}
        empty="None."
      />
      <NewAccount done={again} />
      <h3>Transfer</h3>
      <NewTransfer
        accounts={value.accounts.filter(({ archived }) => !archived)}
        done={() => {
          transfers.again();
          readSoon();
        }}
      />
      <h3>Transfers</h3>
      <Table
        label="Transfers"
        columns={TRANSFERS}
        rows={transfers.value?.transfers ?? []}
        rowKey={({ id }) => id}
        empty={transfers.wrong || "None yet."}
      />
    </>
  );
}

function isTraded({ main, name }: Account): boolean {
  return traded.value === (main ? null : name);
}

function accountColumns(again: () => void): Column<Account>[] {
  const setArchived = async ({ accountId, archived }: Account) => {
    try {
      const path = { account_id: accountId };
      await api.patch("/user/accounts/{account_id}", { path, body: { archived: !archived } });
    } catch (error) {
      tellError("Not changed", error);
    }
    again();
  };
  return [
    { name: "Name", cell: (one) => (isTraded(one) ? <b>{one.name}, traded for here</b> : one.name) },
    { name: "Id", isNumber: true, cell: ({ accountId }) => accountId },
    { name: "Opened", cell: ({ openedMs }) => dateOf(openedMs) },
    {
      name: "Trade",
      cell: (one) =>
        !isTraded(one) &&
        !one.archived && (
          <button
            type="button"
            class="small"
            aria-label={`Trade for ${one.name}`}
            onClick={() => (traded.value = one.main ? null : one.name)}
          >
            Trade for it
          </button>
        ),
    },
    { name: "State", cell: ({ archived }) => (archived ? "archived" : "open") },
    {
      name: "",
      cell: (account) =>
        !account.main && (
          <button
            type="button"
            class="small"
            aria-label={`${account.archived ? "Open" : "Archive"} ${account.name}`}
            onClick={() => void setArchived(account)}
          >
            {account.archived ? "Open again" : "Archive"}
          </button>
        ),
    },
  ];
}

function NewAccount({ done }: { done: () => void }) {
  const [name, setName] = useState("");
  const sending = useSending();
  const submit = () =>
    void sending.send(async () => {
      await api.post("/user/accounts", { body: { name: name.trim() } });
      setName("");
      done();
    });
  return (
    <Form
      label="A new account"
      fields={["name"]}
      sending={sending}
      submit={submit}
      action="Open a sub-account"
    >
      <Field
        label="Name"
        value={name}
        change={setName}
        error={sending.wrong["name"]}
        hint="With a wallet, positions and keys of its own."
        input={{ name: "account-name" }}
      />
    </Form>
  );
}

function NewTransfer({ accounts, done }: { accounts: Account[]; done: () => void }) {
  const names = accounts.map(({ name }) => name);
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [amount, setAmount] = useState("");
  const [idempotencyKey, setKey] = useState(newId);
  const sending = useSending();
  const [fromAccount, toAccount] = [from || (names[0] ?? ""), to || (names[1] ?? "")];
  const submit = () =>
    void sending.send(async () => {
      const body = { amount: amount.trim(), fromAccount, toAccount, idempotencyKey };
      await api.post("/user/transfers", { body });
      tell("good", "Transferred", `${amount.trim()} from ${fromAccount} to ${toAccount}`);
      setAmount("");
      setKey(newId());
      done();
    });
  if (names.length < 2) return <p class="dim">Open a sub-account first: money moves between your own.</p>;
  const select = (label: string, value: string, choose: (name: string) => void) => (
    <label class="field-box select">
      <span>{label}</span>
      <select value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <Form label="A transfer" fields={["amount"]} sending={sending} submit={submit} action="Transfer">
      <div class="pair">
        {select("From", fromAccount, setFrom)}
        {select("To", toAccount, setTo)}
      </div>
      <NumberField
        label="Amount"
        value={amount}
        change={setAmount}
        error={sending.wrong["amount"]}
        input={{ name: "transfer-amount" }}
      />
    </Form>
  );
}
