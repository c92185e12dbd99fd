import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ApiError, KeyCredentials, NoAnswer, Rest, SessionCredentials } from "../src/index.ts";

interface Asked {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

let server: Server;
let url: string;
const asked: Asked[] = [];
let answer: (request: Asked) => [number, object, Record<string, string>?];

beforeEach(async () => {
  asked.length = 0;
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const one = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
      asked.push(one);
      const [status, shown, headers] = answer(one);
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(shown));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test("paths are filled in and encoded, and what isn't given isn't sent", async () => {
  answer = () => [200, {}];
  const api = new Rest({ url });
  await api.get("/markets/{market_id}/depth", { path: { market_id: "A/B" }, query: { limit: 5 } });
  expect(asked[0]?.url).toBe("/v1/markets/A%2FB/depth?limit=5");
  expect(asked[0]?.headers["content-type"]).toBeUndefined();
});

test("a refusal has the API's words, its field and how long to wait", async () => {
  const body = {
    message: "price must be a multiple of the tick 0.1.",
    code: "INVALID_PRICE",
    field: "price",
  };
  answer = () => [400, body, { "retry-after": "3" }];
  const error = await new Rest({ url }).get("/markets").catch((refused: unknown) => refused);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ ...body, status: 400, retryAfterS: 3 });
});

test("no answer is no refusal", async () => {
  server.close();
  await new Promise((resolve) => server.once("close", resolve));
  await expect(new Rest({ url }).get("/markets")).rejects.toBeInstanceOf(NoAnswer);
});

test("calls that meet a token that is over share one renewal", async () => {
  answer = ({ headers }) =>
    headers.authorization === "Bearer new"
      ? [200, { orders: [] }]
      : [401, { message: "over", code: "TOKEN_EXPIRED" }];
  let trades = 0;
  const credentials = new SessionCredentials({ token: "old", refresh: "r1" }, (refresh) => {
    trades += 1;
    expect(refresh).toBe("r1");
    return Promise.resolve({ token: "new", refresh: "r2" });
  });
  const api = new Rest({ url, credentials });
  await Promise.all([api.get("/user/orders"), api.get("/user/fills"), api.get("/user/positions")]);
  expect(trades).toBe(1);
});

test("a session that can't be renewed for a moment is renewed by the next call", async () => {
  answer = ({ headers }) =>
    headers.authorization === "Bearer new" ? [200, {}] : [401, { message: "over", code: "TOKEN_EXPIRED" }];
  const trades = [
    () => Promise.reject(new NoAnswer("no answer")),
    () => Promise.reject(new ApiError(503, { message: "away", code: "DATABASE_UNAVAILABLE" }, 1)),
    () => Promise.resolve({ token: "new", refresh: "r2" }),
  ];
  const credentials = new SessionCredentials({ token: "old", refresh: "r1" }, () => trades.shift()!());
  const api = new Rest({ url, credentials });
  await expect(api.get("/user/orders")).rejects.toBeInstanceOf(NoAnswer);
  await expect(api.get("/user/orders")).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  await api.get("/user/orders");
});

test("a wrong password renews nothing", async () => {
  answer = () => [401, { message: "wrong", code: "WRONG_CREDENTIALS" }];
  const credentials = new SessionCredentials({ token: "t", refresh: "r" }, () => {
    throw new Error("renewed");
  });
  const body = { username: "ada", password: "no" };
  const call = new Rest({ url, credentials }).post("/auth/signin", { body });
  await expect(call).rejects.toMatchObject({ code: "WRONG_CREDENTIALS" });
  expect(asked).toHaveLength(1);
});

test("a key signs what is sent", async () => {
  answer = () => [202, {}];
  const api = new Rest({ url, credentials: new KeyCredentials("key", "secret", () => 1767605400125) });
  await api.delete("/orders", { query: { marketId: "BTC-PERP" } });
  const text = "key\n1767605400125\n\nDELETE\n/v1/orders\nmarketId=BTC-PERP\n";
  const expected = createHmac("sha256", "secret").update(text).digest("hex");
  expect(asked[0]?.headers["x-api-signature"]).toBe(expected);
});

test("text is as it was sent", async () => {
  answer = () => [200, { from: "2026-01-05", complete: true }];
  const text = await new Rest({ url }).text("/user/statement", { query: { format: "json" } });
  expect(text).toBe('{"from":"2026-01-05","complete":true}');
  answer = () => [400, { message: "No.", code: "INVALID_FIELD" }];
  await expect(new Rest({ url }).text("/user/statement")).rejects.toBeInstanceOf(ApiError);
});
