/** All that is a trader's and no market's; what is shown is read as it is opened. */

import type { FunctionComponent } from "preact";
import { Dialog } from "../../lib/dialog.tsx";
import { closeDialog, show, type AccountPart } from "../../state/dialogs.ts";
import { FactorPrompt } from "../factor.tsx";
import { Accounts } from "./accounts.tsx";
import { Closing } from "./closing.tsx";
import { Deposits } from "./deposits.tsx";
import { Fees } from "./fees.tsx";
import { Keys } from "./keys.tsx";
import { Notices } from "./notices.tsx";
import { Referrals } from "./referrals.tsx";
import { Security } from "./security.tsx";
import { Sessions } from "./sessions.tsx";
import { Statement } from "./statement.tsx";
import { Withdrawals } from "./withdrawals.tsx";

const PARTS: Record<AccountPart, readonly [string, FunctionComponent]> = {
  security: ["Security", Security],
  sessions: ["Sessions", Sessions],
  keys: ["API keys", Keys],
  deposit: ["Deposit", Deposits],
  withdraw: ["Withdraw", Withdrawals],
  accounts: ["Accounts, transfers", Accounts],
  fees: ["Fees", Fees],
  referrals: ["Referrals", Referrals],
  statement: ["Statement", Statement],
  notices: ["Mail and notices", Notices],
  closing: ["Close the account", Closing],
};

export default function Account({ part }: { part: AccountPart }) {
  const [, Shown] = PARTS[part];
  return (
    <>
      <Dialog title="Account" close={closeDialog} isWide>
        <div class="account">
          <nav class="account-parts" aria-label="Parts of the account">
            {(Object.keys(PARTS) as AccountPart[]).map((one) => (
              <button
                key={one}
                type="button"
                aria-current={one === part ? "page" : undefined}
                onClick={() => show({ kind: "account", part: one })}
              >
                {PARTS[one][0]}
              </button>
            ))}
          </nav>
          <section class="account-shown" aria-label={PARTS[part][0]}>
            <Shown key={part} />
          </section>
        </div>
      </Dialog>
      <FactorPrompt />
    </>
  );
}
