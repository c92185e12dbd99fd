/**
 * Who asks. A session has an access token for minutes and renews it; a key signs every request and
 * has nothing to renew.
 */

import { isPassing } from "./errors.ts";

export interface Outgoing {
  method: string;
  /** With its version, as it is sent: `/v1/order`. */
  path: string;
  /** Without its `?`. */
  query: string;
  body: string;
}

export interface Credentials {
  /** Headers that say who asks. */
  headers(request: Outgoing): Promise<Record<string, string>>;
  /** What the feeds' `auth` takes. */
  feedAuth(): Promise<Record<string, unknown>>;
  /** After a 401: whether asking once more may help. Rejects where nobody could say, as in an outage. */
  renew(): Promise<boolean>;
}

export interface Tokens {
  token: string;
  refresh: string;
}

/**
 * A session. A refresh token works once, so whoever needs a new pair waits for the one renewal that
 * is on its way. `onRenewed` keeps the pair, where it is to outlive the program.
 */
export class SessionCredentials implements Credentials {
  #renewing: Promise<boolean> | undefined;

  constructor(
    private tokens: Tokens,
    private readonly trade: (refresh: string) => Promise<Tokens>,
    private readonly options: { account?: string; onRenewed?: (tokens: Tokens) => void } = {},
  ) {}

  async headers(): Promise<Record<string, string>> {
    const { account } = this.options;
    const headers = { Authorization: `Bearer ${this.tokens.token}` };
    return account === undefined ? headers : { ...headers, "X-Account": account };
  }

  async feedAuth(): Promise<Record<string, unknown>> {
    const { account } = this.options;
    return account === undefined ? { token: this.tokens.token } : { token: this.tokens.token, account };
  }

  renew(): Promise<boolean> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<boolean> {
    try {
      this.tokens = await this.trade(this.tokens.refresh);
    } catch (error) {
      if (isPassing(error)) throw error;
      return false;
    }
    this.options.onRenewed?.(this.tokens);
    return true;
  }
}

/** A key with its secret (HMAC-SHA256), as `POST /user/keys` answered it. */
export class KeyCredentials implements Credentials {
  readonly #imported: Promise<CryptoKey>;

  constructor(
    private readonly key: string,
    secret: string,
    private readonly clockMs: () => number = Date.now,
  ) {
    const bytes = new TextEncoder().encode(secret);
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    this.#imported = crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  }

  async headers(request: Outgoing): Promise<Record<string, string>> {
    const timestamp = String(this.clockMs());
    return {
      "X-API-Key": this.key,
      "X-API-Timestamp": timestamp,
      "X-API-Signature": await this.#sign(timestamp, request),
    };
  }

  async feedAuth(): Promise<Record<string, unknown>> {
    const timestamp = this.clockMs();
    const request = { method: "AUTH", path: "/ws", query: "", body: "" };
    return { key: this.key, timestamp, signature: await this.#sign(String(timestamp), request) };
  }

  renew(): Promise<boolean> {
    return Promise.resolve(false);
  }

  /** Each part with a line break behind it, then the body; the window is the server's own. */
  async #sign(timestamp: string, { method, path, query, body }: Outgoing): Promise<string> {
    const text = `${[this.key, timestamp, "", method, path, query].join("\n")}\n${body}`;
    const signature = await crypto.subtle.sign("HMAC", await this.#imported, new TextEncoder().encode(text));
    return Array.from(new Uint8Array(signature), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}
