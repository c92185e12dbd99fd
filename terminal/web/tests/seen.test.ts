import { describe, expect, it } from "vitest";
import { readOf, seenTrader, type SeenTrader } from "../src/net/seen.ts";

const ALICE: SeenTrader = {
  userId: 7,
  username: "alice",
  refused: "",
  reads: "/admin/see-as/7/api",
  look: "opened",
  back: "/admin/accounts/user/7/change/",
};

describe("whose page it is", () => {
  it("is what the shell says", () => {
    expect(seenTrader({ ...ALICE, userId: "7", demo: "1" })).toEqual(ALICE);
  });

  it("is one's own where the shell says nothing of anybody", () => {
    expect(seenTrader({ demo: "1", networks: "demo" })).toBeNull();
  });
});

describe("what leaves another's page", () => {
  it("reads the market from where all read it", () => {
    for (const address of [
      "/v1/markets",
      "/v1/tickers?x=1",
      "/v1/markets/BTC-PERP/candles",
      "/v1/announcements",
    ])
      expect(readOf(ALICE, address, "GET")).toEqual({ address, headers: {} });
  });

  it("reads what is somebody's own from the console, with the look", () => {
    for (const address of [
      "/v1/user/equity",
      "/v1/algos/5",
      "/v1/order/1",
      "/v1/marketsof",
      "/v1/auth/sessions",
    ])
      expect(readOf(ALICE, address, "GET")).toEqual({
        address: `/admin/see-as/7/api${address}`,
        headers: { "X-Look": "opened" },
      });
  });

  it("is nothing but reads of the API", () => {
    for (const method of ["POST", "PATCH", "DELETE", "PUT", "get", undefined])
      for (const address of ["/v1/order", "/v1/markets", "/page/token"])
        expect(() => readOf(ALICE, address, method)).toThrow("Nothing can be done here");
    expect(() => readOf(ALICE, "/page/token", "GET")).toThrow("not read here");
  });
});
