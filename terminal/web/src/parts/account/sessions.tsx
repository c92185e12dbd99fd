/** Sign-ins that are open, and those that were. */

import { useAnswer } from "../../lib/answer.ts";
import { Clipped, Waiting } from "../../lib/form.tsx";
import { dateOf, words } from "../../lib/format.ts";
import { api, type Schemas } from "../../net/exchange.ts";
import { tell, tellError } from "../../state/toasts.ts";
import { Table, type Column } from "../below/table.tsx";

type Open = Schemas["OpenSession"];
type Past = Schemas["SignIn"];

const PAST: Column<Past>[] = [
  { name: "Client", cell: ({ client }) => <Clipped text={client || "unknown"} /> },
  { name: "Address", cell: ({ address }) => address ?? "–" },
  { name: "Opened", cell: ({ openedMs }) => dateOf(openedMs) },
  { name: "Ended", cell: ({ endedMs, endReason }) => (endedMs === null ? "open" : words(endReason)) },
];

export function Sessions() {
  const { value, wrong, again } = useAnswer(() => api.get("/auth/sessions"));
  const past = useAnswer(() => api.get("/auth/sign-ins", { query: { limit: 20 } }));
  if (!value) return <Waiting wrong={wrong} />;
  const end = async (act: () => Promise<string>) => {
    try {
      tell("plain", await act());
    } catch (error) {
      tellError("Not ended", error);
    }
    again();
    past.again();
  };
  const endOne = (id: number) =>
    end(async () => (await api.delete("/auth/sessions/{session_id}", { path: { session_id: id } })).message);
  const endOthers = () =>
    end(async () => `${(await api.delete("/auth/sessions")).ended} other sessions ended`);
  const columns: Column<Open>[] = [
    {
      name: "Client",
      cell: ({ client, current }) => (
        <>
          {current && <b>This one: </b>}
          <Clipped text={client || "unknown"} />
        </>
      ),
    },
    { name: "Address", cell: ({ address }) => address ?? "–" },
    { name: "Opened", cell: ({ openedMs }) => dateOf(openedMs) },
    { name: "Renewed", cell: ({ renewedMs }) => dateOf(renewedMs) },
    {
      name: "",
      cell: ({ sessionId, current }) =>
        !current && (
          <button
            type="button"
            class="small"
            aria-label={`End session ${sessionId}`}
            onClick={() => void endOne(sessionId)}
          >
            End
          </button>
        ),
    },
  ];
  return (
    <>
      {value.sessions.length > 1 && (
        <div class="list-tools">
          <button type="button" class="small" onClick={() => void endOthers()}>
            End all others
          </button>
        </div>
      )}
      <Table
        label="Sessions"
        columns={columns}
        rows={value.sessions}
        rowKey={({ sessionId }) => sessionId}
        empty="No session is open."
      />
      <h3>Sign-ins of 90 days</h3>
      <Table
        label="Sign-ins"
        columns={PAST}
        rows={past.value?.signIns ?? []}
        rowKey={({ sessionId }) => sessionId}
        empty={past.wrong || "None."}
      />
    </>
  );
}
