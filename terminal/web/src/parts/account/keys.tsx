/** Keys that programs sign with: made, with what is shown this once, and taken away. */

import { useState } from "preact/hooks";
import { useAnswer } from "../../lib/answer.ts";
import { Field, Tabs } from "../../lib/fields.tsx";
import { Form, Once, PasswordField, useSending, Waiting } from "../../lib/form.tsx";
import { dateOf, words } from "../../lib/format.ts";
import { api, type Schemas } from "../../net/exchange.ts";
import { withFactor } from "../../state/fresh.ts";
import { tell, tellError } from "../../state/toasts.ts";
import { Table, type Column } from "../below/table.tsx";

type Key = Schemas["Key"];
type Scope = Schemas["Scope"];
const SCOPES: readonly Scope[] = ["read", "trade", "withdraw"];

export function Keys() {
  const { value, wrong, again } = useAnswer(() => api.get("/user/keys"));
  const [made, setMade] = useState<Schemas["NewKeyAnswer"] | null>(null);
  if (!value) return <Waiting wrong={wrong} />;
  const revoke = async ({ keyId, name }: Key) => {
    try {
      await api.delete("/user/keys/{key_id}", { path: { key_id: keyId } });
      tell("plain", `Key ${name} is revoked`);
    } catch (error) {
      tellError("Not revoked", error);
    }
    again();
  };
  const columns: Column<Key>[] = [
    { name: "Name", cell: ({ name }) => name },
    { name: "May", cell: ({ permissions }) => permissions.join(", ") },
    { name: "Kind", cell: ({ kind }) => words(kind) },
    { name: "Key", cell: ({ key }) => <code>{key}</code> },
    { name: "Addresses", cell: ({ addresses }) => addresses.join(", ") || "any" },
    { name: "Last used", cell: ({ lastUsedMs }) => (lastUsedMs === null ? "never" : dateOf(lastUsedMs)) },
    {
      name: "",
      cell: (key) => (
        <button
          type="button"
          class="small"
          aria-label={`Revoke ${key.name}`}
          onClick={() => void revoke(key)}
        >
          Revoke
        </button>
      ),
    },
  ];
  return (
    <>
      <Table
        label="API keys"
        columns={columns}
        rows={value.keys}
        rowKey={({ keyId }) => keyId}
        empty="No keys yet. Programs sign their requests with one."
      />
      {made && <Made made={made} />}
      <h3>A new key</h3>
      <NewKey
        done={(answer) => {
          setMade(answer);
          again();
        }}
      />
    </>
  );
}

function Made({ made }: { made: Schemas["NewKeyAnswer"] }) {
  return (
    <div class="shown-once" role="status">
      <Once label="Key" text={made.key.key} />
      {made.secret !== null && <Once label="Secret" text={made.secret} />}
      <p class="warn">
        {made.secret === null
          ? "Sign with the private key of the public one you gave: it was never here."
          : "The secret is shown this once. Whoever has it may do what the key may."}
      </p>
    </div>
  );
}

function NewKey({ done }: { done: (made: Schemas["NewKeyAnswer"]) => void }) {
  const [kind, setKind] = useState<"secret" | "public">("secret");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [publicKey, setPublicKey] = useState("");
  const [addresses, setAddresses] = useState("");
  const [permissions, setPermissions] = useState<readonly Scope[]>(["read"]);
  const sending = useSending();
  const { wrong } = sending;
  const flip = (scope: Scope) =>
    setPermissions(SCOPES.filter((one) => permissions.includes(one) !== (one === scope)));
  const submit = () => {
    const body: Schemas["NewKeyBody"] = { name, password, permissions: [...permissions] };
    const listed = addresses.split(/[\s,]+/).filter((one) => one !== "");
    if (listed.length > 0) body.addresses = listed;
    if (kind === "public") body.publicKey = publicKey;
    void sending
      .send(async () => done(await withFactor(() => api.post("/user/keys", { body }))))
      .then(() => setPassword(""));
  };
  return (
    <Form
      label="A new key"
      fields={["name", "password", "publicKey", "addresses"]}
      sending={sending}
      submit={submit}
      action="Make key"
    >
      <Tabs
        label="How it signs"
        tabs={[
          ["secret", "Secret (HMAC)"],
          ["public", "Public key (Ed25519)"],
        ]}
        chosen={kind}
        choose={setKind}
      />
      <Field label="Name" value={name} change={setName} error={wrong["name"]} input={{ name: "key-name" }} />
      {kind === "public" && (
        <Field
          label="Public key"
          value={publicKey}
          change={setPublicKey}
          error={wrong["publicKey"]}
          hint="64 hex digits: openssl pkey -pubout -outform DER | tail -c 32 | xxd -p -c 64"
          input={{ name: "public-key" }}
        />
      )}
      <div class="terms" role="group" aria-label="What it may">
        {SCOPES.map((scope) => (
          <label key={scope}>
            <input type="checkbox" checked={permissions.includes(scope)} onChange={() => flip(scope)} />
            {words(scope)}
          </label>
        ))}
      </div>
      <Field
        label="Only from"
        value={addresses}
        change={setAddresses}
        error={wrong["addresses"]}
        hint="Addresses or networks; a key that may withdraw needs some."
        input={{ name: "addresses", placeholder: "any address" }}
      />
      <PasswordField value={password} change={setPassword} error={wrong["password"]} />
    </Form>
  );
}
