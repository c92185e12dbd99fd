/** Events of the account in a trader's words. */

import type { AccountEvent } from "exchange-client";
import { words } from "../lib/format.ts";
import { reasonOf } from "../lib/reasons.ts";
import { sounds } from "../lib/prefs.ts";
import { tell } from "./toasts.ts";

export function tellOf(marketId: string, event: AccountEvent): void {
  switch (event.event) {
    case "Fill":
      chime();
      tell(
        "good",
        `${sideWords(event)} ${figure(event, "qty")} ${marketId} filled`,
        `at ${figure(event, "price")}`,
      );
      break;
    case "OrderRejected":
      tell("bad", `Order rejected: ${words(figure(event, "reason"))}`, because(event) || marketId);
      break;
    case "CancelRejected":
    case "AmendRejected":
    case "ActivationRejected":
      tell(
        "bad",
        `${words(event.event.replace("Rejected", ""))} refused: ${words(figure(event, "reason"))}`,
        because(event) || marketId,
      );
      break;
    case "OrderCancelled":
      tell("plain", `Order ended: ${words(figure(event, "reason"))}`, marketId);
      break;
    case "OrderTriggered":
      tell("plain", "Conditional order triggered", `${marketId} at ${figure(event, "referencePrice")}`);
      break;
    case "PositionLiquidated":
      tell(
        "bad",
        `Position liquidated: ${figure(event, "qty")} ${marketId}`,
        `At mark ${figure(event, "markPrice")} its equity was ${figure(event, "equity")}, below what it must have.`,
      );
      break;
    case "MarginAdjustmentRejected":
      tell("bad", `Margin change refused: ${words(figure(event, "reason"))}`, marketId);
      break;
    case "FundingSettled":
      tell("plain", `Funding ${figure(event, "amount")}`, marketId);
      break;
  }
}

function because(event: AccountEvent): string {
  return reasonOf(figure(event, "reason"));
}

function figure(event: AccountEvent, name: string): string {
  const value = event[name];
  return typeof value === "string" ? value : "";
}

function sideWords(event: AccountEvent): string {
  return event["side"] === "LONG" ? "Bought" : "Sold";
}

/** Off by default. */
function chime(): void {
  if (!sounds.value) return;
  const context = new AudioContext();
  const tone = context.createOscillator();
  const volume = context.createGain();
  tone.frequency.value = 880;
  volume.gain.setValueAtTime(0.08, context.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.18);
  tone.connect(volume).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + 0.2);
  tone.onended = () => void context.close();
}
