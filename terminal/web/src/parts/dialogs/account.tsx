/** Fees, sessions and keys of whoever is signed in. */

import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../../lib/dialog.tsx";
import { compact, percent } from "../../lib/format.ts";
import { Tabs } from "../../lib/fields.tsx";
import { api, type Schemas } from "../../net/exchange.ts";
import { closeDialog } from "../../state/dialogs.ts";
import { tell, tellError } from "../../state/toasts.ts";
import { Table, type Column } from "../below/table.tsx";

type Tab = "fees" | "sessions" | "keys";

export function Account() {
  const [tab, setTab] = useState<Tab>("fees");
  const tabs = [
    ["fees", "Fees"],
    ["sessions", "Sessions"],
    ["keys", "API keys"],
  ] as const;
  return (
    <Dialog title="Account" close={closeDialog} isWide>
      <Tabs label="Parts of the account" tabs={tabs} chosen={tab} choose={setTab} kind="line" />
      <div class="scroll">
        {tab === "fees" && <Fees />}
        {tab === "sessions" && <Sessions />}
        {tab === "keys" && <Keys />}
      </div>
    </Dialog>
  );
}

/** What a call answers, and how to ask again. */
function useAnswer<T>(ask: () => Promise<T>): [T | null, string, () => void] {
  const [answer, setAnswer] = useState<T | null>(null);
  const [wrong, setWrong] = useState("");
  const read = () =>
    void ask().then(setAnswer, (error: unknown) => {
      setWrong((error as Error).message);
    });
  useEffect(read, []);
  return [answer, wrong, read];
}

function Fees() {
  const [fees, wrong] = useAnswer(() => api.get("/user/fees"));
  if (!fees) return <p class={wrong ? "form-error" : "loading"}>{wrong || "Loading…"}</p>;
  const columns: Column<Schemas["FeeRates"]>[] = [
    { name: "Market", cell: ({ marketId }) => marketId },
    { name: "Maker", isNumber: true, cell: ({ makerFee }) => percent(makerFee, 3, false) },
    { name: "Taker", isNumber: true, cell: ({ takerFee }) => percent(takerFee, 3, false) },
  ];
  return (
    <>
      <p class="pad">
        Volume of 30 days: <b>{compact(fees.volume30d)}</b>. Tier: <b>{fees.tier ?? "none"}</b>.
      </p>
      <Table
        label="Fees"
        columns={columns}
        rows={fees.markets}
        rowKey={({ marketId }) => marketId}
        empty="No markets."
      />
    </>
  );
}

function Sessions() {
  const [answer, wrong, again] = useAnswer(() => api.get("/auth/sessions"));
  if (!answer) return <p class={wrong ? "form-error" : "loading"}>{wrong || "Loading…"}</p>;
  const end = async (id: number) => {
    try {
      const { message } = await api.delete("/auth/sessions/{session_id}", { path: { session_id: id } });
      tell("plain", message);
    } catch (error) {
      tellError("Not ended", error);
    }
    again();
  };
  const columns: Column<Schemas["OpenSession"]>[] = [
    {
      name: "Client",
      cell: ({ client, current }) => `${client || "unknown"}${current ? " (this one)" : ""}`,
    },
    { name: "Address", cell: ({ address }) => address ?? "–" },
    { name: "Opened", cell: ({ openedMs }) => new Date(openedMs).toLocaleString() },
    { name: "Renewed", cell: ({ renewedMs }) => new Date(renewedMs).toLocaleString() },
    {
      name: "",
      cell: ({ sessionId, current }) =>
        !current && (
          <button type="button" class="small" onClick={() => void end(sessionId)}>
            End
          </button>
        ),
    },
  ];
  return (
    <Table
      label="Sessions"
      columns={columns}
      rows={answer.sessions}
      rowKey={({ sessionId }) => sessionId}
      empty=""
    />
  );
}

function Keys() {
  const [answer, wrong] = useAnswer(() => api.get("/user/keys"));
  if (!answer) return <p class={wrong ? "form-error" : "loading"}>{wrong || "Loading…"}</p>;
  const columns: Column<Schemas["Key"]>[] = [
    { name: "Name", cell: ({ name }) => name },
    { name: "May", cell: ({ permissions }) => permissions.join(", ") },
    { name: "Key", cell: ({ key }) => <code>{key}</code> },
  ];
  return (
    <Table
      label="API keys"
      columns={columns}
      rows={answer.keys}
      rowKey={({ key }) => key}
      empty="No keys. Programs sign their requests with one: POST /user/keys makes it."
    />
  );
}
