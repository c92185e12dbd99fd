/** Sending orders. An id of our own makes it safe to send one again when no answer came. */

import { NoAnswer } from "exchange-client";
import { api, type Schemas } from "../net/exchange.ts";
import { LIVE, placed, readSoon } from "./account.ts";
import { readAlgos } from "./algos.ts";
import { tell } from "./toasts.ts";

const TRIES = 4;
const AGAIN_MS = 1_200;

/** Its id; raises ApiError for a refusal. */
export async function place(order: Schemas["NewOrder"]): Promise<number> {
  const body = { ...order, clientOrderId: newId() };
  const made = await insisted(() => api.post("/order", { body }));
  for (const id of [made.orderId, made.takeProfitId, made.stopLossId, made.otherId])
    if (id !== undefined) void look(id);
  return made.orderId;
}

/** Raises ApiError for a refusal. */
export async function startAlgo(algo: Schemas["NewAlgo"]): Promise<void> {
  const body = { ...algo, clientAlgoId: newId() };
  const { id, kind, sliceCount } = await insisted(() => api.post("/algos", { body }));
  const name = kind === "TWAP" ? "TWAP" : "Scaled order";
  tell("plain", `${name} ${id} started`, `${sliceCount} orders; see Algos below.`);
  readSoon();
  void readAlgos();
}

async function insisted<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof NoAnswer) || attempt === TRIES) throw error;
      await new Promise((wake) => setTimeout(wake, AGAIN_MS));
    }
  }
}

/** As it is by now, for the list; its events tell the rest. */
async function look(orderId: number): Promise<void> {
  try {
    const order = await api.get("/order/{order_id}", { path: { order_id: orderId } });
    if (LIVE.includes(order.status)) placed(order);
  } finally {
    readSoon();
  }
}

export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `web-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
