/** The kinds behind "More": one choice, a line that says what it does, and the fields it has. */

import { NumberField } from "../lib/fields.tsx";
import { decimal, read } from "../lib/decimal.ts";
import * as form from "../state/form.ts";
import * as more from "../state/more.ts";
import { market } from "../state/markets.ts";
import { side } from "../state/ticket.ts";

const KINDS: readonly (readonly [more.MoreKind, string, string])[] = [
  [
    "pair",
    "One cancels the other",
    "A limit order and a stop: whichever fills or fires first ends the other.",
  ],
  [
    "breakout",
    "Breakout",
    "Two stops: one buys above, one sells below. Whichever fires first ends the other.",
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
    case "breakout":
      return <Breakout quote={quote} />;
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
  /** As the API names it. */
  field: string;
  name?: string;
  suffix?: string;
  placeholder?: string;
  hint?: string;
}

function Figure({ label, at, field, name = field, suffix, placeholder = "", hint }: FigureProps) {
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
      input={{ name: `more-${name}`, placeholder }}
      suffix={suffix}
    />
  );
}

function PairStop({ quote }: { quote: string }) {
  return (
    <>
      <StopPrice label="Stop at" at={more.stopAt} name="more-stop" prefix="other." quote={quote} />
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

interface StopPriceProps {
  label: string;
  at: typeof more.stopAt;
  name: string;
  /** Of the fields that the API names: "other." where it is the other of the pair. */
  prefix: string;
  quote: string;
}

function StopPrice({ label, at, name, prefix, quote }: StopPriceProps) {
  const fields = [`${prefix}trigger.price`, `${prefix}trigger`, ...(prefix === "" ? [] : ["other"])];
  const wrong = form.errors.value;
  return (
    <NumberField
      label={label}
      value={at.value}
      error={fields.map((field) => wrong[field]).find((words) => words !== undefined)}
      change={(text) => {
        at.value = text;
        form.forget(...fields);
      }}
      input={{ name }}
      suffix={
        <>
          <button
            type="button"
            class="link"
            aria-label={`Which price fires it: ${label}`}
            onClick={() => (more.stopBy.value = more.stopBy.value === "MARK" ? "LAST" : "MARK")}
          >
            {more.stopBy.value === "MARK" ? "Mark" : "Last"} ⇄
          </button>
          {quote}
        </>
      }
    />
  );
}

/** The one of the ticket's side is the order that is sent and foreseen, the other its other. */
function Breakout({ quote }: { quote: string }) {
  const [ofBuy, ofSell] = side.value === "LONG" ? ["", "other."] : ["other.", ""];
  const isLimit = more.executes.value === "limit";
  const shown = side.value === "LONG" ? "the buy’s" : "the sell’s";
  return (
    <>
      <StopPrice label="Buy above" at={more.buyAbove} name="more-above" prefix={ofBuy} quote={quote} />
      <StopPrice label="Sell below" at={more.sellBelow} name="more-below" prefix={ofSell} quote={quote} />
      <label class="field-box select">
        <span>Then</span>
        <select
          name="more-executes"
          value={more.executes.value}
          onChange={(event) => (more.executes.value = event.currentTarget.value as "market")}
        >
          <option value="market">Market</option>
          <option value="limit">Limit</option>
        </select>
      </label>
      {isLimit && (
        <>
          <Figure
            label="Buy limit"
            at={more.buyLimit}
            field={`${ofBuy}price`}
            name="buyLimit"
            suffix={quote}
          />
          <Figure
            label="Sell limit"
            at={more.sellLimit}
            field={`${ofSell}price`}
            name="sellLimit"
            suffix={quote}
          />
        </>
      )}
      <p class="field-hint">Both are of one size. What is foreseen below is {shown}.</p>
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
