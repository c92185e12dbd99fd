/** Sign-up and sign-in, with the second factor where there is one. */

import { ApiError } from "exchange-client";
import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../../lib/dialog.tsx";
import { Field, Tabs } from "../../lib/fields.tsx";
import { api, type Schemas } from "../../net/exchange.ts";
import { showFactor, signIn, signUp, type FactorAsked, type SignUp } from "../../net/session.ts";
import { FactorForm } from "../factor.tsx";
import { referralCode } from "../../state/address.ts";
import { closeDialog, show } from "../../state/dialogs.ts";
import { isDemo } from "../../state/site.ts";

type Kind = "sign-up" | "sign-in";
const KINDS = [
  ["sign-up", "Sign up"],
  ["sign-in", "Sign in"],
] as const;

export function SignIn({ kind }: { kind: Kind }) {
  const [asked, setAsked] = useState<FactorAsked | null>(null);
  return (
    <Dialog
      title={asked ? "Second factor" : kind === "sign-up" ? "Open an account" : "Welcome back"}
      close={closeDialog}
    >
      {asked ? (
        <SecondFactor asked={asked} />
      ) : (
        <>
          <Tabs label="Sign up or in" tabs={KINDS} chosen={kind} choose={(next) => show({ kind: next })} />
          <Password kind={kind} ask={setAsked} />
        </>
      )}
    </Dialog>
  );
}

function useRefusal(): [Record<string, string>, (error: unknown) => void] {
  const [wrong, setWrong] = useState<Record<string, string>>({});
  return [
    wrong,
    (error) => {
      const field = error instanceof ApiError ? (error.field ?? "") : "";
      setWrong(error === null ? {} : { [field]: (error as Error).message });
    },
  ];
}

function Password({ kind, ask }: { kind: Kind; ask: (asked: FactorAsked) => void }) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [terms, setTerms] = useState<Schemas["Terms"] | null>(null);
  const [isAccepted, setAccepted] = useState(false);
  const [code, setCode] = useState(referralCode);
  const [hasCode, setHasCode] = useState(referralCode !== "");
  const [isSending, setSending] = useState(false);
  const [wrong, refuse] = useRefusal();
  const isNew = kind === "sign-up";
  useEffect(() => {
    api.get("/terms").then(
      ({ inForce }) => setTerms(inForce ?? null),
      () => undefined, // sign-up itself says so if it can't be reached
    );
  }, []);
  const send = async () => {
    setSending(true);
    refuse(null);
    try {
      const asked: SignUp = { username, password };
      if (isAccepted && terms) asked.termsVersion = terms.version;
      if (code.trim() !== "") asked.referralCode = code.trim();
      if (isNew) await signUp(asked);
      else {
        const factor = await signIn(username, password);
        if (factor) {
          ask(factor);
          return;
        }
      }
      closeDialog();
      if (isNew && isDemo) show({ kind: "faucet" });
    } catch (error) {
      refuse(error);
    } finally {
      setSending(false);
    }
  };
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Field
        label="User name"
        value={username}
        change={setUsername}
        error={wrong["username"]}
        input={{ name: "username", autocomplete: "username", autofocus: true }}
      />
      <Field
        label="Password"
        value={password}
        change={setPassword}
        error={wrong["password"]}
        {...(isNew ? { hint: "At least 8 characters, not a common one." } : {})}
        input={{
          name: "password",
          type: "password",
          autocomplete: isNew ? "new-password" : "current-password",
        }}
      />
      {isNew && hasCode && (
        <Field
          label="Referral code"
          value={code}
          change={setCode}
          error={wrong["referralCode"]}
          input={{ name: "referral-code" }}
        />
      )}
      {isNew && terms && (
        <label class="check">
          <input
            type="checkbox"
            checked={isAccepted}
            onChange={(event) => setAccepted(event.currentTarget.checked)}
          />
          I accept the terms, version {terms.version}
        </label>
      )}
      {(wrong[""] ?? wrong["termsVersion"]) && (
        <p class="form-error" role="alert">
          {wrong[""] ?? wrong["termsVersion"]}
        </p>
      )}
      <button type="submit" class="submit accent" disabled={isSending}>
        {isSending ? "One moment…" : isNew ? "Sign up" : "Sign in"}
      </button>
      {isNew && !hasCode && (
        <button type="button" class="link" onClick={() => setHasCode(true)}>
          I have a referral code
        </button>
      )}
      {!isNew && (
        <button type="button" class="link" onClick={() => show({ kind: "forgotten" })}>
          Forgot the password?
        </button>
      )}
      {isNew && isDemo && <p class="dim">This is a demo: its money is play money.</p>}
    </form>
  );
}

function SecondFactor({ asked: { challenge, kinds } }: { asked: FactorAsked }) {
  return (
    <FactorForm
      kinds={kinds}
      action="Sign in"
      finish={async (proof) => {
        await showFactor(challenge, proof);
        closeDialog();
      }}
      passkeyOptions={async () => (await api.post("/auth/signin/passkey", { body: { challenge } })).options}
    />
  );
}
