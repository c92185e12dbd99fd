/** A second factor is shown: a code of an app, a recovery code, or a passkey. */

import { useState } from "preact/hooks";
import { Dialog } from "../lib/dialog.tsx";
import { Field } from "../lib/fields.tsx";
import { useSending } from "../lib/form.tsx";
import { api } from "../net/exchange.ts";
import { factorWanted, type FactorWanted } from "../state/fresh.ts";

interface FormProps {
  kinds: readonly string[];
  action: string;
  /** Takes what is shown: one of code, recoveryCode and passkey. */
  finish: (proof: object) => Promise<void>;
  /** What a passkey is to sign. */
  passkeyOptions: () => Promise<object>;
}

export function FactorForm({ kinds, action, finish, passkeyOptions }: FormProps) {
  const [code, setCode] = useState("");
  const { wrong, isSending, send } = useSending();
  const typed = code.trim();
  const showPasskey = async () => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON((await passkeyOptions()) as never);
    const found = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential | null;
    if (found) await finish({ passkey: found.toJSON() as unknown });
  };
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void send(() => finish(/^\d{6}$/.test(typed) ? { code: typed } : { recoveryCode: typed }));
      }}
    >
      <Field
        label="Code of your app, or a recovery code"
        value={code}
        change={setCode}
        error={wrong["code"] ?? wrong["recoveryCode"] ?? wrong[""]}
        input={{ name: "code", autocomplete: "one-time-code", autofocus: true }}
      />
      <button type="submit" class="submit accent" disabled={isSending}>
        {action}
      </button>
      {kinds.includes("passkey") && (
        <button type="button" class="quiet" disabled={isSending} onClick={() => void send(showPasskey)}>
          Use a passkey
        </button>
      )}
    </form>
  );
}

/** Above whatever asked for it. */
export function FactorPrompt() {
  const wanted = factorWanted.value;
  return wanted && <Prompt wanted={wanted} />;
}

function Prompt({ wanted }: { wanted: FactorWanted }) {
  return (
    <Dialog title="Show your second factor" close={() => wanted.shown(false)}>
      <FactorForm
        kinds={wanted.kinds}
        action="Confirm"
        finish={async (proof) => {
          await api.post("/auth/confirm", { body: proof });
          wanted.shown(true);
        }}
        passkeyOptions={async () => (await api.post("/auth/confirm/passkey", { body: {} })).options}
      />
    </Dialog>
  );
}
