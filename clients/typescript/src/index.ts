export type { AccountEvent, AccountEvents, AccountGap, AlgoMessage } from "./account.ts";
export { Book, type BookMessage, type Level } from "./book.ts";
export type { FeedStatus, SocketLike, SocketMaker } from "./connection.ts";
export {
  KeyCredentials,
  SessionCredentials,
  type Credentials,
  type Outgoing,
  type Tokens,
} from "./credentials.ts";
export { compareDecimals, isZero } from "./decimal.ts";
export { ApiError, NoAnswer, isPassing, refusalOf, type Refusal } from "./errors.ts";
export { Feeds, type AccountHandlers, type TickerMessage, type TradeMessage } from "./feeds.ts";
export { Rest, type Answer, type Asked, type Method, type PathOf } from "./rest.ts";
export type { components, paths } from "./schema.ts";
