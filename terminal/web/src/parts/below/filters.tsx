/** What of a list is asked for: a market, some days, one of its own words. */

import { words } from "../../lib/format.ts";
import { markets } from "../../state/markets.ts";

export interface Filter {
  market: string;
  first: string;
  last: string;
  /** Of the list's own kinds; "" for all. */
  word: string;
}

export const NO_FILTER: Filter = { market: "", first: "", last: "", word: "" };

/** What the list's own words are, and what they are called. */
export interface OwnWords {
  label: string;
  options: readonly string[];
}

interface Props {
  filter: Filter;
  own: OwnWords | undefined;
  isDated: boolean;
  change: (filter: Filter) => void;
}

export function Filters({ filter, own, isDated, change }: Props) {
  const choices = (label: string, name: "market" | "word", options: readonly string[], say = words) => (
    <label class="select">
      <select
        aria-label={label}
        value={filter[name]}
        onChange={(event) => change({ ...filter, [name]: event.currentTarget.value })}
      >
        <option value="">{label}: all</option>
        {options.map((one) => (
          <option key={one} value={one}>
            {say(one)}
          </option>
        ))}
      </select>
    </label>
  );
  const day = (label: string, name: "first" | "last") => (
    <label>
      <span class="dim">{label}</span>{" "}
      <input
        type="date"
        value={filter[name]}
        onChange={(event) => change({ ...filter, [name]: event.currentTarget.value })}
      />
    </label>
  );
  const ids = markets.value.map(({ id }) => id);
  return (
    <>
      {choices("Market", "market", ids, (id) => id ?? "")}
      {own && choices(own.label, "word", own.options)}
      {isDated && day("From", "first")}
      {isDated && day("to", "last")}
      {filter !== NO_FILTER && (
        <button type="button" class="link" onClick={() => change(NO_FILTER)}>
          Show all
        </button>
      )}
    </>
  );
}
