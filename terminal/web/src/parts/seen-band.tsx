/** Whose page an operator looks at. It stays for as long as they look. */

import { timeOfDay } from "../lib/format.ts";
import type { SeenTrader } from "../net/seen.ts";
import { refusal } from "../net/session.ts";
import { readAtMs } from "../state/account.ts";

export function SeenBand({ trader: { username, refused, back } }: { trader: SeenTrader }) {
  const isOver = refusal.value !== "";
  return (
    <div class="seen-band">
      <p role="status">
        <b>You see this page as {username}.</b> Nothing can be done here.
        {refused !== "" && ` ${username} is ${refused}: the API refuses them.`}
        {isOver && <b> Nothing more is shown: {refusal.value}</b>}
      </p>
      {!isOver && readAtMs.value > 0 && (
        <span title="Every few seconds">Last read at {timeOfDay(readAtMs.value)}</span>
      )}
      <a href={back}>Back to the console</a>
    </div>
  );
}
