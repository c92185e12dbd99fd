import { afterEach, beforeEach, expect, test } from "vitest";
import { Feeds, NoAnswer, type AccountEvents, type AccountGap, type Book, type Credentials } from "../src/index.ts";
import { FeedServer, until, type Said } from "./server.ts";

const BOOK = "book:BTC-PERP";

let server: FeedServer;
let feeds: Feeds;

class Tokens implements Credentials {
  renewals = 0;
  outages = 0;
  constructor(private readonly canRenew = true) {}
  headers = () => Promise.resolve({});
  feedAuth = () => Promise.resolve({ token: `token-${this.renewals}` });
  renew = () => {
    if (this.outages-- > 0) return Promise.reject(new NoAnswer("no answer"));
    this.renewals += 1;
    return Promise.resolve(this.canRenew);
  };
}

beforeEach(async () => {
  server = await FeedServer.start();
});

afterEach(() => {
  feeds.close();
  server.stop();
});

function connect(credentials?: Credentials): Feeds {
  feeds = new Feeds({ url: server.url, credentials });
  feeds.open();
  return feeds;
}

function snapshot(u: number, ...bids: [string, string][]): Said {
  return { channel: BOOK, type: "snapshot", U: u, u, pu: 0, timeMs: 1, bids, asks: [["101", "1"]] };
}

function delta(pu: number, u: number, ...bids: [string, string][]): Said {
  return { channel: BOOK, type: "delta", U: pu + 1, u, pu, timeMs: 2, bids, asks: [] };
}

test("a book is kept, and after a gap it is wrong until the next snapshot", async () => {
  const seen: { bids: string[]; isRight: boolean }[] = [];
  connect().book("BTC-PERP", (book: Book, isRight) =>
    seen.push({ bids: book.bids().map(([price, qty]) => `${price}×${qty}`), isRight }),
  );
  expect(await server.next("subscribe")).toEqual({ op: "subscribe", channels: [BOOK] });
  server.say(snapshot(7, ["99", "1"], ["100", "2"]));
  server.say(delta(7, 9, ["100", "0"], ["99.5", "3"]));
  await until(() => seen.length === 2);
  expect(seen[1]).toEqual({ bids: ["99.5×3", "99×1"], isRight: true });
  server.say(delta(11, 12, ["98", "1"])); // 10 and 11 were lost
  await server.next("subscribe");
  server.say(delta(12, 13, ["97", "1"])); // on its way when the snapshot was asked for
  server.say(snapshot(20, ["96", "1"]));
  await until(() => seen.length === 5);
  expect(seen.slice(2).map(({ isRight }) => isRight)).toEqual([false, false, true]);
  expect(seen[4]?.bids).toEqual(["96×1"]);
  expect(server.heard).toEqual([]); // asked once, not with every message
});

test("what was subscribed is subscribed again after a cut", async () => {
  const prices: string[] = [];
  connect().trades("BTC-PERP", ({ price }) => prices.push(price));
  const stop = feeds.ticker("ETH-PERP", () => undefined);
  await server.next("subscribe");
  stop();
  await server.next("unsubscribe");
  server.cut();
  expect(await server.next("subscribe")).toEqual({ op: "subscribe", channels: ["trades:BTC-PERP"] });
  server.say({ channel: "trades:BTC-PERP", type: "trade", price: "5" });
  await until(() => prices.length > 0);
});

test("the account goes on where it was, each event once, and gaps are told", async () => {
  const heard: number[] = [];
  const gaps: number[] = [];
  const algos: string[] = [];
  connect(new Tokens()).account({
    algo: ({ event, number }) => algos.push(`${event} ${number}`),
    events: ({ seq }: AccountEvents) => heard.push(seq),
    gap: ({ nextSeq }: AccountGap) => gaps.push(nextSeq),
  });
  const event = (seq: number, epoch = "a"): Said => ({
    ...{ channel: "account", type: "events", marketId: "BTC-PERP", seq, epoch, timeMs: 1, events: [] },
  });
  expect(await server.next("auth")).toEqual({ op: "auth", token: "token-0" });
  server.say({ op: "authenticated", userId: 1 });
  expect(await server.next("subscribe")).toEqual({ op: "subscribe", channels: ["account"] });
  const standing = {
    op: "subscribed",
    channels: ["account"],
    seq: { "BTC-PERP": 10 },
    epoch: { "BTC-PERP": "a" },
  };
  server.say(standing);
  server.say({ channel: "account", type: "algo", marketId: "BTC-PERP", event: "AlgoStarted", number: 1 });
  server.say({ channel: "account", type: "of a later version", marketId: "BTC-PERP" });
  server.say(event(12));
  await until(() => heard.includes(12));
  server.cut();
  await server.next("auth");
  server.say({ op: "authenticated", userId: 1 });
  const again = { lastSeq: { "BTC-PERP": 12 }, epoch: { "BTC-PERP": "a" } };
  expect(await server.next("subscribe")).toEqual({ op: "subscribe", channels: ["account"], ...again });
  server.say({ ...standing, seq: { "BTC-PERP": 15 } });
  for (const seq of [12, 13, 13, 15]) server.say(event(seq));
  server.say({ channel: "account", type: "gap", marketId: "BTC-PERP", afterSeq: 15, nextSeq: 3, epoch: "b" });
  server.say(event(3, "b")); // set back: numbers are used again in another epoch
  await until(() => heard.includes(3));
  expect([heard, gaps, algos]).toEqual([[12, 13, 15, 3], [3], ["AlgoStarted 1"]]);
});

test("a token that is over is renewed once; one that can't be ends the account", async () => {
  const ended: string[] = [];
  const tokens = new Tokens();
  connect(tokens).account({ events: () => 0, gap: () => 0, ended: (code) => ended.push(code) });
  await server.next("auth");
  server.say({ op: "error", code: "TOKEN_EXPIRED", message: "over" });
  expect(await server.next("auth")).toEqual({ op: "auth", token: "token-1" });
  server.say({ op: "error", code: "TOKEN_EXPIRED", message: "over" });
  await until(() => ended.length > 0);
  expect([tokens.renewals, ended]).toEqual([1, ["TOKEN_EXPIRED"]]);
});

test("a token that can't be renewed for a moment is not over", async () => {
  const ended: string[] = [];
  const tokens = new Tokens();
  tokens.outages = 1;
  connect(tokens).account({ events: () => 0, gap: () => 0, ended: (code) => ended.push(code) });
  await server.next("auth");
  server.say({ op: "error", code: "TOKEN_EXPIRED", message: "over" });
  expect(await server.next("auth")).toEqual({ op: "auth", token: "token-0" });
  server.say({ op: "error", code: "TOKEN_EXPIRED", message: "over" });
  expect(await server.next("auth")).toEqual({ op: "auth", token: "token-1" });
  expect(ended).toEqual([]);
});

test("where the exchange can't answer for a moment, all is asked for again", async () => {
  const [told, ended]: [number[], string[]] = [[], []];
  const account = { events: ({ seq }: AccountEvents) => told.push(seq), gap: () => 0 };
  connect(new Tokens()).account({ ...account, ended: (code) => ended.push(code) });
  feeds.trades("BTC-PERP", () => 0);
  await server.next("auth");
  server.say({ op: "error", code: "UNAVAILABLE", message: "Signing in is not possible now. Try again." });
  expect(await server.next("subscribe")).toEqual({ op: "subscribe", channels: ["trades:BTC-PERP"] });
  expect(await server.next("auth")).toEqual({ op: "auth", token: "token-0" });
  expect(ended).toEqual([]);
});
