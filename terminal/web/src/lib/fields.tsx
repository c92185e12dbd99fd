/** Fields with their label and, beside them, what the API says is wrong with them. */

import type { ComponentChildren, InputHTMLAttributes, TargetedKeyboardEvent } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  value: string;
  change: (value: string) => void;
  error?: string | undefined;
  suffix?: ComponentChildren;
  hint?: string;
  input?: InputHTMLAttributes;
}

export function Field({ label, value, change, error, suffix, hint, input }: FieldProps) {
  const id = useId();
  const told = error ?? hint;
  return (
    <div class={error ? "field wrong" : "field"}>
      <div class="field-box">
        <label for={id}>{label}</label>
        <input
          id={id}
          value={value}
          autocomplete="off"
          spellcheck={false}
          aria-invalid={error ? "true" : undefined}
          aria-describedby={told ? `${id}-told` : undefined}
          onInput={(event) => change(event.currentTarget.value)}
          {...input}
        />
        {suffix !== undefined && <span class="suffix">{suffix}</span>}
      </div>
      {told && (
        <p id={`${id}-told`} class={error ? "field-error" : "field-hint"}>
          {told}
        </p>
      )}
    </div>
  );
}

export function NumberField(props: FieldProps) {
  return <Field {...props} input={{ inputMode: "decimal", ...props.input }} />;
}

interface TabsProps<T extends string> {
  label: string;
  tabs: readonly (readonly [T, ComponentChildren])[];
  chosen: T;
  choose: (tab: T) => void;
  kind?: string;
}

/** Arrow keys move between tabs, as screen readers expect. */
export function Tabs<T extends string>({ label, tabs, chosen, choose, kind = "" }: TabsProps<T>) {
  const move = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = tabs.findIndex(([tab]) => tab === chosen);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (!next) return;
    choose(next[0]);
    const buttons = event.currentTarget.querySelectorAll<HTMLButtonElement>("[role=tab]");
    buttons[(at + step + tabs.length) % tabs.length]?.focus();
  };
  return (
    <div class={`tabs ${kind}`} role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map(([tab, words]) => (
        <button
          key={tab}
          type="button"
          role="tab"
          data-tab={tab}
          aria-selected={tab === chosen}
          tabIndex={tab === chosen ? 0 : -1}
          onClick={() => choose(tab)}
        >
          {words}
        </button>
      ))}
    </div>
  );
}
