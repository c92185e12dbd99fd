/** What the account had, every line in between, and what it has: as a file. */

import { useState } from "preact/hooks";
import { spanOf } from "../../lib/days.ts";
import { Form, useSending } from "../../lib/form.tsx";
import { api } from "../../net/exchange.ts";
import { tell } from "../../state/toasts.ts";
import { download } from "../below/table.tsx";

type Format = "csv" | "json";

export function Statement() {
  const [first, setFirst] = useState("");
  const [last, setLast] = useState("");
  const [format, setFormat] = useState<Format>("csv");
  const sending = useSending();
  const submit = () =>
    void sending.send(async () => {
      const { from, to } = spanOf(first, last);
      // Of a day that isn't over: up to now.
      const until = to === undefined || to >= Date.now() ? {} : { to };
      const query = { format, ...(from === undefined ? {} : { from }), ...until };
      const text = await api.text("/user/statement", { query });
      // A statement that was cut short says so itself, at its end.
      download(`statement.${format}`, text, format === "csv" ? "text/csv" : "application/json");
      tell("good", "The statement is downloaded");
    });
  const date = (label: string, value: string, choose: (day: string) => void) => (
    <label class="field-box">
      <span>{label}</span>
      <input type="date" value={value} onInput={(event) => choose(event.currentTarget.value)} />
    </label>
  );
  return (
    <Form label="A statement" sending={sending} submit={submit} action="Download">
      <p class="dim">
        Without dates: from the beginning, up to now. Whether it is complete is said in its last line.
      </p>
      <div class="pair">
        {date("From", first, setFirst)}
        {date("Until", last, setLast)}
      </div>
      <label class="field-box select">
        <span>As</span>
        <select value={format} onChange={(event) => setFormat(event.currentTarget.value as Format)}>
          <option value="csv">CSV</option>
          <option value="json">JSON</option>
        </select>
      </label>
    </Form>
  );
}
