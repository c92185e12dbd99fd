/** The leverage of orders to come, and what it is worth in this market. */

import { useState } from "preact/hooks";
import { leverages } from "../lib/prefs.ts";
import type { Market } from "../net/exchange.ts";
import { leverage } from "../state/form.ts";
import { compact } from "../lib/format.ts";

export function Leverage({ rules }: { rules: Market }) {
  const [isOpen, setOpen] = useState(false);
  const set = (times: number) => {
    if (times >= 1) leverages.value = { ...leverages.value, [rules.id]: Math.min(times, rules.maxLeverage) };
  };
  return (
    <div class="leverage">
      <div class="leverage-line">
        <span class="badge" title="Each position has its own margin; a loss never takes more">
          Isolated
        </span>
        <button
          type="button"
          class="badge"
          aria-expanded={isOpen}
          data-testid="leverage"
          onClick={() => setOpen(!isOpen)}
        >
          {leverage.value}× leverage <span aria-hidden="true">▾</span>
        </button>
      </div>
      {isOpen && (
        <div class="leverage-panel">
          <input
            type="range"
            min="1"
            max={rules.maxLeverage}
            value={leverage.value}
            aria-label="Leverage"
            onInput={(event) => set(event.currentTarget.valueAsNumber)}
          />
          <input
            type="number"
            min="1"
            max={rules.maxLeverage}
            value={leverage.value}
            aria-label="Leverage, typed"
            onInput={(event) => set(Math.floor(event.currentTarget.valueAsNumber))}
          />
          <p class="dim">
            {rules.leverageTiers.map(({ floor, maxLeverage }) => (
              <span key={floor}>
                {" "}
                from {compact(floor)} {rules.quoteAsset}: {maxLeverage}×
              </span>
            ))}
          </p>
        </div>
      )}
    </div>
  );
}
