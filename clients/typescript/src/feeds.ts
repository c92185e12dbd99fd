/**
 * The feeds over one WebSocket. What was subscribed is subscribed again after a cut: books begin with
 * a new snapshot, the account goes on from the last sequence that was heard, and what can't be made
 * up for is told as a gap.
 */

import { AccountCursor, type AccountEvents, type AccountGap, type AlgoMessage } from "./account.ts";
import { Book, type BookMessage } from "./book.ts";
import { Connection, type FeedStatus, type SocketMaker } from "./connection.ts";
import type { Credentials } from "./credentials.ts";

export interface TradeMessage {
  channel: string;
  type: "trade";
  tradeId: number;
  price: string;
  qty: string;
  takerSide: "LONG" | "SHORT";
  execution: string;
  seq: number;
  timeMs: number;
}

export interface TickerMessage {
  channel: string;
  type: "ticker";
  state: string;
  markPrice: string | null;
  indexPrice: string | null;
  lastPrice: string | null;
  bestBid: string | null;
  bestAsk: string | null;
  openInterest: string;
  seq: number;
  timeMs: number;
}

export interface AccountHandlers {
  events(message: AccountEvents): void;
  /** Read orders, positions and fills anew. */
  gap(gap: AccountGap): void;
  algo?(message: AlgoMessage): void;
  /** From now on events are told, those that were missed first. */
  listening?(): void;
  /** The credentials are good no more. */
  ended?(code: string, message: string): void;
}

export interface FeedOptions {
  /** `wss://exchange.example/v1/ws` */
  url: string;
  credentials?: Credentials | undefined;
  /** Node's or the browser's own, if not given. */
  WebSocket?: SocketMaker;
  status?: (status: FeedStatus) => void;
  /** What the server refused that no handler was told of. */
  refused?: (code: string, message: string) => void;
}

type Heard = Record<string, unknown>;
type Handler = (message: never) => void;

const ENDED = new Set([
  ...["TOKEN_EXPIRED", "TOKEN_INVALID", "SESSION_ENDED", "NOT_AUTHENTICATED", "AUTHENTICATION_FAILED"],
  ...["INVALID_KEY", "INVALID_SIGNATURE", "ACCOUNT_SUSPENDED", "TIMESTAMP_OUTSIDE_WINDOW"],
  ...["ADDRESS_NOT_ALLOWED", "SCOPE_MISSING"],
]);
/** Nothing was done, as a part of the exchange is away or busy. */
const PASSING = new Set([
  ...["UNAVAILABLE", "DATABASE_UNAVAILABLE", "REDIS_UNAVAILABLE"],
  ...["BUSY", "TOO_MANY_REQUESTS", "REPLAYED"],
]);
const AGAIN_MS = 1_000;

export class Feeds {
  readonly #connection: Connection;
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #cursor = new AccountCursor();
  #account: AccountHandlers | undefined;
  #isRenewed = false;
  #isOpen = false;
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: FeedOptions) {
    const Socket = options.WebSocket ?? (globalThis.WebSocket as unknown as SocketMaker);
    this.#connection = new Connection(options.url, Socket, {
      opened: () => this.#opened(),
      heard: (message) => this.#heard(message),
      status: (status) => {
        this.#isOpen = status === "open";
        options.status?.(status);
      },
    });
  }

  open(): void {
    this.#connection.open();
  }

  close(): void {
    clearTimeout(this.#again);
    this.#connection.close();
  }

  /** As after a cut; for a page that comes back from sleep. */
  restart(): void {
    this.#connection.restart();
  }

  trades(marketId: string, handler: (trade: TradeMessage) => void): () => void {
    return this.#subscribe(`trades:${marketId}`, handler);
  }

  ticker(marketId: string, handler: (ticker: TickerMessage) => void): () => void {
    return this.#subscribe(`ticker:${marketId}`, handler);
  }

  announcements(handler: (message: { announcements: unknown[] }) => void): () => void {
    return this.#subscribe("announcements", handler);
  }

  /** `isRight` is false from a gap until the next snapshot, which is asked for. */
  book(marketId: string, handler: (book: Book, isRight: boolean) => void): () => void {
    const book = new Book();
    const channel = `book:${marketId}`;
    return this.#subscribe(channel, (message: BookMessage) => {
      const wasRight = book.updateId !== null;
      const isRight = book.apply(message);
      if (!isRight && wasRight) this.#ask([channel]);
      handler(book, isRight);
    });
  }

  /** One account a connection. `Feeds` signs in with its credentials, and again when they are renewed. */
  account(handlers: AccountHandlers): () => void {
    this.#account = handlers;
    if (this.#isOpen) void this.#signIn();
    return () => {
      if (this.#account !== handlers) return;
      this.#account = undefined;
      this.#cursor.forget();
      this.#connection.send({ op: "unsubscribe", channels: ["account"] });
    };
  }

  #subscribe(channel: string, handler: Handler): () => void {
    const there = this.#handlers.get(channel);
    const handlers = there ?? new Set();
    this.#handlers.set(channel, handlers.add(handler));
    // Also where others listen: a book begins with a snapshot.
    this.#ask([channel]);
    return () => {
      handlers.delete(handler);
      if (handlers.size > 0 || this.#handlers.get(channel) !== handlers) return;
      this.#handlers.delete(channel);
      this.#connection.send({ op: "unsubscribe", channels: [channel] });
    };
  }

  #ask(channels: string[]): void {
    if (channels.length > 0) this.#connection.send({ op: "subscribe", channels });
  }

  #opened(): void {
    this.#isRenewed = false;
    this.#ask([...this.#handlers.keys()]);
    if (this.#account) void this.#signIn();
  }

  async #signIn(): Promise<void> {
    const auth = await this.options.credentials?.feedAuth();
    if (auth) this.#connection.send({ op: "auth", ...auth });
  }

  #heard(message: Heard): void {
    if (message["channel"] === "account") return this.#heardOfAccount(message);
    if (typeof message["channel"] === "string") {
      for (const handler of this.#handlers.get(message["channel"]) ?? []) handler(message as never);
      return;
    }
    if (message["op"] === "authenticated") return this.#listenToAccount();
    if (message["op"] === "subscribed" && "seq" in message) {
      const { seq, epoch } = message as unknown as Standing;
      this.#cursor.begin(seq, epoch);
      this.#isRenewed = false;
      this.#account?.listening?.();
    }
    if (message["op"] === "error") void this.#heardError(String(message["code"]), String(message["message"]));
  }

  #listenToAccount(): void {
    if (!this.#account) return;
    this.#connection.send({ op: "subscribe", channels: ["account"], ...this.#cursor.resume() });
  }

  #heardOfAccount(message: Heard): void {
    if (message["type"] === "gap") {
      const gap = message as unknown as AccountGap;
      this.#cursor.skip(gap);
      this.#account?.gap(gap);
    } else if (message["type"] === "algo") {
      this.#account?.algo?.(message as unknown as AlgoMessage);
    } else if (message["type"] === "events") {
      const events = message as unknown as AccountEvents;
      if (this.#cursor.take(events)) this.#account?.events(events);
    }
  }

  async #heardError(code: string, text: string): Promise<void> {
    if (code === "REPLAY_UNAVAILABLE") {
      setTimeout(() => this.#listenToAccount(), AGAIN_MS);
    } else if (PASSING.has(code)) {
      this.#restartLater();
    } else if (ENDED.has(code) && this.#account) {
      await this.#renew(code, text);
    } else if (code === "UNKNOWN_MARKET" && this.#account) {
      this.#cursor.forget(); // a market that is no more: begin anew, and read what there is
      this.#listenToAccount();
    } else {
      this.options.refused?.(code, text);
    }
  }

  async #renew(code: string, text: string): Promise<void> {
    let isRenewed: boolean;
    try {
      isRenewed = !this.#isRenewed && ((await this.options.credentials?.renew()) ?? false);
    } catch {
      this.#restartLater();
      return;
    }
    this.#isRenewed = true; // once, until it is heard that it helped
    if (isRenewed) await this.#signIn();
    else this.#account?.ended?.(code, text);
  }

  #restartLater(): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.restart(), AGAIN_MS);
  }
}

interface Standing {
  seq: Record<string, number>;
  epoch: Record<string, string>;
}
