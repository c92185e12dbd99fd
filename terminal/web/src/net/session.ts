/**
 * Who is signed in. The refresh token is a cookie that no script sees; the access token is here, in
 * memory, and gone with the page.
 */

import { signal } from "@preact/signals";
import { ApiError, NoAnswer, isPassing, refusalOf, type Credentials, type Outgoing } from "exchange-client";
import { seen } from "../state/site.ts";
import { send } from "./sending.ts";

export interface Session {
  token: string;
  userId: number;
  username: string;
  operates: boolean;
}

/** Of a trader who is looked at there is no token. */
export const session = signal<Session | null>(
  seen && { token: "", userId: seen.userId, username: seen.username, operates: false },
);
/** The sub-account that is traded for; null for the main one. */
export const account = signal<string | null>(null);
/** False until it is known whether somebody is signed in. */
export const isSettled = signal(seen !== null);
/** Why an operator is shown nothing more; "" while they are, and on a page of one's own. */
export const refusal = signal("");

export interface FactorAsked {
  challenge: string;
  kinds: string[];
}

/** What is an account's own; all else is its trader's, and takes no account. */
const OF_ONE_ACCOUNT =
  /^\/v1\/(orders?|algos|user\/(equity|orders|positions|fills|funding|ledger|leverage|snapshot|statement))(\/|$)/;
const AGAIN_MS = 2_000;

/** One tab at a time: the cookie is renewed now and then, and each one works once. */
async function ask(path: string, body?: object, token?: string): Promise<unknown> {
  return navigator.locks.request("session", async () => {
    const headers: Record<string, string> = {};
    const init: RequestInit = { method: "POST", headers };
    if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
    if (body) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    let response: Response;
    try {
      response = await send(path, init);
    } catch (error) {
      throw new NoAnswer("The exchange does not answer.", { cause: error });
    }
    if (!response.ok) throw await refusalOf(response);
    return response.json() as unknown;
  });
}

async function begin(path: string, body?: object, token?: string): Promise<void> {
  const begun = (await ask(path, body, token)) as Session;
  if (begun.userId !== session.peek()?.userId) account.value = null; // somebody else's name
  session.value = begun;
}

/** As the page is loaded. A server that is away is asked again. */
export async function resume(): Promise<void> {
  while (isRemembered()) {
    try {
      await begin("/page/token");
      break;
    } catch (error) {
      if (!isPassing(error)) break;
      await new Promise((wake) => setTimeout(wake, AGAIN_MS));
    }
  }
  isSettled.value = true;
}

function isRemembered(): boolean {
  return document.cookie.split("; ").includes("session_there=1");
}

export interface SignUp {
  username: string;
  password: string;
  termsVersion?: number;
  referralCode?: string;
}

export function signUp(asked: SignUp): Promise<void> {
  return begin("/page/signup", asked);
}

/** What the second step takes, where there is one. */
export async function signIn(username: string, password: string): Promise<FactorAsked | null> {
  try {
    await begin("/page/signin", { username, password });
    return null;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "SECOND_FACTOR_REQUIRED") throw error;
    const { challenge, kinds } = error.body;
    return { challenge: String(challenge), kinds: kinds as string[] };
  }
}

export function showFactor(challenge: string, proof: object): Promise<void> {
  return begin("/page/signin/factor", { challenge, ...proof });
}

/** Ends all sessions and begins a new one. */
export async function changePassword(password: string, newPassword: string): Promise<void> {
  await credentials.renew(); // so that the token isn't over just now
  await begin("/page/password", { password, newPassword }, session.peek()?.token);
}

export async function signOut(): Promise<void> {
  session.value = null;
  try {
    await ask("/page/signout");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // its session had ended: that is what was wanted
  }
}

/** The page's session as the client asks for it. */
export class PageCredentials implements Credentials {
  #renewing: Promise<boolean> | undefined;

  headers({ path }: Outgoing): Promise<Record<string, string>> {
    const token = session.peek()?.token;
    const headers: Record<string, string> = {};
    if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
    const named = account.peek();
    if (named !== null && OF_ONE_ACCOUNT.test(path)) headers["X-Account"] = named;
    return Promise.resolve(headers);
  }

  feedAuth(): Promise<Record<string, unknown>> {
    const token = session.peek()?.token ?? "";
    const named = account.peek();
    return Promise.resolve(named === null ? { token } : { token, account: named });
  }

  renew(): Promise<boolean> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<boolean> {
    if (!session.value || seen) return false;
    try {
      await begin("/page/token");
      return true;
    } catch (error) {
      if (isPassing(error)) throw error;
      if (error instanceof ApiError && error.status === 401) session.value = null;
      return false;
    }
  }
}

export const credentials = new PageCredentials();
