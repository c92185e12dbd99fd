export type { AccountEvent, AccountEvents, AccountGap } from "./account";
export { Book, type BookMessage, type Level } from "./book";
export type { FeedStatus, SocketLike, SocketMaker } from "./connection";
export { KeyCredentials, SessionCredentials, type Credentials, type Tokens } from "./credentials";
export { compareDecimals, isZero } from "./decimal";
export { ApiError, NoAnswer, type Refusal } from "./errors";
export { Feeds, type AccountHandlers, type TickerMessage, type TradeMessage } from "./feeds";
export { Rest, type Answer, type Asked, type Method, type PathOf } from "./rest";
export type { components, paths } from "./schema";
