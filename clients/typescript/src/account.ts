/**
 * Where an account's events stand, market by market: what to resume from, and what was heard before.
 */

export interface AccountEvents {
  channel: "account";
  type: "events";
  marketId: string;
  seq: number;
  epoch?: string;
  timeMs: number;
  events: AccountEvent[];
}

/**
 * What happened to an algo. `number` counts its events without a gap; they are no part of what is
 * resumed: after a cut `GET /algos` says how they stand.
 */
export interface AlgoMessage {
  channel: "account";
  type: "algo";
  marketId: string;
  event: "AlgoStarted" | "AlgoSliceSent" | "AlgoSliceRefused" | "AlgoPaused" | "AlgoResumed" | "AlgoEnded";
  algoId: number;
  clientAlgoId: string | null;
  number: number;
  state: "running" | "paused" | "done" | "cancelled" | "failed";
  slice: number | null;
  orderId: number | null;
  reason: string | null;
  message?: string;
  timeMs: number;
}

/** One thing that happened; `event` is its name, the rest its figures (docs/api.md). */
export interface AccountEvent {
  event: string;
  orderId?: number | null;
  clientOrderId?: string | null;
  algoId?: number;
  [figure: string]: unknown;
}

/** Nothing is known of the entries between: read orders, positions and fills over HTTP. */
export interface AccountGap {
  channel: "account";
  type: "gap";
  marketId: string;
  afterSeq: number;
  nextSeq: number;
  epoch?: string;
}

export class AccountCursor {
  #seqs = new Map<string, number>();
  #epochs = new Map<string, string>();

  /** As `subscribe` takes it. */
  resume(): { lastSeq?: Record<string, number>; epoch?: Record<string, string> } {
    if (this.#seqs.size === 0) return {};
    const epochs = [...this.#epochs].filter(([market]) => this.#seqs.has(market));
    return { lastSeq: Object.fromEntries(this.#seqs), epoch: Object.fromEntries(epochs) };
  }

  /** Where the live feed stands, for markets that nothing was heard of. */
  begin(seqs: Record<string, number>, epochs: Record<string, string>): void {
    for (const [market, seq] of Object.entries(seqs)) {
      if (!this.#seqs.has(market)) this.#set(market, seq, epochs[market]);
    }
  }

  /** Whether these events are new. */
  take(message: AccountEvents): boolean {
    const { marketId, seq, epoch } = message;
    const isSameEpoch = epoch === undefined || epoch === this.#epochs.get(marketId);
    if (isSameEpoch && seq <= (this.#seqs.get(marketId) ?? -1)) return false;
    this.#set(marketId, seq, epoch);
    return true;
  }

  skip(gap: AccountGap): void {
    this.#set(gap.marketId, gap.nextSeq - 1, gap.epoch);
  }

  forget(): void {
    this.#seqs.clear();
    this.#epochs.clear();
  }

  #set(market: string, seq: number, epoch: string | undefined): void {
    this.#seqs.set(market, Math.max(seq, 0));
    if (epoch !== undefined) this.#epochs.set(market, epoch);
  }
}
