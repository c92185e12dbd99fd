/** What a trader may change of a live order, as typed, and what is asked of the API for it. */

import { decimal, read } from "../lib/decimal.ts";
import type { Order, Schemas } from "../net/exchange.ts";
import { isUnfired } from "./protection.ts";

type Changes = Schemas["OrderChanges"];

export interface Typed {
  price: string;
  qty: string;
  visibleQty: string;
  trigger: string;
  callback: string;
}

export function asIs({ price, qty, visibleQty, trigger }: Order): Typed {
  return {
    price: price ?? "",
    qty: qty ?? "",
    visibleQty: visibleQty ?? "",
    trigger: trigger?.price ?? "",
    callback: trigger?.callback ? decimal(trigger.callback).times(100).toFixed() : "",
  };
}

/** The book can show a part of it. */
export function mayHide(order: Order): boolean {
  return order.orderType === "limit" && order.timeInForce === "GTC" && !isUnfired(order);
}

/** One that was told to show all of itself is no iceberg. */
export function isIceberg({ qty, visibleQty }: Order): boolean {
  return visibleQty !== null && decimal(visibleQty).lt(qty ?? visibleQty);
}

/** Only what differs is asked for: two changes on their way at once don't undo each other. */
export function changesOf(order: Order, typed: Typed): Changes {
  const was = asIs(order);
  const changes: Changes = {};
  const trigger: NonNullable<Changes["trigger"]> = {};
  if (typed.price.trim() !== was.price) changes.price = typed.price.trim();
  if (typed.qty.trim() !== was.qty) changes.qty = typed.qty.trim();
  // As large as the order shows all of it.
  if (typed.visibleQty.trim() !== was.visibleQty)
    changes.visibleQty = typed.visibleQty.trim() || typed.qty.trim();
  if (typed.trigger.trim() !== was.trigger) trigger.price = typed.trigger.trim();
  if (typed.callback.trim() !== was.callback)
    trigger.callback = read(typed.callback)?.div(100).toFixed() ?? typed.callback;
  if (Object.keys(trigger).length > 0) changes.trigger = trigger;
  return changes;
}
