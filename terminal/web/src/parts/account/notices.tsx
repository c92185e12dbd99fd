/** Where mails go, and which of them one wants. */

import { useEffect, useState } from "preact/hooks";
import { useAnswer } from "../../lib/answer.ts";
import { Field, NumberField } from "../../lib/fields.tsx";
import { Form, PasswordField, useSending, Waiting } from "../../lib/form.tsx";
import { words } from "../../lib/format.ts";
import { confirmsOrders, sounds } from "../../lib/prefs.ts";
import { api, type Schemas } from "../../net/exchange.ts";
import { withFactor } from "../../state/fresh.ts";
import { tell } from "../../state/toasts.ts";

type Profile = Schemas["ProfileAnswer"];

export function Notices() {
  const { value, wrong, again } = useAnswer(() => api.get("/user/profile"));
  if (!value) return <Waiting wrong={wrong} />;
  return (
    <>
      <h3>Mail</h3>
      <p>
        {value.mail === "" ? "No mail yet" : value.mail}
        {value.mail !== "" && (value.mailVerified ? ", verified." : ", not verified.")}
        {value.newMail !== "" && ` ${value.newMail} waits for its verification.`}
      </p>
      <NewMail done={again} />
      <h3>Notices</h3>
      <Wanted profile={value} />
      <h3>On this page</h3>
      <div class="terms">
        <label>
          <input
            type="checkbox"
            checked={sounds.value}
            onChange={(event) => (sounds.value = event.currentTarget.checked)}
          />
          Sound at fills
        </label>
        <label>
          <input
            type="checkbox"
            checked={confirmsOrders.value}
            onChange={(event) => (confirmsOrders.value = event.currentTarget.checked)}
          />
          Ask before an order is sent
        </label>
      </div>
    </>
  );
}

function NewMail({ done }: { done: () => void }) {
  const [mail, setMail] = useState("");
  const [password, setPassword] = useState("");
  const [token, setToken] = useState("");
  const sending = useSending();
  const confirming = useSending();
  const submit = () =>
    void sending.send(async () => {
      const body = { mail: mail.trim(), password };
      const { message } = await withFactor(() => api.post("/user/mail", { body }));
      tell("plain", message);
      setPassword("");
      done();
    });
  const confirm = () =>
    void confirming.send(async () => {
      tell("good", (await api.post("/auth/mail/verify", { body: { token: token.trim() } })).message);
      setToken("");
      done();
    });
  return (
    <>
      <Form
        label="A new mail"
        fields={["mail", "password"]}
        sending={sending}
        submit={submit}
        action="Send a token there"
      >
        <Field
          label="Mail"
          value={mail}
          change={setMail}
          error={sending.wrong["mail"]}
          input={{ name: "mail", type: "email", autocomplete: "email" }}
        />
        <PasswordField
          name="mail-password"
          value={password}
          change={setPassword}
          error={sending.wrong["password"]}
        />
      </Form>
      <Form label="Verify the mail" fields={["token"]} sending={confirming} submit={confirm} action="Verify">
        <Field
          label="Token of the mail"
          value={token}
          change={setToken}
          error={confirming.wrong["token"]}
          input={{ name: "mail-token" }}
        />
      </Form>
    </>
  );
}

function Wanted({ profile }: { profile: Profile }) {
  const [muted, setMuted] = useState<readonly string[]>(profile.muted);
  const [ratio, setRatio] = useState(String(profile.marginCallPercent));
  const sending = useSending();
  useEffect(() => setMuted(profile.muted), [profile]);
  const flip = (kind: string) =>
    setMuted(muted.includes(kind) ? muted.filter((one) => one !== kind) : [...muted, kind]);
  const submit = () =>
    void sending.send(async () => {
      const body = { muted: [...muted], marginCallPercent: Number(ratio) };
      await api.patch("/user/profile", { body });
      tell("good", "Kept");
    });
  return (
    <Form
      label="Notices you get"
      fields={["marginCallPercent"]}
      sending={sending}
      submit={submit}
      action="Keep"
    >
      <div class="terms" role="group" aria-label="Mails you get">
        {profile.mutable.map((kind) => (
          <label key={kind}>
            <input type="checkbox" checked={!muted.includes(kind)} onChange={() => flip(kind)} />
            {words(kind)}
          </label>
        ))}
      </div>
      <NumberField
        label="Warn at a margin ratio of"
        value={ratio}
        change={setRatio}
        error={sending.wrong["marginCallPercent"]}
        suffix="%"
        input={{ name: "margin-call" }}
      />
    </Form>
  );
}
