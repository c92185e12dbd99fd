/**
 * What the trader has: read over HTTP, and kept by the account's events.
 *
 * Events come before the rows that record them. So what an event said of an order or a position stands
 * until a row is read that is as new; older rows are left aside and read again.
 */

import { computed, effect, signal, untracked } from "@preact/signals";
import { ApiError, type AccountEvent, type AccountEvents } from "exchange-client";
import { api, feeds, type Order, type Position, type Schemas } from "../net/exchange.ts";
import { account, refusal, session } from "../net/session.ts";
import { seen } from "./site.ts";
import { tellOf } from "./telling.ts";
import { tell, tellError } from "./toasts.ts";

export const orders = signal<Order[] | null>(null);
export const positions = signal<Position[] | null>(null);
export const equity = signal<Schemas["EquityAnswer"] | null>(null);
/** Counts what was heard: lists of the past are read anew. */
export const heardCount = signal(0);
/** Counts settlements of funding that were heard. */
export const fundedCount = signal(0);
/** When all was read last; 0 before. */
export const readAtMs = signal(0);
/** Whether events come; until then the lists are as old as they were read. */
export const isListening = signal(false);

export const openPositions = computed(() => (positions.value ?? []).filter(({ type }) => type !== null));

/** Statuses of orders that may still fill. */
export const LIVE: readonly string[] = ["pending", "asleep", "waiting", "open"];
/** After an event: rows follow within moments, and on a busy machine within seconds. */
const READ_AFTER_MS = [120, 700, 3_000];
const READ_EVERY_MS = 5_000;
/** Statuses of an operator who may look no more. */
const REFUSED = [401, 403];

const heardOfOrders = new Map<number, number>(); // id → ms
const heardOfPositions = new Map<string, number>(); // market id → ms

/** Of which trader, and which of their accounts, all here is. */
const whose = computed(() => {
  const userId = session.value?.userId;
  return userId === undefined ? null : `${userId} ${account.value ?? ""}`;
});

export function beginAccount(): void {
  let before: string | null = null;
  effect(() => {
    const now = whose.value;
    if (now === null) return;
    untracked(() => {
      if (before !== null && before !== now) feeds.restart(); // one account a connection
      before = now;
    });
    return untracked(follow);
  });
}

function follow(): () => void {
  const stop = seen ? () => undefined : listen();
  heardCount.value += 1; // lists and marks of the account before are read anew
  readSoon();
  const timer = setInterval(() => void readAll(), READ_EVERY_MS);
  return () => {
    stop();
    clearInterval(timer);
    isListening.value = false;
    orders.value = positions.value = equity.value = null;
    heardOfOrders.clear();
    heardOfPositions.clear();
  };
}

function listen(): () => void {
  return feeds.account({
    events: take,
    gap: ({ marketId }) => {
      tell("plain", "Some events were missed", `${marketId}: orders and positions are read anew.`);
      heardOfOrders.clear();
      heardOfPositions.clear();
      readSoon();
    },
    listening: () => {
      isListening.value = true;
      readSoon();
    },
    ended: (code, message) => {
      isListening.value = false;
      if (code !== "TOKEN_EXPIRED") tell("bad", "Signed out", message);
      session.value = null;
    },
  });
}

const timers = new Set<ReturnType<typeof setTimeout>>();

export function readSoon(): void {
  timers.forEach(clearTimeout);
  timers.clear();
  for (const ms of READ_AFTER_MS) timers.add(setTimeout(() => void readAll(), ms));
}

async function readAll(): Promise<void> {
  if (!session.peek()) return;
  const asked = whose.peek();
  try {
    const [live, held, has] = await Promise.all([readOrders(), readPositions(), api.get("/user/equity")]);
    if (whose.peek() !== asked) return;
    orders.value = newest(live, orders.peek() ?? [], (row) => row.id, heardOfOrders);
    positions.value = newest(held, positions.peek() ?? [], (row) => row.marketId, heardOfPositions);
    equity.value = has;
    readAtMs.value = Date.now();
    if (seen) hearOf(live, held, has);
  } catch (error) {
    if (seen && error instanceof ApiError && REFUSED.includes(error.status)) {
      refusal.value = error.message;
      session.value = null;
      return;
    }
    if (orders.peek() === null && session.peek()) tellError("Your account could not be read", error);
  }
}

let before = "";

/** Where no events come: lists of the past are read anew once something has changed. */
function hearOf(live: Order[], held: Position[], has: Schemas["EquityAnswer"]): void {
  const now = JSON.stringify([live, held.map(({ qty, updatedAt }) => [qty, updatedAt]), has.available]);
  if (before !== "" && before !== now) heardCount.value += 1;
  before = now;
}

async function readOrders(): Promise<Order[]> {
  const found: Order[] = [];
  let cursor: string | null = null;
  do {
    const query: { status: string; limit: number; cursor?: string } = { status: LIVE.join(","), limit: 500 };
    if (cursor !== null) query.cursor = cursor;
    const page: Schemas["OrdersPage"] = await api.get("/user/orders", { query });
    found.push(...page.orders);
    cursor = page.nextCursor;
  } while (cursor !== null && found.length < 2_000);
  return found;
}

async function readPositions(): Promise<Position[]> {
  const page = await api.get("/user/positions", { query: { limit: 500 } });
  return page.positions;
}

interface Dated {
  updatedAt: string;
}

/** Rows as read, but where an event said something newer: then what it made of the row before. */
function newest<T extends Dated, K>(read: T[], before: T[], key: (row: T) => K, heard: Map<K, number>): T[] {
  const known = new Map(before.map((row) => [key(row), row]));
  const rows = read.flatMap((row) => {
    const heardMs = heard.get(key(row));
    if (heardMs === undefined || Date.parse(row.updatedAt) >= heardMs) return [row];
    return known.get(key(row)) ?? [];
  });
  const there = new Set(read.map(key));
  const onlyHeard = before.filter((row) => !there.has(key(row)) && isRecent(heard.get(key(row))));
  return [...onlyHeard, ...rows];
}

/** Of an order that was just placed or changed there may be no row in the list yet. */
function isRecent(heardMs: number | undefined): boolean {
  return heardMs !== undefined && Date.now() - heardMs < 5_000;
}

/** An order that the API took: pending until the engine says more. */
export function placed(order: Order): void {
  if (orders.peek()?.some(({ id }) => id === order.id)) return;
  if (heardOfOrders.has(order.id)) return; // its events were first
  heardOfOrders.set(order.id, Date.now());
  orders.value = [order, ...(orders.peek() ?? [])];
  readSoon();
}

function take(message: AccountEvents): void {
  for (const event of message.events) {
    if (typeof event.orderId === "number") changeOrder(event.orderId, event, message.timeMs);
    if (event.event === "PositionChanged") changePosition(message.marketId, event, message.timeMs);
    if (event.event === "FundingSettled") fundedCount.value += 1;
    tellOf(message.marketId, event);
  }
  heardCount.value += 1;
  readSoon();
}

function changeOrder(id: number, event: AccountEvent, timeMs: number): void {
  heardOfOrders.set(id, timeMs);
  const { status, price, remainingQty } = event;
  const live = orders.peek() ?? [];
  if (typeof status === "string" && !LIVE.includes(status)) {
    orders.value = live.filter((order) => order.id !== id);
    return;
  }
  orders.value = live.map((order) => {
    if (order.id !== id) return order;
    const changed = { ...order };
    if (typeof status === "string") changed.status = status;
    if (typeof price === "string" && event.event !== "Fill") changed.price = price;
    if (typeof remainingQty === "string") changed.remainingQty = remainingQty;
    if (SIZED.has(event.event)) changed.qty = event["qty"] as string | null;
    if (changed.trigger) changed.trigger = { ...changed.trigger, ...conditionOf(event, timeMs) };
    return changed;
  });
}

/** Events that say the size of the whole order. */
const SIZED = new Set(["OrderAmended", "ConditionalAmended", "CoverChanged"]);

function conditionOf(event: AccountEvent, timeMs: number): Partial<NonNullable<Order["trigger"]>> {
  if (event.event === "OrderTriggered") return { triggeredAt: new Date(timeMs).toISOString() };
  return event.event === "ConditionalAmended" ? (event["trigger"] as object) : {};
}

/** Figures that an event doesn't have, until the row is read. */
const CHANGED = { unrealizedPnl: null, liquidationPrice: null, marginRatio: null, leverage: null };

function changePosition(marketId: string, event: AccountEvent, timeMs: number): void {
  heardOfPositions.set(marketId, timeMs);
  const { type, qty, margin, averagePrice } = event as unknown as Pick<
    Position,
    "type" | "qty" | "margin" | "averagePrice"
  >;
  const held = positions.peek() ?? [];
  positions.value = held.map((position) =>
    position.marketId === marketId ? { ...position, ...CHANGED, type, qty, margin, averagePrice } : position,
  );
}
