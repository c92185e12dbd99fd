/** Whose side a row is on, and its market, which a click chooses. */

import type { ComponentChildren } from "preact";
import { choose } from "../../state/markets.ts";

type Words = readonly [long: string, short: string];
const ORDERED: Words = ["Buy", "Sell"];

export function Side({ side, words = ORDERED }: { side: string | null; words?: Words }) {
  const isLong = side === "LONG";
  return <span class={isLong ? "up" : "down"}>{words[isLong ? 0 : 1]}</span>;
}

interface Props {
  marketId: string;
  side: string | null;
  words?: Words;
  children?: ComponentChildren;
}

export function MarketPick({ marketId, side, words = ORDERED, children }: Props) {
  return (
    <button
      type="button"
      class={`pick side-${side === "LONG" ? "up" : "down"}`}
      onClick={() => choose(marketId)}
    >
      {marketId} <Side side={side} words={words} />
      {children}
    </button>
  );
}
