/** Second factors, their recovery codes, and the password. */

import { useState } from "preact/hooks";
import { useAnswer } from "../../lib/answer.ts";
import { Field } from "../../lib/fields.tsx";
import { Form, Once, PasswordField, useSending, Waiting } from "../../lib/form.tsx";
import { dateOf, words } from "../../lib/format.ts";
import { api, type Schemas } from "../../net/exchange.ts";
import { changePassword } from "../../net/session.ts";
import { withFactor } from "../../state/fresh.ts";
import { tell, tellError } from "../../state/toasts.ts";
import { Table, type Column } from "../below/table.tsx";

type Factor = Schemas["SecondFactor"];

export function Security() {
  const { value, wrong, again } = useAnswer(() => api.get("/user/factors"));
  const [codes, setCodes] = useState<readonly string[]>([]);
  if (!value) return <Waiting wrong={wrong} />;
  const remove = async ({ factorId, name }: Factor) => {
    try {
      const path = { factor_id: factorId };
      await withFactor(() => api.delete("/user/factors/{factor_id}", { path }));
      tell("plain", `${name} is taken away`);
    } catch (error) {
      tellError("Not taken away", error);
    }
    again();
  };
  const renewCodes = async () => {
    try {
      const made = await withFactor(() => api.post("/user/factors/recovery-codes", { body: {} }));
      setCodes(made.recoveryCodes);
    } catch (error) {
      tellError("No new codes", error);
    }
    again();
  };
  const added = (made: Schemas["EnrolledAnswer"]) => {
    tell("good", "Second factor set up", made.factor.name);
    if (made.recoveryCodes.length > 0) setCodes(made.recoveryCodes); // with the first factor alone
    again();
  };
  const hasSome = value.factors.length > 0;
  return (
    <>
      <h3>Second factor</h3>
      {value.withdrawalsLockedUntilMs !== null && (
        <p class="warn">Withdrawals are locked until {dateOf(value.withdrawalsLockedUntilMs)}.</p>
      )}
      <Table
        label="Second factors"
        columns={factorColumns(remove)}
        rows={value.factors}
        rowKey={({ factorId }) => factorId}
        empty="None: the password alone signs in. Withdrawals may ask for one."
      />
      {codes.length > 0 && (
        <div class="shown-once" role="status">
          <Once label="Recovery codes, shown this once; each works once" text={codes.join(" ")} />
        </div>
      )}
      {hasSome && (
        <p>
          {value.recoveryCodesLeft} recovery codes are left.{" "}
          <button type="button" class="small" onClick={() => void renewCodes()}>
            Ten new ones
          </button>
        </p>
      )}
      <NewFactor needsPassword={!hasSome} done={added} />
      <h3>Password</h3>
      <NewPassword />
    </>
  );
}

function factorColumns(remove: (factor: Factor) => Promise<void>): Column<Factor>[] {
  return [
    { name: "Name", cell: ({ name }) => name },
    { name: "Kind", cell: ({ kind }) => words(kind) },
    { name: "Set up", cell: ({ madeMs }) => dateOf(madeMs) },
    { name: "Last used", cell: ({ lastUsedMs }) => (lastUsedMs === null ? "never" : dateOf(lastUsedMs)) },
    {
      name: "",
      cell: (factor) => (
        <button
          type="button"
          class="small"
          aria-label={`Take away ${factor.name}`}
          onClick={() => void remove(factor)}
        >
          Take away
        </button>
      ),
    },
  ];
}

interface NewFactorProps {
  /** The first is set up with the password, each further one with one that is there. */
  needsPassword: boolean;
  done: (made: Schemas["EnrolledAnswer"]) => void;
}

function NewFactor({ needsPassword, done }: NewFactorProps) {
  const [password, setPassword] = useState("");
  const [begun, setBegun] = useState<Schemas["NewAppAnswer"] | null>(null);
  const sending = useSending();
  const proof = needsPassword ? { password } : {};
  const beginApp = async () => {
    setBegun(await withFactor(() => api.post("/user/factors/totp", { body: proof })));
    setPassword("");
  };
  const addPasskey = async () => {
    const { options } = await withFactor(() => api.post("/user/factors/passkeys", { body: proof }));
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as never);
    const made = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential | null;
    if (!made) return;
    const body = { passkey: made.toJSON() as never, name: "Passkey" };
    done(await api.post("/user/factors/passkeys/finish", { body }));
    setPassword("");
  };
  if (begun) {
    return (
      <NewApp
        begun={begun}
        done={(made) => {
          setBegun(null);
          done(made);
        }}
      />
    );
  }
  return (
    <Form
      label="A new second factor"
      fields={["password"]}
      sending={sending}
      submit={() => void sending.send(beginApp)}
      action="Set up an authenticator app"
      other={
        <button
          type="button"
          class="quiet"
          disabled={sending.isSending}
          onClick={() => void sending.send(addPasskey)}
        >
          Add a passkey of this device
        </button>
      }
    >
      {needsPassword && (
        <PasswordField
          name="factor-password"
          value={password}
          change={setPassword}
          error={sending.wrong["password"]}
        />
      )}
    </Form>
  );
}

function NewApp({ begun, done }: { begun: Schemas["NewAppAnswer"]; done: NewFactorProps["done"] }) {
  const [code, setCode] = useState("");
  const sending = useSending();
  const confirm = async () =>
    done(await api.post("/user/factors/totp/confirm", { body: { code: code.trim() } }));
  return (
    <Form
      label="Confirm the app"
      fields={["code"]}
      sending={sending}
      submit={() => void sending.send(confirm)}
      action="Confirm"
    >
      <p>Scan this with your app, or type the secret; then enter the code that it shows.</p>
      <img class="qr" src={begun.qr} alt="The secret as a QR code" width="180" height="180" />
      <Once label="Secret" text={begun.secret} />
      <Field
        label="Code"
        value={code}
        change={setCode}
        error={sending.wrong["code"]}
        input={{ name: "totp", inputMode: "numeric", autocomplete: "one-time-code", autofocus: true }}
      />
    </Form>
  );
}

function NewPassword() {
  const [password, setPassword] = useState("");
  const [next, setNext] = useState("");
  const sending = useSending();
  const change = async () => {
    await withFactor(() => changePassword(password, next));
    tell("good", "The password is changed", "All other sessions have ended; API keys go on.");
    setPassword("");
    setNext("");
  };
  return (
    <Form
      label="A new password"
      fields={["password", "newPassword"]}
      sending={sending}
      submit={() => void sending.send(change)}
      action="Change the password"
    >
      <PasswordField
        label="Password now"
        name="old-password"
        value={password}
        change={setPassword}
        error={sending.wrong["password"]}
      />
      <PasswordField
        label="New password"
        name="new-password"
        value={next}
        change={setNext}
        error={sending.wrong["newPassword"]}
        isNew
      />
    </Form>
  );
}
