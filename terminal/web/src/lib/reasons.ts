/** Why the engine refused or ended something, in a trader's words. Each code it has is here. */

const REASONS: Record<string, string> = {
  // Refused
  MARKET_NOT_CONFIGURED: "The market is not set up yet.",
  MARKET_STATE: "The market took no such order at that moment: see its state.",
  NO_MARK_PRICE: "There was no mark price to judge it by.",
  INVALID_SIZE: "Its size was outside what the market takes.",
  INVALID_LEVERAGE: "More leverage than the market, or a position of that size, allows.",
  INVALID_TIME_IN_FORCE: "This kind of order can't have that time in force.",
  MIN_NOTIONAL: "It was worth less than the smallest order of the market.",
  PRICE_OUTSIDE_BAND: "Its price was further from the mark than the market's band.",
  INSUFFICIENT_MARGIN: "The margin would not have covered the position.",
  INSUFFICIENT_HOLD: "What was held for it was not enough when it arrived: the mark had moved.",
  REDUCE_ONLY_NO_POSITION: "It only reduces, and there was no position of the other side.",
  MAX_OPEN_ORDERS: "You had as many open orders as the market allows.",
  MAX_OPEN_INTEREST: "It would have opened more than the market allows in all.",
  MAX_POSITION: "The position would have become larger than the market allows.",
  MARKET_FULL: "The market could not take more.",
  INVALID_TRIGGER: "Its condition makes no sense for this order.",
  TRIGGER_ALREADY_TRUE: "Its condition was true already: it would have fired at once.",
  ALREADY_TRIGGERED: "It had fired before the change arrived.",
  ALREADY_ACTIVE: "It was following the price already: what activates it could not change any more.",
  PARENT_ENDED: "The order it was attached to ended.",
  INVALID_EXPIRY: "Its time was over when it arrived.",
  NOTHING_TO_AMEND: "Nothing would have changed.",
  NO_POSITION: "There was no position.",
  INDEX_STALE: "The index price was too old to judge it by.",
  TOO_OLD: "It arrived so late that it could not be told from a repeat.",
  UNKNOWN_ORDER: "The order was over by then.",
  NOT_ORDER_OWNER: "It is another trader's order.",
  STALE_CONFIG: "The rules of the market had changed meanwhile.",
  INVALID_CONFIG: "The rules of the market could not be taken.",
  INVALID_TRANSITION: "The market could not change to that state.",
  INSURANCE_EXHAUSTED: "The insurance fund could not pay for it.",
  MALFORMED: "It could not be read.",
  // Ended
  USER: "You cancelled it.",
  OPERATOR: "An operator cancelled it.",
  IOC_REMAINDER: "Immediate or cancel: what could not be filled at once expired.",
  FOK_UNFILLED: "Fill or kill: it could not be filled whole at once.",
  POST_ONLY_WOULD_TAKE: "Post-only: it would have met an order of the book at once.",
  SELF_TRADE: "It would have traded with an order of your own.",
  PRICE_BAND: "It was further from the mark than the market's band when it was met.",
  REDUCE_ONLY: "It only reduces, and the position had become smaller.",
  UNAFFORDABLE: "It fired, and what was free could not pay for it.",
  LIQUIDATION: "The position was liquidated: all orders of the market go first.",
  EXPIRED: "Its own time was over.",
  COUNTDOWN: "Your countdown ended: nobody renewed it in time.",
  SETTLEMENT: "The market was settled.",
  POSITION_CLOSED: "The position it protected ended.",
  OTHER_FIRED: "The other of take-profit and stop fired.",
};

/** Nothing for a code that is newer than this page. */
export function reasonOf(code: string | null): string {
  return (code === null ? undefined : REASONS[code]) ?? "";
}
