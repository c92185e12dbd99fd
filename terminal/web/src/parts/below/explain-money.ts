/** What lies behind figures: how a position stands, what a fill, a settlement or a line of the ledger was. */

import { byStep, exactMoney, moment, percent, signedMoney, words } from "../../lib/format.ts";
import { unrealized } from "../../lib/worth.ts";
import type { Position, Schemas } from "../../net/exchange.ts";
import { show, type Told } from "../../state/dialogs.ts";
import { funded } from "../../state/funding.ts";
import { standings, tickOf } from "../../state/markets.ts";

type Fill = Schemas["FillAnswer"];
type Payment = Schemas["FundingPaymentAnswer"];
type Line = Schemas["LedgerLine"];

export function explainPosition(position: Position): void {
  const { marketId, type, qty, margin, liquidationPrice } = position;
  const tick = tickOf(marketId);
  const mark = standings.peek().get(marketId)?.markPrice ?? position.markPrice;
  const found = funded.peek().get(marketId);
  const rows: Told[] = [
    ["Size", qty],
    ["Entry, on average", position.averagePrice ?? "–"],
    ["Mark", byStep(mark, tick)],
    ["Unrealised profit", signedMoney(unrealized(position, mark))],
    ["Realised so far", signedMoney(position.realizedPnl)],
    ["Funding so far", found ? `${signedMoney(found.sum)} in ${found.count} settlements` : "–"],
    ["Margin", exactMoney(margin)],
    ["Margin it must keep", exactMoney(position.initialMargin)],
    ["Margin that can be taken out", exactMoney(position.removableMargin)],
    ["Margin ratio", percent(position.marginRatio, 2, false)],
    ["Liquidation at a mark of", byStep(liquidationPrice, tick)],
  ];
  const why =
    liquidationPrice === null
      ? "No mark price can take more than its margin: it is never liquidated."
      : `Its margin stands alone: at a mark of ${byStep(liquidationPrice, tick)} its equity would no longer ` +
        "cover the maintenance margin and the liquidation fee, its ratio would be above 100%, and it would be " +
        "liquidated.";
  show({ kind: "explain", title: `${marketId}: ${words(type)} ${qty}`, why, rows });
}

const EXECUTIONS: Record<string, string> = {
  LIQUIDATION: "A liquidation closed it: the equity no longer covered the maintenance margin.",
  ADL: "It was closed against a liquidation that found no buyer the insurance fund could pay.",
};
const ROLES: Record<string, string> = {
  MAKER: "Your order rested in the book, and somebody took it: the maker fee.",
  TAKER: "Your order took what rested in the book: the taker fee.",
};

export function explainFill(fill: Fill): void {
  const { marketId, execution, role, side, qty, price } = fill;
  const rows: Told[] = [
    ["Market", marketId],
    [side === "LONG" ? "Bought" : "Sold", `${qty} at ${price}`],
    ["Fee", exactMoney(fill.fee)],
    ["Realised profit, before fees", signedMoney(fill.realizedPnl)],
    ["Liquidation fee", exactMoney(fill.liquidationFee)],
    ["Paid by the insurance fund", exactMoney(fill.insuranceCover)],
    ["Share of others' losses", exactMoney(fill.lossShare)],
    ["Order", fill.orderId === null ? "none" : String(fill.orderId)],
    ["Own id", fill.clientOrderId ?? "–"],
    ["Trade", String(fill.tradeId)],
    ["Time", moment(fill.executedAt)],
  ];
  const why = EXECUTIONS[execution] ?? ROLES[role] ?? "";
  show({ kind: "explain", title: `Fill ${fill.id}, ${marketId}`, why, rows });
}

export function explainPayment(payment: Payment): void {
  const { marketId, side, qty, amount, amountPerLot, fromProfit } = payment;
  const rows: Told[] = [
    ["Due", moment(payment.fundingTime)],
    ["Settled", moment(payment.settledAt)],
    ["Rate", percent(payment.rate, 6)],
    ["Mark", payment.markPrice],
    ["A long paid, for each lot", amountPerLot],
    ["Position", `${words(side)} ${qty}`],
    ["Got or paid", signedMoney(amount)],
    ["of it from unrealised profit", exactMoney(fromProfit)],
  ];
  const why =
    "Longs and shorts pay each other, so that the price stays near the index: above zero longs pay, below " +
    "zero shorts. It is the rate times the mark times the size, and comes from the margin of the position.";
  show({ kind: "explain", title: `Funding of ${marketId}`, why, rows });
}

const LINES: Record<string, string> = {
  deposit: "Money that came in.",
  transfer: "Money that came from another account, or went to it.",
  referral: "Your share of the fees of a trader you brought.",
  withdrawal: "Money that arrived outside.",
  adjustment: "An operator corrected the balance; two of them agreed.",
  realized_pnl: "Profit or loss of what closed, before fees; or profit that was realised to pay for funding.",
  fee: "The exchange's fee of a fill; above zero a rebate.",
  liquidation_fee: "What a liquidation paid to the insurance fund.",
  insurance_cover: "What the insurance fund paid of a loss that was more than the margin.",
  loss_share: "A share of losses of others that nobody else could pay.",
  funding: "Funding, got from the other side or paid to it.",
  order_hold: "Nothing was gained or lost: an order holds what it may need.",
  amend_hold: "Nothing was gained or lost: an order that was changed holds more.",
  margin_hold: "Nothing was gained or lost: it is held until the engine adds it to the margin.",
  hold_release: "Nothing was gained or lost: what an order held and didn't need is free again.",
  withdrawal_hold: "Nothing was gained or lost: the amount of a withdrawal is locked until it ends.",
  withdrawal_back: "Nothing was gained or lost: a withdrawal ended unsent, and its amount is free again.",
  margin_added: "Nothing was gained or lost: it became margin of a position.",
  margin_removed: "Nothing was gained or lost: it was margin of a position and is free again.",
  fill: "Nothing was gained or lost: what was held became margin of a position, or its margin became free.",
  liquidation: "Nothing was gained or lost: what was left of the margin became free with the liquidation.",
  adl: "Nothing was gained or lost: margin became free as the position was closed against a liquidation.",
  settlement: "Nothing was gained or lost: margin became free as the market was settled.",
};
export function explainLine(line: Line): void {
  const rows: Told[] = [
    ["Amount", signedMoney(line.amount)],
    ["Account", words(line.account)],
    ["Cause", words(line.cause)],
    ["Market", line.marketId ?? "–"],
    ["Order", line.orderId === null ? "–" : String(line.orderId)],
    ["Trade", line.tradeId === null ? "–" : String(line.tradeId)],
    ["Entry of the journal", String(line.entryId)],
    ["Time", moment(line.createdAt)],
  ];
  show({ kind: "explain", title: words(line.kind), why: LINES[line.kind] ?? "", rows });
}
