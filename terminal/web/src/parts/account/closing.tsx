/** The way out: closed for good once nothing is left in it, with what still stands in the way. */

import { ApiError } from "exchange-client";
import { useState } from "preact/hooks";
import { Form, PasswordField, useSending } from "../../lib/form.tsx";
import { api } from "../../net/exchange.ts";
import { signOut } from "../../net/session.ts";
import { closeDialog } from "../../state/dialogs.ts";
import { withFactor } from "../../state/fresh.ts";
import { tell } from "../../state/toasts.ts";

export function Closing() {
  const [password, setPassword] = useState("");
  const [reasons, setReasons] = useState<readonly string[]>([]);
  const sending = useSending();
  const close = async () => {
    setReasons([]);
    try {
      const { message } = await withFactor(() => api.post("/user/close", { body: { password } }));
      closeDialog();
      tell("good", message, "Thank you for having traded here.");
    } catch (error) {
      if (error instanceof ApiError && error.code === "ACCOUNT_IN_USE")
        setReasons(error.body["reasons"] as string[]);
      throw error;
    }
    await signOut(); // its session has ended: what is left of it here goes
  };
  return (
    <>
      <p>
        Once it is flat and empty: close your positions, cancel your orders and withdraw what you have. Its
        sessions end, its keys are revoked, and nobody can take its name.
      </p>
      {reasons.length > 0 && (
        <div class="shown-once" role="alert">
          <b>It can’t be closed yet:</b>
          <ul data-testid="reasons">
            {reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        </div>
      )}
      <Form
        label="Close the account"
        fields={reasons.length > 0 ? ["password", ""] : ["password"]}
        sending={sending}
        submit={() => void sending.send(close)}
        action="Close the account for good"
      >
        <PasswordField
          name="closing-password"
          value={password}
          change={setPassword}
          error={sending.wrong["password"]}
        />
      </Form>
    </>
  );
}
