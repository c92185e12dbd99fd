/**
 * One WebSocket that comes back: after a cut, after silence, with growing pauses. It knows nothing of
 * what is said over it.
 */

export type FeedStatus = "connecting" | "open" | "waiting" | "closed";

/** What is used of a WebSocket: the browser's, Node's and `ws`'s all have it. */
export interface SocketLike {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}
export type SocketMaker = new (url: string) => SocketLike;

export interface ConnectionEvents {
  opened(): void;
  heard(message: Record<string, unknown>): void;
  status(status: FeedStatus): void;
}

const OPEN = 1;
// The server says something every 15 s at least.
const SILENCE_MS = 35_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;

export class Connection {
  #socket: SocketLike | undefined;
  #isClosed = false;
  #pauseMs = FIRST_PAUSE_MS;
  #again: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly url: string,
    private readonly Socket: SocketMaker,
    private readonly events: ConnectionEvents,
  ) {}

  open(): void {
    clearTimeout(this.#again);
    if (this.#isClosed || this.#socket) return;
    this.events.status("connecting");
    const socket = new this.Socket(this.url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#listen();
      this.events.status("open");
      this.events.opened();
    };
    socket.onmessage = (event: { data: unknown }) => {
      this.#listen();
      this.events.heard(JSON.parse(String(event.data)) as Record<string, unknown>);
    };
    socket.onclose = () => this.#lost(socket);
    socket.onerror = () => undefined; // a close follows
  }

  send(message: Record<string, unknown>): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Cut it and begin anew at once. */
  restart(): void {
    const socket = this.#socket;
    if (!socket) return this.open();
    this.#pauseMs = 0;
    socket.close();
    this.#lost(socket); // a dead network may keep the close to itself
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#again);
    clearTimeout(this.#silence);
    this.#socket?.close();
    this.events.status("closed");
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.restart(), SILENCE_MS);
  }

  #lost(socket: SocketLike): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    socket.onopen = socket.onmessage = socket.onclose = null;
    clearTimeout(this.#silence);
    if (this.#isClosed) return;
    this.events.status("waiting");
    const pauseMs = this.#pauseMs * (0.5 + Math.random() / 2);
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    this.#again = setTimeout(() => this.open(), pauseMs);
  }
}
