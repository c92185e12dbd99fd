"""A market's rules and where it stands, kept in the process for moments.

The engine judges by its own; what is read here only lets the API refuse early and hold enough.
"""

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import redis
import structlog

from common.errors import DomainError, ErrorCode
from common.redis_client import request_redis_client
from markets.config import market_config
from markets.models import Market, MarketStatus
from matching.messages.streams import Ticker, ticker_key, values_of
from matching.messages.tiers import TierTable
from matching.messages.vocabulary import MarketState

RULES_AGE_MAX_S = 1.0
UNKNOWN_AGE_MAX_S = 0.1  # of rules that lack what is asked for: it may have come since
TICKER_AGE_MAX_S = 0.1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MarketRules:
    """A `Market` row, as the hot path reads it."""

    id: str
    base_asset: str
    quote_asset: str
    tick_size: Decimal
    lot_size: Decimal
    units_per_tick_lot: int
    min_size_lots: int
    max_size_lots: int
    min_notional_units: int
    price_band_ppm: int
    max_slippage_ppm: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    liquidation_fee_ppm: int
    max_open_orders: int
    max_open_interest_lots: int
    funding_interval_ms: int
    funding_interest_ppm: int
    funding_cap_ppm: int
    tiers: TierTable

    @classmethod
    def of(cls, market: Market) -> "MarketRules":
        config = market_config(market)
        names = (name for name in cls.__slots__ if name != "tiers")
        values = {name: getattr(market, name) for name in names}
        return cls(tiers=TierTable(config), **values)

    @property
    def max_leverage(self) -> int:
        """Of the smallest positions."""
        return self.tiers.tiers[0].max_leverage


class _RulesCache:
    """Of the markets only those are read again that were saved since."""

    def __init__(self) -> None:
        self._rules: dict[str, MarketRules] = {}
        self._versions: dict[str, tuple[int, datetime]] = {}
        self._read_at: float | None = None
        self._lock = threading.Lock()

    def all(self, age_max_s: float) -> dict[str, MarketRules]:
        if self._is_older(age_max_s):
            with self._lock:
                if self._is_older(age_max_s):
                    read_at = time.monotonic()
                    self._read()
                    self._read_at = read_at
        return self._rules

    def _read(self) -> None:
        found = Market.objects.order_by("pk")
        rows = found.values_list("pk", "config_version", "updated_at")
        versions = {pk: (version, saved_at) for pk, version, saved_at in rows}
        changed = [pk for pk, version in versions.items() if self._versions.get(pk) != version]
        if not changed and versions.keys() == self._rules.keys():
            return
        read = list(found.filter(pk__in=changed).prefetch_related("tiers"))
        rules = self._rules | {market.pk: MarketRules.of(market) for market in read}
        self._rules = {pk: rules[pk] for pk in versions if pk in rules}
        self._versions |= {one.pk: (one.config_version, one.updated_at) for one in read}
        for gone in self._versions.keys() - self._rules.keys():
            del self._versions[gone]  # as it was, it may be back

    def _is_older(self, age_s: float) -> bool:
        return self._read_at is None or time.monotonic() - self._read_at > age_s

    def forget(self) -> None:
        self._read_at = None
        self._versions.clear()


class _TickerCache:
    def __init__(self) -> None:
        self._tickers: dict[str, tuple[float, Ticker]] = {}
        self._is_unreadable = False

    def get(self, market_ids: Collection[str]) -> dict[str, Ticker]:
        since = time.monotonic() - TICKER_AGE_MAX_S
        kept = ((id, self._tickers.get(id)) for id in market_ids)
        found = {id: one[1] for id, one in kept if one is not None and one[0] >= since}
        if missing := [id for id in market_ids if id not in found]:
            read = _or_recorded(self._published(missing))
            read_at = time.monotonic()
            self._tickers |= {id: (read_at, ticker) for id, ticker in read.items()}
            found |= read
        return found

    def _published(self, market_ids: Collection[str]) -> dict[str, Ticker | None]:
        try:
            tickers = published_tickers(request_redis_client(), market_ids)
        except redis.RedisError as error:
            if not self._is_unreadable:
                self._is_unreadable = True
                log.warning("tickers_not_readable", markets=len(market_ids), error=str(error))
            return dict.fromkeys(market_ids)
        self._is_unreadable = False
        return tickers

    def forget(self) -> None:
        self._tickers.clear()


_rules_cache = _RulesCache()
_ticker_cache = _TickerCache()
_ticker_decoder = msgspec.json.Decoder(Ticker)


def market_rules(market_id: str) -> MarketRules:
    """Raises DomainError for an unknown market."""
    rules = all_market_rules().get(market_id)
    if rules is None:
        rules = all_market_rules(UNKNOWN_AGE_MAX_S).get(market_id)
    if rules is None:
        message = "There is no such market. GET /markets lists them."
        raise DomainError(ErrorCode.MARKET_NOT_FOUND, message, "market_id")
    return rules


def all_market_rules(age_max_s: float = RULES_AGE_MAX_S) -> dict[str, MarketRules]:
    """By market id, in the order of the ids."""
    return _rules_cache.all(age_max_s)


def market_tickers(market_ids: Collection[str]) -> dict[str, Ticker]:
    """As the engine's shell published them; else as the ledger recorded them, without best prices.
    However many, in one round trip."""
    return _ticker_cache.get(market_ids)


def market_ticker(market_id: str) -> Ticker:
    return market_tickers([market_id])[market_id]


def live_tickers(market_ids: Collection[str]) -> dict[str, Ticker]:
    """The same for somebody who wants to see prices: they are live, or redis.RedisError is
    raised."""
    return _or_recorded(published_tickers(request_redis_client(), market_ids))


def live_ticker(market_id: str) -> Ticker:
    return live_tickers([market_id])[market_id]


def forget_markets() -> None:
    """Read rules and tickers again before the next answer."""
    _rules_cache.forget()
    _ticker_cache.forget()


def published_tickers(client: redis.Redis, market_ids: Collection[str]) -> dict[str, Ticker | None]:
    """As the engines' shells published them, where they did; in one round trip. Raises
    RedisError."""
    found = values_of(client, [ticker_key(market_id) for market_id in market_ids])
    published = zip(market_ids, found, strict=True)
    return {market_id: _decoded(market_id, data) for market_id, data in published}


def _decoded(market_id: str, data: Any) -> Ticker | None:
    try:
        return _ticker_decoder.decode(data) if data else None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        log.error("ticker_undecodable", market=market_id, error=str(error))
        return None


def _or_recorded(published: Mapping[str, Ticker | None]) -> dict[str, Ticker]:
    recorded = _recorded_tickers([id for id, ticker in published.items() if ticker is None])
    return {id: ticker or recorded[id] for id, ticker in published.items()}


def _recorded_tickers(market_ids: Collection[str]) -> dict[str, Ticker]:
    if not market_ids:
        return {}
    return {
        status.pk: Ticker(
            seq=0,
            time_ms=0,
            state=MarketState(status.state),
            mark_price_ticks=status.mark_price_ticks,
            index_price_ticks=status.index_price_ticks,
            last_price_ticks=status.last_price_ticks,
            best_bid_ticks=0,
            best_ask_ticks=0,
            open_interest_lots=0,
        )
        for status in MarketStatus.objects.filter(pk__in=market_ids)
    }
