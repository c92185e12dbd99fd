/** The one connection of the page to the exchange. */

import { signal } from "@preact/signals";
import { Feeds, Rest, type components, type FeedStatus } from "exchange-client";
import { send } from "./sending.ts";
import { credentials } from "./session.ts";

export type Schemas = components["schemas"];
export type Market = Schemas["MarketAnswer"];
export type Order = Schemas["OrderAnswer"];
export type Position = Schemas["PositionAnswer"];

export const api = new Rest({
  url: "",
  credentials,
  fetch: (address, init) => send(address as string, init ?? {}),
});

export const feedStatus = signal<FeedStatus>("connecting");
export const feeds = new Feeds({
  url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/ws`,
  credentials,
  status: (status) => {
    feedStatus.value = status;
  },
});
