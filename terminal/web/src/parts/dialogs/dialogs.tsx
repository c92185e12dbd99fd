/** The one dialog that is open. */

import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../../lib/dialog.tsx";
import { closeDialog, open, type AccountPart } from "../../state/dialogs.ts";
import { MarketList } from "../market-list.tsx";
import { Forgotten, NewPassword, VerifyMail } from "./mailed.tsx";
import { Faucet } from "./money.tsx";
import { Amend } from "./order.tsx";
import { ClosePosition, Margin } from "./position.tsx";
import { Protect } from "./protect.tsx";
import { Reverse } from "./reverse.tsx";
import { SignIn } from "./sign-in.tsx";

export function Dialogs() {
  const now = open.value;
  switch (now?.kind) {
    case undefined:
      return null;
    case "sign-in":
    case "sign-up":
      return <SignIn kind={now.kind} />;
    case "forgotten":
      return <Forgotten />;
    case "new-password":
      return <NewPassword token={now.token} />;
    case "verify-mail":
      return <VerifyMail token={now.token} />;
    case "faucet":
      return <Faucet />;
    case "markets":
      return <MarketList />;
    case "account":
      return <LazyAccount part={now.part} />;
    case "close":
      return <ClosePosition position={now.position} />;
    case "margin":
      return <Margin position={now.position} />;
    case "protect":
      return <Protect position={now.position} />;
    case "reverse":
      return <Reverse position={now.position} />;
    case "amend":
      return <Amend order={now.order} {...(now.moved ? { moved: now.moved } : {})} />;
    case "explain":
      return (
        <Dialog title={now.title} close={closeDialog}>
          {now.why && <p class="why">{now.why}</p>}
          <dl class="foreseen">
            {now.rows.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </Dialog>
      );
  }
}

type AccountDialog = FunctionComponent<{ part: AccountPart }>;

/** Nobody's first view: it comes when it is asked for. */
function LazyAccount({ part }: { part: AccountPart }) {
  const [Shown, setShown] = useState<AccountDialog | null>(null);
  useEffect(() => {
    void import("../account/account.tsx").then((module) => setShown(() => module.default));
  }, []);
  return Shown && <Shown part={part} />;
}
