"""What everyone may hear: a market's trades and its ticker, and what the house says. No account, no
order."""

from collections.abc import Iterable
from typing import Any

from announcements.answers import announcement_answer
from announcements.models import Announcement
from feeds.protocol import ANNOUNCEMENTS_CHANNEL
from feeds.scale import Scale
from feeds.streams.channels import Topic, channel_name
from markets.conversions import units_text
from matching.messages.events import OutputEntry, PositionLiquidated, Trade
from matching.messages.streams import Depth, Ticker
from matching.messages.vocabulary import Side


def trade_messages(entry: OutputEntry, scale: Scale) -> list[dict[str, Any]]:
    return [
        {
            "channel": channel_name(Topic.TRADES, scale.market_id),
            "type": "trade",
            "tradeId": event.trade_id,
            "price": scale.price(event.price_ticks),
            "qty": scale.size(event.size_lots),
            "takerSide": event.taker_side,
            "execution": event.execution,
            "seq": entry.seq,
            "timeMs": entry.time_ms,
        }
        for event in entry.events
        if isinstance(event, Trade)
    ]


def ticker_message(ticker: Ticker, scale: Scale) -> dict[str, Any]:
    return {
        "channel": channel_name(Topic.TICKER, scale.market_id),
        "type": "ticker",
        "state": ticker.state,
        "markPrice": scale.price_or_none(ticker.mark_price_ticks),
        "indexPrice": scale.price_or_none(ticker.index_price_ticks),
        "lastPrice": scale.price_or_none(ticker.last_price_ticks),
        "bestBid": scale.price_or_none(ticker.best_bid_ticks),
        "bestAsk": scale.price_or_none(ticker.best_ask_ticks),
        "openInterest": scale.size(ticker.open_interest_lots),
        "seq": ticker.seq,
        "timeMs": ticker.time_ms,
    }


def best_message(depth: Depth, scale: Scale) -> dict[str, Any]:
    """The best level of either side as ``[price, qty]``, null where there is none."""

    def level(levels: list[tuple[int, int]]) -> tuple[str, str] | None:
        return (scale.price(levels[0][0]), scale.size(levels[0][1])) if levels else None

    return {
        "channel": channel_name(Topic.BBO, scale.market_id),
        "type": "bbo",
        "bid": level(depth.bids),
        "ask": level(depth.asks),
        "seq": depth.seq,
        "timeMs": depth.time_ms,
    }


def liquidation_messages(entry: OutputEntry, scale: Scale) -> list[dict[str, Any]]:
    """As GET /markets/:id/liquidations has them: nobody's name, and not what it cost its owner."""
    return [
        {
            "channel": channel_name(Topic.LIQUIDATIONS, scale.market_id),
            "type": "liquidation",
            "side": Side.LONG if event.position_lots > 0 else Side.SHORT,
            "qty": scale.size(abs(event.position_lots)),
            "filledQty": scale.size(event.filled_lots),
            "deleveragedQty": scale.size(event.deleveraged_lots),
            "leftQty": scale.size(abs(event.left_lots)),
            "markPrice": scale.price(event.mark_price_ticks),
            "limitPrice": scale.price(event.limit_ticks),
            "liquidationFee": units_text(event.fee_units),
            "insurancePaid": units_text(event.insurance_paid_units),
            "seq": entry.seq,
            "timeMs": entry.time_ms,
        }
        for event in entry.events
        if isinstance(event, PositionLiquidated)
    ]


def liquidations_gap(market_id: str, after_seq: int, next_seq: int) -> dict[str, Any]:
    """Entries in between can't be shown: there may have been liquidations."""
    return {
        "channel": channel_name(Topic.LIQUIDATIONS, market_id),
        "type": "gap",
        "afterSeq": after_seq,
        "nextSeq": next_seq,
    }


def announcements_message(current: Iterable[Announcement]) -> dict[str, Any]:
    """All that are shown now; it takes the place of the message before."""
    return {
        "channel": ANNOUNCEMENTS_CHANNEL,
        "type": "announcements",
        "announcements": [announcement_answer(one) for one in current],
    }
