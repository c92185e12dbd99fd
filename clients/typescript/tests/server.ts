/** A feeds server that says what a test tells it to, over real sockets that are really cut. */

import { WebSocketServer, type WebSocket } from "ws";

export type Said = Record<string, unknown>;

export class FeedServer {
  readonly heard: Said[] = [];
  #server: WebSocketServer;
  #waiting: (() => void)[] = [];
  client: WebSocket | undefined;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on("connection", (client) => {
      this.client = client;
      client.on("message", (data) => {
        this.heard.push(JSON.parse(String(data)) as Said);
        this.#waiting.splice(0).forEach((wake) => wake());
      });
    });
  }

  static start(): Promise<FeedServer> {
    return new Promise((resolve) => {
      const server: WebSocketServer = new WebSocketServer({ port: 0, host: "127.0.0.1" }, () =>
        resolve(new FeedServer(server)),
      );
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  say(message: Said): void {
    this.client?.send(JSON.stringify(message));
  }

  cut(): void {
    this.client?.terminate();
  }

  /** The first message of this operation among those not yet asked for. */
  async next(op: string): Promise<Said> {
    for (;;) {
      const index = this.heard.findIndex((said) => said["op"] === op);
      const found = this.heard[index];
      if (found) {
        this.heard.splice(0, index + 1);
        return found;
      }
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
  }

  stop(): void {
    this.#server.clients.forEach((client) => client.terminate());
    this.#server.close();
  }
}

/** Resolves once `look` finds something. */
export async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const seen = look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
