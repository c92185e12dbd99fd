/** The order ticket: what is asked, what that would mean, and one button. */

import { useState } from "preact/hooks";
import { Field, NumberField, Tabs } from "../lib/fields.tsx";
import { byStep, money } from "../lib/format.ts";
import { confirmsOrders, sizeUnit } from "../lib/prefs.ts";
import { session } from "../net/session.ts";
import { equity, openPositions } from "../state/account.ts";
import { show } from "../state/dialogs.ts";
import * as form from "../state/form.ts";
import { market, standing } from "../state/markets.ts";
import { moreKind } from "../state/more.ts";
import { place, startAlgo } from "../state/placing.ts";
import { price, side, size, type Side } from "../state/ticket.ts";
import { tell } from "../state/toasts.ts";
import { Attached } from "./attached.tsx";
import { Leverage } from "./leverage.tsx";
import { Foreseen } from "./foreseen.tsx";
import { MoreFields, MoreKinds } from "./more.tsx";
import { Worth } from "./worth.tsx";

const KINDS = [
  ["limit", "Limit"],
  ["market", "Market"],
  ["conditional", "Stop / TP"],
  ["more", "More"],
] as const;
const SHARES = [0, 25, 50, 75, 100];

export function Ticket() {
  const rules = market.value;
  if (!rules) return <div class="loading">Loading the ticket…</div>;
  return (
    <div class="ticket">
      <Leverage rules={rules} />
      <Sides />
      <Tabs
        label="Order type"
        tabs={KINDS}
        chosen={form.kind.value}
        choose={(kind) => (form.kind.value = kind)}
      />
      <Form base={rules.baseAsset} quote={rules.quoteAsset} tick={rules.tickSize} />
      <Worth quote={rules.quoteAsset} />
    </div>
  );
}

function Sides() {
  const button = (of: Side, words: string) => (
    <button
      type="button"
      class={of === "LONG" ? "buy" : "sell"}
      aria-pressed={side.value === of}
      onClick={() => (side.value = of)}
    >
      {words}
    </button>
  );
  return (
    <div class="sides" role="group" aria-label="Side">
      {button("LONG", "Buy / Long")}
      {button("SHORT", "Sell / Short")}
    </div>
  );
}

interface FormProps {
  base: string;
  quote: string;
  tick: string;
}

function Form({ base, quote, tick }: FormProps) {
  const [isSending, setSending] = useState(false);
  const [isAsking, setAsking] = useState(false);
  const send = async () => {
    const [order, algo] = [form.order.value, form.algo.value];
    if (!order && !algo) {
      form.errors.value = { qty: "Say how much." };
      return;
    }
    if (confirmsOrders.value && !isAsking) {
      setAsking(true);
      return;
    }
    setAsking(false);
    setSending(true);
    try {
      if (algo) await startAlgo(algo);
      if (order) tell("plain", `Order ${await place(order)} received`, "Pending until the engine has it.");
      size.value = form.takeProfitAt.value = form.stopLossAt.value = "";
      form.share.value = 0;
    } catch (error) {
      form.refuse(error);
    } finally {
      setSending(false);
    }
  };
  const wrong = form.wrongElsewhere.value;
  return (
    <form
      class="ticket-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (session.value) void send();
        else show({ kind: "sign-up" });
      }}
    >
      <dl class="free">
        <div>
          <dt>Available</dt>
          <dd>
            {session.value ? money(form.preview.value?.available ?? equity.value?.available) : "–"} {quote}
          </dd>
        </div>
        <HeldNow base={base} />
      </dl>
      {form.kind.value === "conditional" && <Conditional quote={quote} />}
      {form.kind.value === "more" && <MoreKinds />}
      {form.isLimit.value && <Price quote={quote} tick={tick} />}
      {form.kind.value === "more" && <MoreFields base={base} quote={quote} />}
      <Size base={base} quote={quote} />
      <Terms />
      {form.canAttach.value && <Attached quote={quote} />}
      {wrong && (
        <p class="form-error" role="alert">
          {wrong}
        </p>
      )}
      <Submit base={base} isSending={isSending} isAsking={isAsking} />
      {isAsking && (
        <button type="button" class="quiet" onClick={() => setAsking(false)}>
          Not yet
        </button>
      )}
      <Foreseen quote={quote} tick={tick} />
    </form>
  );
}

function HeldNow({ base }: { base: string }) {
  const held = openPositions.value.find(({ marketId }) => marketId === market.value?.id);
  if (!held) return null;
  return (
    <div>
      <dt>Position</dt>
      <dd class={held.type === "LONG" ? "up" : "down"}>
        {held.type === "LONG" ? "Long" : "Short"} {held.qty} {base}
      </dd>
    </div>
  );
}

function Submit({ base, isSending, isAsking }: { base: string; isSending: boolean; isAsking: boolean }) {
  const isLong = side.value === "LONG";
  if (!session.value) {
    return (
      <button type="submit" class="submit accent">
        Sign up or sign in to trade
      </button>
    );
  }
  const told = isLong ? ["Buy to reduce", "Buy / Long"] : ["Sell to reduce", "Sell / Short"];
  const act = form.isReduceOnly.value ? told[0] : told[1];
  const algo = moreKind.value === "twap" ? "TWAP" : "Scaled";
  const plain = form.isAlgo.value ? `${algo}: ${act}` : act;
  const tone = form.isBreakout.value ? "accent" : isLong ? "buy" : "sell";
  const action = form.isBreakout.value ? "Both stops:" : plain;
  return (
    <button type="submit" class={`submit ${tone}`} disabled={isSending} data-testid="submit">
      {isSending
        ? "Sending…"
        : isAsking
          ? `Confirm: ${action} ${form.qty.value} ${base}`
          : form.isBreakout.value
            ? "Place both stops"
            : `${action} ${base}`}
    </button>
  );
}

function Price({ quote, tick }: { quote: string; tick: string }) {
  const now = standing.value;
  const best = side.value === "LONG" ? now?.bestBid : now?.bestAsk;
  return (
    <NumberField
      label="Price"
      value={price.value}
      error={form.errors.value["price"]}
      change={(text) => {
        price.value = text;
        form.forget("price");
      }}
      input={{ placeholder: byStep(now?.markPrice, tick), name: "price" }}
      suffix={
        <>
          {best && (
            <button type="button" class="link" onClick={() => (price.value = best)}>
              {side.value === "LONG" ? "Bid" : "Ask"}
            </button>
          )}
          {quote}
        </>
      }
    />
  );
}

function Size({ base, quote }: { base: string; quote: string }) {
  const isBase = sizeUnit.value === "base";
  const flip = () => {
    sizeUnit.value = isBase ? "quote" : "base";
    size.value = "";
  };
  return (
    <>
      <NumberField
        label="Size"
        value={size.value}
        error={form.errors.value["qty"]}
        {...(!isBase && form.qty.value !== "" ? { hint: `${form.qty.value} ${base}` } : {})}
        change={(text) => {
          size.value = text;
          form.share.value = 0;
          form.forget("qty");
        }}
        input={{ placeholder: "0", name: "size" }}
        suffix={
          <button type="button" class="link" onClick={flip} aria-label={`Size in ${isBase ? quote : base}`}>
            {isBase ? base : quote} ⇄
          </button>
        }
      />
      <div class="shares">
        <input
          type="range"
          min="0"
          max="100"
          value={form.share.value}
          aria-label="Share of what is free, in percent"
          disabled={!session.value}
          onInput={(event) => form.takeShare(event.currentTarget.valueAsNumber)}
        />
        <div class="share-marks">
          {SHARES.map((percent) => (
            <button
              key={percent}
              type="button"
              class="link"
              disabled={!session.value}
              aria-label={`${percent} percent of what is free`}
              onClick={() => form.takeShare(percent)}
            >
              {percent}%
            </button>
          ))}
        </div>
      </div>
    </>
  );
}

function Conditional({ quote }: { quote: string }) {
  const isTrailing = form.triggerType.value === "TRAILING_STOP";
  const wrong = form.errors.value;
  return (
    <>
      <div class="pair">
        <label class="field-box select">
          <span>When</span>
          <select
            value={form.triggerType.value}
            onChange={(event) => (form.triggerType.value = event.currentTarget.value as "STOP")}
          >
            <option value="STOP">Stop</option>
            <option value="TAKE_PROFIT">Take profit</option>
            <option value="TRAILING_STOP">Trailing stop</option>
          </select>
        </label>
        <label class="field-box select">
          <span>Then</span>
          <select
            value={form.executes.value}
            onChange={(event) => (form.executes.value = event.currentTarget.value as "market")}
          >
            <option value="market">Market</option>
            <option value="limit">Limit</option>
          </select>
        </label>
      </div>
      <NumberField
        label={isTrailing ? "Active from" : "Trigger"}
        value={form.triggerPrice.value}
        error={wrong["trigger.price"] ?? wrong["trigger"]}
        change={(text) => {
          form.triggerPrice.value = text;
          form.forget("trigger.price", "trigger");
        }}
        input={{ name: "trigger", placeholder: isTrailing ? "at once" : "" }}
        suffix={
          <>
            <button
              type="button"
              class="link"
              aria-label="Which price triggers it"
              onClick={() => (form.triggerBy.value = form.triggerBy.value === "MARK" ? "LAST" : "MARK")}
            >
              {form.triggerBy.value === "MARK" ? "Mark" : "Last"} ⇄
            </button>
            {quote}
          </>
        }
      />
      {isTrailing && (
        <Field
          label="Callback"
          value={form.callback.value}
          error={wrong["trigger.callback"]}
          change={(text) => (form.callback.value = text)}
          suffix="%"
          input={{ inputMode: "decimal" }}
        />
      )}
    </>
  );
}

function Terms() {
  const isPlainLimit = form.kind.value === "limit";
  const canRestOnly = isPlainLimit || (form.isAlgo.value && moreKind.value === "scaled");
  return (
    <div class="terms">
      {canRestOnly && (
        <label>
          <input
            type="checkbox"
            checked={form.isPostOnly.value}
            onChange={(event) => (form.isPostOnly.value = event.currentTarget.checked)}
          />
          Post-only
        </label>
      )}
      <label>
        <input
          type="checkbox"
          checked={form.isReduceOnly.value}
          onChange={(event) => (form.isReduceOnly.value = event.currentTarget.checked)}
        />
        Reduce-only
      </label>
      {isPlainLimit && !form.isPostOnly.value && (
        <label class="select tif">
          <span class="hidden">Time in force</span>
          <select
            value={form.timeInForce.value}
            onChange={(event) => (form.timeInForce.value = event.currentTarget.value as "GTC")}
          >
            <option value="GTC">GTC</option>
            <option value="IOC">IOC</option>
            <option value="FOK">FOK</option>
          </select>
        </label>
      )}
    </div>
  );
}
