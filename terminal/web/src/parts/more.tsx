/** The kinds behind "More": one choice, a line that says what it does, and the fields it has. */

import { NumberField } from "../lib/fields.tsx";
import { decimal, read } from "../lib/decimal.ts";
import * as form from "../state/form.ts";
import * as more from "../state/more.ts";
import { market } from "../state/markets.ts";

const KINDS: readonly (readonly [more.MoreKind, string, string])[] = [
  [
    "pair",
    "One cancels the other",
    "A limit order and a stop: whichever fills or fires first ends the other.",
  ],
  ["iceberg", "Iceberg", "A limit order of which the book shows a part at a time."],
  ["match", "Price match", "A limit order that takes its price from the book as it arrives."],
  ["scaled", "Scaled", "Limit orders of one size, evenly between two prices."],
  ["twap", "TWAP", "Market orders bit by bit, sent for you, also while you are away."],
];

const MATCHES: readonly (readonly [more.PriceMatch, string])[] = [
  ["QUEUE", "Best price of my side"],
  ["OPPONENT", "Best price of the other side"],
  ["QUEUE_5", "Fifth price of my side"],
  ["OPPONENT_5", "Fifth price of the other side"],
];

export function MoreKinds() {
  const chosen = more.moreKind.value;
  const told = KINDS.find(([kind]) => kind === chosen)?.[2];
  const choose = (kind: more.MoreKind) => {
    more.moreKind.value = kind;
    form.errors.value = {};
  };
  return (
    <div>
      <label class="field-box select">
        <span>Kind</span>
        <select
          name="more-kind"
          value={chosen}
          aria-describedby="more-told"
          onChange={(event) => choose(event.currentTarget.value as more.MoreKind)}
        >
          {KINDS.map(([kind, words]) => (
            <option key={kind} value={kind}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <p class="field-hint" id="more-told">
        {told}
      </p>
    </div>
  );
}

/** What comes after the price, or in its place. */
export function MoreFields({ base, quote }: { base: string; quote: string }) {
  switch (more.moreKind.value) {
    case "pair":
      return <PairStop quote={quote} />;
    case "iceberg":
      return (
        <Figure
          label="Shown at a time"
          at={more.visibleQty}
          field="visibleQty"
          suffix={base}
          hint="At least a hundredth of the size; all of it is held."
        />
      );
    case "match":
      return <Match />;
    case "scaled":
      return (
        <>
          <Figure label="From" at={more.fromPrice} field="fromPrice" suffix={quote} />
          <Figure label="To" at={more.toPrice} field="toPrice" suffix={quote} />
          <Figure
            label="Orders"
            at={more.count}
            field="count"
            {...eachOf(read(more.count.value)?.toFixed())}
          />
        </>
      );
    case "twap":
      return (
        <>
          <Figure label="For" at={more.minutes} field="durationS" suffix="minutes" />
          <Figure
            label="One every"
            at={more.intervalS}
            field="intervalS"
            suffix="seconds"
            {...eachOf(slots())}
          />
          <Figure
            label="Price at worst"
            at={more.worstPrice}
            field="price"
            suffix={quote}
            placeholder="any"
          />
        </>
      );
  }
}

function slots(): string | undefined {
  const [long, each] = [read(more.minutes.value), read(more.intervalS.value)];
  if (long === null || each === null || each.lte(0)) return undefined;
  return long.times(60).div(each).round(0, 0).toFixed();
}

/** How large one will be, about: what the exchange rounds, it rounds. */
function eachOf(parts: string | undefined): { hint?: string } {
  const [rules, whole] = [market.value, read(form.qty.value)];
  if (!rules || whole === null || parts === undefined || decimal(parts).lte(0)) return {};
  const lot = decimal(rules.lotSize);
  const each = whole.div(parts).div(lot).round(0).times(lot);
  return { hint: `${parts} orders of about ${each.toFixed()} ${rules.baseAsset}` };
}

interface FigureProps {
  label: string;
  at: typeof more.stopAt;
  field: string;
  suffix?: string;
  placeholder?: string;
  hint?: string;
}

function Figure({ label, at, field, suffix, placeholder = "", hint }: FigureProps) {
  return (
    <NumberField
      label={label}
      value={at.value}
      error={form.errors.value[field]}
      {...(hint === undefined ? {} : { hint })}
      change={(text) => {
        at.value = text;
        form.forget(field);
      }}
      input={{ name: `more-${field}`, placeholder }}
      suffix={suffix}
    />
  );
}

function PairStop({ quote }: { quote: string }) {
  const wrong = form.errors.value;
  return (
    <>
      <NumberField
        label="Stop at"
        value={more.stopAt.value}
        error={wrong["other.trigger.price"] ?? wrong["other.trigger"] ?? wrong["other"]}
        change={(text) => {
          more.stopAt.value = text;
          form.forget("other.trigger.price", "other.trigger", "other");
        }}
        input={{ name: "more-stop" }}
        suffix={
          <>
            <button
              type="button"
              class="link"
              aria-label="Which price fires the stop"
              onClick={() => (more.stopBy.value = more.stopBy.value === "MARK" ? "LAST" : "MARK")}
            >
              {more.stopBy.value === "MARK" ? "Mark" : "Last"} ⇄
            </button>
            {quote}
          </>
        }
      />
      <Figure
        label="Then limit"
        at={more.stopLimit}
        field="other.price"
        suffix={quote}
        placeholder="at the market"
      />
    </>
  );
}

function Match() {
  const wrong = form.errors.value["priceMatch"];
  return (
    <div>
      <label class="field-box select">
        <span>Price</span>
        <select
          name="more-match"
          value={more.priceMatch.value}
          onChange={(event) => (more.priceMatch.value = event.currentTarget.value as more.PriceMatch)}
        >
          {MATCHES.map(([match, words]) => (
            <option key={match} value={match}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {wrong && <p class="field-error">{wrong}</p>}
    </div>
  );
}
