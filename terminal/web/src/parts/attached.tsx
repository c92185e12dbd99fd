/** A take-profit and a stop that come with the order: they sleep until it fills, and follow its size. */

import { NumberField } from "../lib/fields.tsx";
import * as form from "../state/form.ts";

export function Attached({ quote }: { quote: string }) {
  const isOpen = form.hasAttached.value;
  return (
    <div class="attached">
      <div class="terms">
        <label>
          <input
            type="checkbox"
            checked={isOpen}
            onChange={(event) => (form.hasAttached.value = event.currentTarget.checked)}
          />
          Take profit / stop loss
        </label>
        {isOpen && (
          <button
            type="button"
            class="link by"
            aria-label="Which price triggers them"
            onClick={() => (form.attachedBy.value = form.attachedBy.value === "MARK" ? "LAST" : "MARK")}
          >
            by {form.attachedBy.value === "MARK" ? "mark" : "last"} ⇄
          </button>
        )}
      </div>
      {isOpen && (
        <>
          <Exit label="Take profit" of="takeProfit" at={form.takeProfitAt} quote={quote} />
          <Exit label="Stop loss" of="stopLoss" at={form.stopLossAt} quote={quote} />
        </>
      )}
    </div>
  );
}

interface ExitProps {
  label: string;
  of: "takeProfit" | "stopLoss";
  at: typeof form.takeProfitAt;
  quote: string;
}

function Exit({ label, of, at, quote }: ExitProps) {
  const wrong = form.errors.value;
  return (
    <NumberField
      label={label}
      value={at.value}
      error={wrong[`${of}.price`] ?? wrong[of]}
      change={(text) => {
        at.value = text;
        form.forget(`${of}.price`, of);
      }}
      input={{ name: of, placeholder: "none" }}
      suffix={quote}
    />
  );
}
