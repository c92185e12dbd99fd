"""What everyone may hear: a market's trades and its ticker, and what the house says. No account, no
order."""

from collections.abc import Iterable
from typing import Any

from announcements.answers import announcement_answer
from announcements.models import Announcement
from feeds.protocol import ANNOUNCEMENTS_CHANNEL, Topic, channel_name
from feeds.scale import Scale
from matching.messages.events import OutputEntry, Trade
from matching.messages.streams import Ticker


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


def announcements_message(current: Iterable[Announcement]) -> dict[str, Any]:
    """All that are shown now; it takes the place of the message before."""
    return {
        "channel": ANNOUNCEMENTS_CHANNEL,
        "type": "announcements",
        "announcements": [announcement_answer(one) for one in current],
    }
