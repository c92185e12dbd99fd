"""What anybody is told of fills, byte by byte."""

import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.test import Client

from accounts.people.export import export_part
from console.exports.models import ExportKind
from console.exports.months import Month
from console.exports.sources import SOURCES
from console.incident.selectors import timeline
from console.incident.sources.lines import LinePlace, TimelineKind
from console.incident.stretch import stretch_of_time
from gateway.asking.params import Params
from gateway.http import history
from gateway.http.calls import VenueAsk
from gateway.http.data import market as venue
from markets.models import Market
from markets.rules import market_rules
from persistence.downloads.day_lines import day_window, parts_of
from persistence.downloads.models import FileKind
from persistence.models import MarketCursor
from persistence.recovery.rebuilt_snapshot import engine_snapshot_of_rows
from tests.archive.told import EPOCH, get, traders
from trading.http.answers.results import results_of_rows
from trading.models import Fill, Order
from trading.trades import first_trade_at, first_trade_since, newest_trades, trades_of_market

PAGES_MAX = 200
_PASSING = ("openTime", "closeTime")  # of a ticker: of the moment it is asked for


class Known:
    """What is asked for, of fills as they are all in the table."""

    def __init__(self, one_in: int = 1) -> None:
        self.traders = traders()[::one_in]
        times = sorted(set(Fill.objects.values_list("executed_at", flat=True)))
        at = [*times[:: max(1, len(times) // 4)], times[-1] + timedelta(milliseconds=1)]
        self.times = at
        self.moments = [(one - EPOCH) // timedelta(milliseconds=1) for one in at]
        of_orders = Fill.objects.filter(order__isnull=False).order_by("order_id")
        of_orders = of_orders.filter(user__in=self.traders)
        orders = list(of_orders.values_list("order_id", flat=True).distinct())
        self.orders = orders[:: 2 * one_in]
        self.markets = list(Market.objects.order_by("pk").values_list("pk", flat=True))
        self.days = sorted({one.date() for one in times})
        self.fills = list(Fill.objects.order_by("pk").values_list("pk", flat=True))


def _public(path: str) -> bytes:
    return Client().get(path).content


def _pages(ask: Callable[[str], bytes], path: str) -> list[bytes]:
    found, cursor = [], ""
    for _ in range(PAGES_MAX):
        found.append(ask(f"{path}{cursor}"))
        following = json.loads(found[-1])["nextCursor"]
        if following is None:
            return found
        cursor = f"&cursor={following}"
    raise AssertionError("the list has no end")


def of_traders(known: Known) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for user in known.traders:
        own = Order.objects.filter(user=user, pk__in=known.orders).values_list("pk", flat=True)
        windows = list(itertools.combinations(known.moments, 2))
        queries = [
            "limit=7",
            "limit=500",
            *(f"limit=5&marketId={market}" for market in known.markets),
            *(f"limit=2&orderId={order}" for order in own),
            *(f"limit=6&from={start}&to={end}" for start, end in windows[::2]),
            *(f"limit=4&marketId=BTC-PERP&from={start}&to={end}" for start, end in windows[::4]),
            f"limit=9&to={known.moments[2]}",
        ]
        for query in queries:
            told[f"{user} {query}"] = _pages(partial(get, user), f"/user/fills?{query}")
        told[f"kept of {user}"] = _kept(user.pk)
    told["results"] = results_of_rows(known.orders)
    return told


def _kept(user_id: int) -> list[Any]:
    found, cursor = [], None
    while True:
        part = export_part(user_id, cursor, 50)
        found += [row for one in part.stretches if one.table == "trading.Fill" for row in one.rows]
        cursor = part.next_cursor
        if cursor is None:
            return found


def of_venue(known: Known) -> dict[str, Any]:
    told: dict[str, Any] = {}

    def ask(answer: Callable[[VenueAsk], Any], user_id: int, query: str) -> None:
        asked = VenueAsk(Params.read(query.encode(), b""), user_id)
        told[f"{answer.__name__} {user_id} {query}"] = answer(asked)

    def ticker(symbol: str) -> dict[str, Any]:
        found = venue.ticker_24h(VenueAsk(Params.read(f"symbol={symbol}".encode(), b"")))
        return {key: value for key, value in found.items() if key not in _PASSING}

    start, end = known.moments[1], known.moments[3]
    for symbol, user in itertools.product(("BTCUSDT", "ETHUSDT"), known.traders):
        market_id = f"{symbol[:3]}-PERP"
        orders = Order.objects.filter(user=user, pk__in=known.orders, market_id=market_id)
        for query in (
            "limit=5",
            "limit=900",
            "limit=6&fromId=3",
            f"limit=7&startTime={start}",
            f"limit=7&startTime={start}&endTime={end}",
            f"limit=7&endTime={end}",
            *(f"limit=3&orderId={order.pk}" for order in orders),
        ):
            ask(history.user_trades, user.pk, f"symbol={symbol}&{query}")
        ask(history.force_orders, user.pk, f"symbol={symbol}&limit=4")
        ask(history.force_orders, user.pk, "limit=40")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        for query in ("limit=5", "limit=900", "limit=6&fromId=3", "limit=2&fromId=21"):
            ask(venue.trades, 0, f"symbol={symbol}&{query}")
        ask(venue.aggregate_trades, 0, f"symbol={symbol}&limit=8&startTime={start}")
        ask(venue.aggregate_trades, 0, f"symbol={symbol}&limit=8&startTime={start}&endTime={end}")
        told[f"ticker of {symbol}"] = ticker(symbol)
    return told


def of_markets(known: Known) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for market in known.markets:
        for query in (
            "limit=9",
            "limit=500",
            *(
                f"limit=6&from={start}&to={end}"
                for start, end in itertools.combinations(known.moments, 2)
            ),
        ):
            told[f"{market} {query}"] = _pages(_public, f"/markets/{market}/trades?{query}")
        told[f"since {market}"] = [first_trade_since(market, at) for at in known.times]
        told[f"first of {market}"] = first_trade_at(market)
        told[f"oldest of {market}"] = [
            [fill.pk for fill in trades_of_market(market).oldest(count, first)]
            for count, first in ((1, 0), (10, 0), (13, 5), (500, 0), (4, 30))
        ]
        for day in known.days:
            told[f"{market} {day}"] = list(parts_of(market_rules(market), FileKind.TRADES, day))
            assert day_window(day)
        snapshot = engine_snapshot_of_rows(MarketCursor.objects.get(pk=market))
        told[f"rebuilt {market}"] = snapshot.fees_units, snapshot.last_trade_id
    told["newest"] = {key: fill.pk for key, fill in newest_trades(known.markets).items()}
    return told


def of_operators(known: Known) -> dict[str, Any]:
    """Functions that pages are made of."""
    month = Month(known.times[0] - timedelta(days=1), known.times[-1], is_whole=True)
    part = Month(known.times[1], known.times[3], is_whole=True)
    told: dict[str, Any] = {}
    for one in (month, part):
        source = SOURCES[ExportKind.FILLS](one)
        told[f"exported {one.start}"] = [
            row for _, rows in source.pages(source.keys()) for row in rows
        ]
    for market in Market.objects.order_by("pk"):
        for start, end in itertools.combinations(known.times, 2):
            stretch = stretch_of_time(market, start, end - start)
            told[f"stretch of {market.pk} {start} {end}"] = (stretch.low_seq, stretch.high_seq)
        whole = stretch_of_time(market, known.times[0], known.times[-1] - known.times[0])
        told[f"timeline of {market.pk}"] = _timeline(whole)
    return told


def _timeline(stretch: Any) -> list[str]:
    found: list[str] = []
    after: LinePlace | None = None
    while True:
        page = timeline(stretch, frozenset({TimelineKind.FILL}), after)
        found += [str(line) for line in page.lines]
        after = page.go_on
        if after is None:
            return found


def all_of_fills(known: Known) -> dict[str, Any]:
    return of_traders(known) | of_venue(known) | of_markets(known) | of_operators(known)
