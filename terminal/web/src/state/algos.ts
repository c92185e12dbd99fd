/** How many algos work for the trader: known from every tab, so that none is forgotten. */

import { effect, signal, untracked } from "@preact/signals";
import { api, type Schemas } from "../net/exchange.ts";
import { account, session } from "../net/session.ts";
import { tellError } from "./toasts.ts";

export type Algo = Schemas["AlgoAnswer"];

export const workingCount = signal(0);
/** Counts the trader's own doings with algos: the list is read anew. */
export const changedCount = signal(0);

/** An account has no more of them at once. */
const WORKING_MAX = 20;
const AGAIN_MS = 10_000;

export function isWorking({ state }: Algo): boolean {
  return state === "running" || state === "paused";
}

export function beginAlgos(): void {
  effect(() => {
    const userId = session.value?.userId;
    const named = account.value; // one account's at a time
    if (userId === undefined) return undefined;
    untracked(() => (workingCount.value = 0));
    void readAlgos();
    const timer = setInterval(() => {
      if (workingCount.peek() > 0 && account.peek() === named) void readAlgos();
    }, AGAIN_MS);
    return () => {
      clearInterval(timer);
      workingCount.value = 0;
    };
  });
}

export async function readAlgos(): Promise<void> {
  const [whose, named] = [session.peek()?.userId, account.peek()];
  try {
    const query = { state: "running,paused", limit: WORKING_MAX };
    const { algos } = await api.get("/algos", { query });
    if (session.peek()?.userId !== whose || account.peek() !== named) return;
    workingCount.value = algos.length;
    changedCount.value += 1;
  } catch (error) {
    if (session.peek() && workingCount.peek() > 0) tellError("Your algos could not be read", error);
  }
}

export async function change(algo: Algo, how: "pause" | "resume" | "end"): Promise<void> {
  const path = { algo_id: algo.id };
  try {
    if (how === "end") await api.delete("/algos/{algo_id}", { path });
    else if (how === "pause") await api.post("/algos/{algo_id}/pause", { path });
    else await api.post("/algos/{algo_id}/resume", { path });
  } catch (error) {
    tellError("Not changed", error);
  }
  await readAlgos();
}
