/**
 * Calls, typed by the schema: `api.get("/user/orders", { query: { limit: 50 } })`. Paths are the
 * schema's own, so what it has is here and nothing else.
 */

import type { Credentials, Outgoing } from "./credentials.ts";
import { NoAnswer, refusalOf } from "./errors.ts";
import type { paths } from "./schema.ts";

export type Method = "get" | "post" | "patch" | "delete";

type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>;
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends object ? P : never;
}[keyof paths];

type JsonOf<R> = R extends { content: { "application/json": infer J } } ? J : never;
type ResponsesOf<O> = O extends { responses: infer R } ? R : never;
type Success = 200 | 201 | 202;
/** What a call answers when it succeeds. */
export type Answer<P extends keyof paths, M extends Method> = {
  [S in Success & keyof ResponsesOf<Operation<P, M>>]: JsonOf<ResponsesOf<Operation<P, M>>[S]>;
}[Success & keyof ResponsesOf<Operation<P, M>>];
type ParametersOf<O> = O extends { parameters: infer X } ? X : never;
type Part<O, Name extends string> =
  ParametersOf<O> extends { [K in Name]: infer V }
    ? V
    : ParametersOf<O> extends { [K in Name]?: infer V }
      ? V
      : never;
type BodyOf<O> = O extends { requestBody?: { content: { "application/json": infer B } } } ? B : never;

export interface Asked<P extends keyof paths, M extends Method> {
  query?: NonNullable<Part<Operation<P, M>, "query">>;
  path?: NonNullable<Part<Operation<P, M>, "path">>;
  body?: BodyOf<Operation<P, M>>;
  signal?: AbortSignal;
}

export interface RestOptions {
  /** Of the exchange, without a path: `https://exchange.example`; "" for the page's own. */
  url: string;
  credentials?: Credentials | undefined;
  fetch?: typeof fetch;
}

const VERSION = "/v1";

export class Rest {
  credentials: Credentials | undefined;

  constructor(private readonly options: RestOptions) {
    this.credentials = options.credentials;
  }

  get<P extends PathOf<"get">>(path: P, asked: Asked<P, "get"> = {}): Promise<Answer<P, "get">> {
    return this.#call("GET", path, asked);
  }

  post<P extends PathOf<"post">>(path: P, asked: Asked<P, "post"> = {}): Promise<Answer<P, "post">> {
    return this.#call("POST", path, asked);
  }

  patch<P extends PathOf<"patch">>(path: P, asked: Asked<P, "patch"> = {}): Promise<Answer<P, "patch">> {
    return this.#call("PATCH", path, asked);
  }

  delete<P extends PathOf<"delete">>(path: P, asked: Asked<P, "delete"> = {}): Promise<Answer<P, "delete">> {
    return this.#call("DELETE", path, asked);
  }

  /** As it was sent: CSV, or JSON that is to be kept as a file. */
  async text<P extends PathOf<"get">>(path: P, asked: Asked<P, "get"> = {}): Promise<string> {
    return (await this.#answered("GET", path, asked)).text();
  }

  async #call<T>(method: string, path: string, asked: Loose): Promise<T> {
    return (await (await this.#answered(method, path, asked)).json()) as T;
  }

  /** Raises ApiError for a refusal and NoAnswer where none came. A token that is over is renewed once. */
  async #answered(method: string, path: string, asked: Loose): Promise<Response> {
    const request = outgoing(method, path, asked);
    const headers = await this.#headers(request);
    let response = await this.#send(request, headers, asked.signal);
    if (response.status === 401 && (await this.#renewed(response, request, headers))) {
      response = await this.#send(request, await this.#headers(request), asked.signal);
    }
    if (!response.ok) throw await refusalOf(response);
    return response;
  }

  /** Only of a token that is over or unknown: a wrong password is a 401, too. */
  async #renewed(response: Response, request: Outgoing, sent: HeaderFields): Promise<boolean> {
    const { code } = await refusalOf(response.clone());
    const isOver = code === "TOKEN_EXPIRED" || code === "TOKEN_INVALID" || code === "SESSION_ENDED";
    if (!isOver || !this.credentials) return false;
    const now = await this.#headers(request);
    const isNewer = now["Authorization"] !== sent["Authorization"]; // another call has renewed it
    return isNewer || this.credentials.renew();
  }

  async #headers(request: Outgoing): Promise<HeaderFields> {
    const own = (await this.credentials?.headers(request)) ?? {};
    return request.body === "" ? own : { ...own, "Content-Type": "application/json" };
  }

  async #send(request: Outgoing, headers: HeaderFields, signal?: AbortSignal): Promise<Response> {
    const init: RequestInit = { method: request.method, headers };
    if (request.body !== "") init.body = request.body;
    if (signal) init.signal = signal;
    const query = request.query === "" ? "" : `?${request.query}`;
    try {
      return await (this.options.fetch ?? fetch)(this.options.url + request.path + query, init);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new NoAnswer(`${request.method} ${request.path}: no answer`, { cause: error });
    }
  }
}

type HeaderFields = Record<string, string>;

interface Loose {
  query?: object;
  path?: object;
  body?: unknown;
  signal?: AbortSignal;
}

function outgoing(method: string, path: string, asked: Loose): Outgoing {
  const named = Object.entries(asked.path ?? {});
  const filled = named.reduce(
    (text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(String(value))),
    path,
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    if (value !== undefined && value !== null) query.set(name, String(value));
  }
  const body = asked.body === undefined ? "" : JSON.stringify(asked.body);
  return { method, path: VERSION + filled, query: query.toString(), body };
}
