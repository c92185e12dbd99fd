/** Money out: the address book, a request, and what becomes of it. */

import { useState } from "preact/hooks";
import { useLive, type Answer } from "../../lib/answer.ts";
import { Field, NumberField } from "../../lib/fields.tsx";
import { Clipped, Form, useSending, Waiting } from "../../lib/form.tsx";
import { exactMoney, moment, words } from "../../lib/format.ts";
import { api, type Schemas } from "../../net/exchange.ts";
import { equity, readSoon } from "../../state/account.ts";
import { withFactor } from "../../state/fresh.ts";
import { newId } from "../../state/placing.ts";
import { networks } from "../../state/site.ts";
import { tell, tellError } from "../../state/toasts.ts";
import { Table, type Column } from "../below/table.tsx";

type Withdrawal = Schemas["WithdrawalAnswer"];
type Address = Schemas["BookAddress"];

/** Until it is approved its trader can take it back. */
const CANCELLABLE = new Set(["held", "waiting"]);

export function Withdrawals() {
  const book = useLive(() => api.get("/user/withdrawal-addresses"));
  const made = useLive(() => api.get("/user/withdrawals", { query: { limit: 50 } }));
  return (
    <>
      <NewWithdrawal addresses={book.value?.addresses ?? []} done={made.again} />
      <h3>Withdrawals</h3>
      <Table
        label="Withdrawals"
        columns={columns(made.again)}
        rows={made.value?.withdrawals ?? []}
        rowKey={({ id }) => id}
        empty={made.wrong || "None yet."}
      />
      <h3>Address book</h3>
      <AddressBook book={book} />
    </>
  );
}

function columns(again: () => void): Column<Withdrawal>[] {
  const cancel = async (id: number) => {
    try {
      await api.delete("/user/withdrawals/{withdrawal_id}", { path: { withdrawal_id: id } });
      tell("plain", `Withdrawal ${id} is cancelled`, "Its amount is free again.");
      readSoon();
    } catch (error) {
      tellError("Not cancelled", error);
    }
    again();
  };
  return [
    { name: "Amount", isNumber: true, cell: ({ amount }) => exactMoney(amount) },
    {
      name: "State",
      cell: ({ status, confirmations }) => (
        <span class={`status status-${status}`}>
          {words(status)}
          {status === "sent" && `, ${confirmations} confirmations`}
        </span>
      ),
    },
    { name: "To", cell: ({ network, address }) => <Clipped text={`${network}: ${address}`} /> },
    { name: "Reference", cell: ({ reference }) => <Clipped text={reference ?? "–"} /> },
    { name: "Asked", cell: ({ requestedAt }) => moment(requestedAt) },
    { name: "Changed", cell: ({ changedAt }) => moment(changedAt) },
    {
      name: "",
      cell: ({ id, status }) =>
        CANCELLABLE.has(status) && (
          <button
            type="button"
            class="small"
            aria-label={`Cancel withdrawal ${id}`}
            onClick={() => void cancel(id)}
          >
            Cancel
          </button>
        ),
    },
  ];
}

function NewWithdrawal({ addresses, done }: { addresses: Address[]; done: () => void }) {
  const [amount, setAmount] = useState("");
  const [chosenId, choose] = useState<number | null>(null);
  // The same request however often it is sent, until one of it was taken.
  const [idempotencyKey, setKey] = useState(newId);
  const sending = useSending();
  const address = addresses.find(({ id }) => id === chosenId) ?? addresses[0];
  if (!address) return <p class="dim">Money goes to addresses of your book: add one below.</p>;
  const { network, address: to } = address;
  const submit = () =>
    void sending.send(async () => {
      const body = { amount: amount.trim(), network, address: to, idempotencyKey };
      const { id, status } = await withFactor(() => api.post("/user/withdrawals", { body }));
      tell("plain", `Withdrawal ${id} is asked for`, words(status));
      setAmount("");
      setKey(newId());
      readSoon();
      done();
    });
  const { wrong } = sending;
  return (
    <Form
      label="A withdrawal"
      fields={["amount", "address"]}
      sending={sending}
      submit={submit}
      action="Withdraw"
    >
      <label class="field-box select">
        <span>To</span>
        <select name="to" value={address.id} onChange={(event) => choose(Number(event.currentTarget.value))}>
          {addresses.map((one) => (
            <option key={one.id} value={one.id}>
              {one.label ? `${one.label}, ` : ""}
              {one.network}: {one.address}
            </option>
          ))}
        </select>
      </label>
      {wrong["address"] && <p class="field-error">{wrong["address"]}</p>}
      <NumberField
        label="Amount"
        value={amount}
        change={setAmount}
        error={wrong["amount"]}
        hint={`Available: ${exactMoney(equity.value?.available)}. It is held until the withdrawal ends.`}
        input={{ name: "withdrawal-amount" }}
      />
    </Form>
  );
}

function AddressBook({ book }: { book: Answer<Schemas["BookAnswer"]> }) {
  const remove = async ({ id }: Address) => {
    try {
      const path = { address_id: id };
      await withFactor(() => api.delete("/user/withdrawal-addresses/{address_id}", { path }));
    } catch (error) {
      tellError("Not deleted", error);
    }
    book.again();
  };
  const listed: Column<Address>[] = [
    { name: "Label", cell: ({ label }) => label || "–" },
    { name: "Network", cell: ({ network }) => network },
    { name: "Address", cell: ({ address }) => <Clipped text={address} /> },
    {
      name: "Usable",
      cell: ({ usableAt }) =>
        Date.parse(usableAt) > Date.now() ? (
          <span class="warn">cooling until {moment(usableAt)}</span>
        ) : (
          "now"
        ),
    },
    {
      name: "",
      cell: (address) => (
        <button
          type="button"
          class="small"
          aria-label={`Delete ${address.label || address.address}`}
          onClick={() => void remove(address)}
        >
          Delete
        </button>
      ),
    },
  ];
  if (!book.value) return <Waiting wrong={book.wrong} />;
  return (
    <>
      <Table
        label="Address book"
        columns={listed}
        rows={book.value.addresses}
        rowKey={({ id }) => id}
        empty="Empty. Money is sent to addresses of this book alone; a new one may have to cool first."
      />
      <NewAddress done={book.again} />
    </>
  );
}

function NewAddress({ done }: { done: () => void }) {
  const [network, setNetwork] = useState(networks[0] ?? "");
  const [address, setAddress] = useState("");
  const [label, setLabel] = useState("");
  const sending = useSending();
  const submit = () =>
    void sending.send(async () => {
      const body = { network, address: address.trim(), label: label.trim() };
      await withFactor(() => api.post("/user/withdrawal-addresses", { body }));
      setAddress("");
      setLabel("");
      done();
    });
  const { wrong } = sending;
  return (
    <Form
      label="A new address"
      fields={["address", "label"]}
      sending={sending}
      submit={submit}
      action="Add address"
    >
      <label class="field-box select">
        <span>Network</span>
        <select value={network} onChange={(event) => setNetwork(event.currentTarget.value)}>
          {networks.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </label>
      <Field
        label="Address"
        value={address}
        change={setAddress}
        error={wrong["address"]}
        input={{ name: "new-address" }}
      />
      <Field label="Label" value={label} change={setLabel} error={wrong["label"]} input={{ name: "label" }} />
    </Form>
  );
}
