/** Of each position that is held, the funding it got or paid: read while somebody looks. */

import { computed, effect, signal } from "@preact/signals";
import { fundedSince, type Funded } from "../lib/funding.ts";
import { api, type Schemas } from "../net/exchange.ts";
import { account, session } from "../net/session.ts";
import { fundedCount, openPositions } from "./account.ts";
import { tellError } from "./toasts.ts";

/** By market. */
export const funded = signal<ReadonlyMap<string, Funded>>(new Map());

/** Rows follow what was heard within moments; what was missed is read with the next look. */
const READ_AFTER_MS = [300, 3_000];
const AGAIN_MS = 60_000;

/** Changes as a position is opened, turned around or ended. */
const held = computed(() => openPositions.value.map(({ marketId, type }) => `${marketId} ${type}`).join());

/** Until the answer is called. */
export function followFunding(): () => void {
  return effect(() => {
    const read = () => void readAll(session.peek()?.userId, account.peek());
    if (held.value === "" || fundedCount.value < 0) return undefined;
    const timers = READ_AFTER_MS.map((ms) => setTimeout(read, ms));
    const again = setInterval(read, AGAIN_MS);
    return () => {
      timers.forEach(clearTimeout);
      clearInterval(again);
    };
  });
}

async function readAll(userId: number | undefined, named: string | null): Promise<void> {
  try {
    const ids = openPositions.peek().map(({ marketId }) => marketId);
    const read = await Promise.all(ids.map(async (id) => [id, await ofMarket(id)] as const));
    if (session.peek()?.userId === userId && account.peek() === named) funded.value = new Map(read);
  } catch (error) {
    if (session.peek() && funded.peek().size === 0) tellError("Funding could not be read", error);
  }
}

async function ofMarket(marketId: string): Promise<Funded> {
  const { positions } = await api.get("/user/positions/history", { query: { marketId, limit: 1 } });
  const endedAt = positions[0]?.closedAt ?? null;
  const payments: Schemas["FundingPaymentAnswer"][] = [];
  let cursor: string | null = null;
  do {
    const query: { marketId: string; limit: number; from?: number; cursor?: string } = {
      marketId,
      limit: 500,
    };
    if (endedAt !== null) query.from = Date.parse(endedAt);
    if (cursor !== null) query.cursor = cursor;
    const page: Schemas["FundingPaymentsPage"] = await api.get("/user/funding", { query });
    payments.push(...page.payments);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return fundedSince(payments, endedAt);
}
