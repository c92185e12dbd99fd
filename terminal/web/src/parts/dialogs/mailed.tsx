/** A forgotten password, asked for and set by mail; and an address that is shown to be one's own. */

import { useState } from "preact/hooks";
import { Dialog } from "../../lib/dialog.tsx";
import { Field } from "../../lib/fields.tsx";
import { Form, PasswordField, useSending } from "../../lib/form.tsx";
import { api } from "../../net/exchange.ts";
import { closeDialog, show } from "../../state/dialogs.ts";
import { tell } from "../../state/toasts.ts";

export function Forgotten() {
  const [username, setUsername] = useState("");
  const sending = useSending();
  const submit = () =>
    void sending.send(async () => {
      const { message } = await api.post("/auth/password/reset", { body: { username: username.trim() } });
      tell("plain", "Asked for", message);
      show({ kind: "new-password", token: "" });
    });
  return (
    <Dialog title="Forgot the password" close={closeDialog}>
      <Form
        label="Forgot the password"
        fields={["username"]}
        sending={sending}
        submit={submit}
        action="Mail me a link"
        other={
          <button type="button" class="link" onClick={() => show({ kind: "new-password", token: "" })}>
            I have a token already
          </button>
        }
      >
        <Field
          label="User name or mail"
          value={username}
          change={setUsername}
          error={sending.wrong["username"]}
          hint="It goes to the mail that was verified for the account. Without one, ask support."
          input={{ name: "forgotten", autocomplete: "username", autofocus: true }}
        />
      </Form>
    </Dialog>
  );
}

export function NewPassword({ token: mailed }: { token: string }) {
  const [token, setToken] = useState(mailed);
  const [password, setPassword] = useState("");
  const sending = useSending();
  const submit = () =>
    void sending.send(async () => {
      const body = { token: token.trim(), newPassword: password };
      const { message } = await api.post("/auth/password/reset/confirm", { body });
      tell("good", message, "All sessions have ended; nothing can be withdrawn for a day.");
      show({ kind: "sign-in" });
    });
  return (
    <Dialog title="Set a new password" close={closeDialog}>
      <Form
        label="Set a new password"
        fields={["token", "newPassword"]}
        sending={sending}
        submit={submit}
        action="Set the password"
      >
        <TokenField token={token} change={setToken} wrong={sending.wrong["token"]} />
        <PasswordField
          label="New password"
          name="reset-password"
          value={password}
          change={setPassword}
          error={sending.wrong["newPassword"]}
          isNew
          isFirst={mailed !== ""}
        />
      </Form>
    </Dialog>
  );
}

/** Not before it is clicked: what looks through mails opens links, too. */
export function VerifyMail({ token: mailed }: { token: string }) {
  const [token, setToken] = useState(mailed);
  const sending = useSending();
  const submit = () =>
    void sending.send(async () => {
      tell("good", (await api.post("/auth/mail/verify", { body: { token: token.trim() } })).message);
      closeDialog();
    });
  return (
    <Dialog title="Verify your mail" close={closeDialog}>
      <Form label="Verify your mail" fields={["token"]} sending={sending} submit={submit} action="Verify">
        <TokenField token={token} change={setToken} wrong={sending.wrong["token"]} />
      </Form>
    </Dialog>
  );
}

interface TokenProps {
  token: string;
  change: (token: string) => void;
  wrong: string | undefined;
}

function TokenField({ token, change, wrong }: TokenProps) {
  return (
    <Field
      label="Token of the mail"
      value={token}
      change={change}
      error={wrong}
      input={{ name: "mailed-token", autofocus: token === "" }}
    />
  );
}
