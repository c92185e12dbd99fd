/** A form whose refusals are said beside its fields, in the API's words. */

import { ApiError } from "exchange-client";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Field } from "./fields.tsx";

export type Wrong = Record<string, string>;

export function wrongOf(error: unknown): Wrong {
  return { [error instanceof ApiError ? (error.field ?? "") : ""]: (error as Error).message };
}

interface Sending {
  wrong: Wrong;
  isSending: boolean;
  /** False where it was refused. */
  send: (act: () => Promise<void>) => Promise<boolean>;
}

export function useSending(): Sending {
  const [wrong, setWrong] = useState<Wrong>({});
  const [isSending, setSending] = useState(false);
  const send = async (act: () => Promise<void>) => {
    setSending(true);
    try {
      await act();
      setWrong({});
      return true;
    } catch (error) {
      setWrong(wrongOf(error));
      return false;
    } finally {
      setSending(false);
    }
  };
  return { wrong, isSending, send };
}

interface FormProps {
  label: string;
  /** Of fields that the form shows itself; all else is said above the button. */
  fields?: readonly string[];
  sending: Sending;
  submit: () => void;
  action: string;
  /** Another way, below the button. */
  other?: ComponentChildren;
  children: ComponentChildren;
}

export function Form({ label, fields = [], sending, submit, action, other, children }: FormProps) {
  const elsewhere = Object.entries(sending.wrong).find(([field]) => !fields.includes(field))?.[1];
  return (
    <form
      class="stack"
      noValidate
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {children}
      {elsewhere && (
        <p class="form-error" role="alert">
          {elsewhere}
        </p>
      )}
      <button type="submit" class="submit accent" disabled={sending.isSending}>
        {sending.isSending ? "One moment…" : action}
      </button>
      {other}
    </form>
  );
}

interface PasswordProps {
  label?: string;
  name?: string;
  value: string;
  change: (value: string) => void;
  error: string | undefined;
  isNew?: boolean;
  isFirst?: boolean;
}

export function PasswordField({
  label = "Password",
  name = "password",
  value,
  change,
  error,
  isNew = false,
  isFirst = false,
}: PasswordProps) {
  return (
    <Field
      label={label}
      value={value}
      change={change}
      error={error}
      input={{
        ...{ name, type: "password", autofocus: isFirst },
        autocomplete: isNew ? "new-password" : "current-password",
      }}
    />
  );
}

/** What may be long, whole on asking. */
export function Clipped({ text }: { text: string }) {
  return (
    <span class="clipped" title={text}>
      {text}
    </span>
  );
}

export function Waiting({ wrong }: { wrong: string }) {
  return <p class={wrong ? "form-error" : "loading"}>{wrong || "Loading…"}</p>;
}

/** What is shown this once: to be copied, never kept by the page. */
export function Once({ label, text }: { label: string; text: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <div class="once">
      <span class="dim">{label}</span>
      <code data-testid="once">{text}</code>
      <button
        type="button"
        class="small"
        onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
      >
        {isCopied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
