/** The market that is looked at, how it stands, and who looks. */

import { choose as chooseTheme, confirmsOrders, sounds, theme } from "../lib/prefs.ts";
import { byStep, compact, countdown, money, percent, signOf } from "../lib/format.ts";
import { account, isSettled, session, signOut } from "../net/session.ts";
import { equity } from "../state/account.ts";
import { show, type AccountPart } from "../state/dialogs.ts";
import { market, nowMs, standing } from "../state/markets.ts";
import { tellError } from "../state/toasts.ts";
import { isDemo, seen } from "../state/site.ts";

export function Header() {
  return (
    <header class="header">
      <a
        class="brand"
        href={seen?.back ?? "/"}
        aria-label={seen ? "Exchange, back to the console" : "Exchange, to the first market"}
      >
        <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
          <path d="M5 19V9h3v10zm5.5 0V4h3v15zM16 19v-7h3v7z" fill="currentColor" />
        </svg>
        <span>Exchange</span>
      </a>
      <MarketButton />
      <Figures />
      <Who />
    </header>
  );
}

function MarketButton() {
  const now = market.value;
  return (
    <button
      type="button"
      class="market-button"
      aria-haspopup="dialog"
      onClick={() => show({ kind: "markets" })}
    >
      <h1>{now?.id ?? "…"}</h1>
      {now && <span class="badge">{now.maxLeverage}×</span>}
      <span aria-hidden="true" class="caret">
        ▾
      </span>
      <span class="hidden">Choose another market</span>
    </button>
  );
}

function Figures() {
  const [rules, now] = [market.value, standing.value];
  if (!rules || !now) return <dl class="figures" aria-busy="true" />;
  const { day } = now;
  const sign = signOf(day.change);
  return (
    <dl class="figures" aria-label="Market figures">
      <div class="last">
        <dt class="hidden">Last price</dt>
        <dd class={`last-price ${sign}`}>{byStep(now.lastPrice ?? now.markPrice, rules.tickSize)}</dd>
      </div>
      <Figure name="24h change" tone={sign}>
        {day.change === null ? "–" : `${byStep(day.change, rules.tickSize)} (${percent(day.changeRate)})`}
      </Figure>
      <Figure name="Mark">{byStep(now.markPrice, rules.tickSize)}</Figure>
      <Figure name="Index">{byStep(now.indexPrice, rules.tickSize)}</Figure>
      <Figure name="24h volume">
        {compact(day.quoteVolume)} {rules.quoteAsset}
      </Figure>
      <Figure name="Open interest">
        {compact(now.openInterest)} {rules.baseAsset}
      </Figure>
      <Figure name="Funding / in">
        <span class={signOf(now.fundingRate)}>{percent(now.fundingRate, 4)}</span>
        {now.fundingTime && ` / ${countdown(Date.parse(now.fundingTime) - nowMs.value)}`}
      </Figure>
      <Figure name="24h high">{byStep(day.high, rules.tickSize)}</Figure>
      <Figure name="24h low">{byStep(day.low, rules.tickSize)}</Figure>
    </dl>
  );
}

function Figure(props: { name: string; tone?: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd class={props.tone ?? ""}>{props.children}</dd>
    </div>
  );
}

function Who() {
  return (
    <div class="who">
      {seen ? <Equity /> : session.value ? <SignedIn /> : isSettled.value && <SignedOut />}
      <button
        type="button"
        class="icon theme"
        aria-label={theme.value === "dark" ? "Light colours" : "Dark colours"}
        onClick={() => chooseTheme(theme.value === "dark" ? "light" : "dark")}
      >
        {theme.value === "dark" ? "☀" : "☾"}
      </button>
    </div>
  );
}

function SignedOut() {
  return (
    <>
      <button type="button" class="quiet" onClick={() => show({ kind: "sign-in" })}>
        Sign in
      </button>
      <button type="button" class="accent" onClick={() => show({ kind: "sign-up" })}>
        Sign up
      </button>
    </>
  );
}

function Equity() {
  return (
    <span class="equity" title="Equity: available, held by orders, margin and unrealised profit">
      <span class="dim">Equity</span> <b data-testid="equity">{money(equity.value?.equity)}</b>
    </span>
  );
}

const ACCOUNT: readonly (readonly [AccountPart, string])[] = [
  ["security", "Account and security"],
  ["deposit", "Deposit"],
  ["withdraw", "Withdraw"],
  ["keys", "API keys"],
  ["fees", "Fees"],
];

function SignedIn() {
  const leave = () => signOut().catch((error: unknown) => tellError("Not signed out", error));
  return (
    <>
      <button type="button" class="accent deposit" onClick={() => show({ kind: "faucet" })}>
        {isDemo ? "Demo funds" : "Deposit"}
      </button>
      <Equity />
      <details class="menu">
        <summary
          aria-label={`Account of ${session.value?.username ?? ""}${account.value === null ? "" : `, ${account.value}`}`}
        >
          <span class="user">{session.value?.username}</span>
          {account.value !== null && <span class="badge warn">{account.value}</span>}{" "}
          <span aria-hidden="true">▾</span>
        </summary>
        <div class="menu-list">
          {ACCOUNT.map(([part, words]) => (
            <button
              key={part}
              type="button"
              onClick={({ currentTarget }) => {
                currentTarget.closest("details")?.removeAttribute("open");
                show({ kind: "account", part });
              }}
            >
              {words}
            </button>
          ))}
          <button type="button" aria-pressed={sounds.value} onClick={() => (sounds.value = !sounds.value)}>
            Sound at fills: {sounds.value ? "on" : "off"}
          </button>
          <button
            type="button"
            aria-pressed={confirmsOrders.value}
            onClick={() => (confirmsOrders.value = !confirmsOrders.value)}
          >
            Ask before an order is sent: {confirmsOrders.value ? "on" : "off"}
          </button>
          <a href="/docs">API</a>
          {session.value?.operates && <a href="/admin/">Operators’ console</a>}
          <button type="button" onClick={() => void leave()}>
            Sign out
          </button>
        </div>
      </details>
    </>
  );
}
