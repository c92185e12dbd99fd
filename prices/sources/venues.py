"""Venues as ccxt sees them: one ticker of one symbol, as a price with its time, or why not.

A `Venue` belongs to one event loop and is shared by all sources of that venue and address, so that
the venue's rate limit holds for all of them together and its list of symbols is read once.
"""

import asyncio
import difflib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import ccxt.async_support as ccxt
from django.conf import settings

from common.outgoing.reach import AddressRefused, session_to
from prices.index import is_price, middle
from prices.sources.quote import (
    Endpoint,
    PriceRefused,
    PriceUnavailable,
    Quote,
    wall_clock_ms,
)

REQUEST_TIMEOUT_S = 5.0
# The first price of a venue takes its list of symbols: several requests, some of megabytes.
LISTING_TIMEOUT_S = 15.0
ATTEMPT_TIMEOUT_S = 20.0
LISTING_AGE_MIN_S = 600.0  # before it is read again for a symbol that isn't on it


def venue_problem(venue: str) -> str | None:
    """Why ccxt can't be asked for tickers of this venue; None if it can."""
    if venue not in ccxt.exchanges:
        near = difflib.get_close_matches(venue, ccxt.exchanges, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        return f"ccxt knows no venue {venue!r}.{hint}"
    if not getattr(ccxt, venue)().has["fetchTicker"]:
        return f"{venue} has no tickers."
    return None


class Venue:
    """Tickers of one venue. Close it on the loop that used it."""

    def __init__(
        self, venue: str, api_url: str = "", clock_ms: Callable[[], int] = wall_clock_ms
    ) -> None:
        """Raises PriceUnavailable for a venue that ccxt does not know (any more)."""
        problem = venue_problem(venue)
        if problem:
            raise PriceUnavailable(problem)
        self._name = venue
        self._clock_ms = clock_ms
        self._listing = asyncio.Lock()
        self._listed_at_s = 0.0
        self._exchange: Any = getattr(ccxt, venue)()
        self._host = (urlsplit(api_url).hostname or "") if api_url else ""
        self._exchange.has["fetchCurrencies"] = False  # not needed, and some ask for keys
        if api_url:
            self._exchange.urls["api"] = _moved(self._exchange.urls["api"], api_url)

    async def quote(self, symbol: str) -> Quote:
        """The newest price. Raises PriceUnavailable, also after `ATTEMPT_TIMEOUT_S`."""
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                self._open()
                await self._read_listing(symbol)
                ticker = await self._exchange.fetch_ticker(symbol)
            return quote_of(ticker, self._clock_ms())
        except PriceUnavailable:
            raise
        except ccxt.BadSymbol as error:
            raise PriceUnavailable(f"{self._name} has no symbol {symbol}") from error
        except (ccxt.RequestTimeout, TimeoutError) as error:
            raise PriceUnavailable("no answer in time") from error
        except ccxt.BaseError as error:
            raise PriceUnavailable(_in_words(error)) from error
        except Exception as error:  # ccxt's parsers raise whatever an odd answer makes of them
            kind = type(error).__name__
            raise PriceUnavailable(f"an answer that can't be read ({kind})") from error

    def _open(self) -> None:
        """ccxt's own session would connect to anything."""
        if self._exchange.session is None:
            self._exchange.own_session = False
            self._exchange.session = session_to(self._host, settings.PRICE_SOURCE_HOSTS)

    async def _read_listing(self, symbol: str) -> None:
        """Once for all sources, under a lock: who gives up waiting must not stop the others."""
        async with self._listing:
            known = self._exchange.markets
            now_s = asyncio.get_running_loop().time()
            if known and (symbol in known or now_s - self._listed_at_s < LISTING_AGE_MIN_S):
                return
            self._exchange.timeout = int(LISTING_TIMEOUT_S * 1_000)
            await self._exchange.load_markets(reload=bool(known))
            self._exchange.timeout = int(REQUEST_TIMEOUT_S * 1_000)
            self._listed_at_s = now_s

    async def close(self) -> None:
        session = self._exchange.session
        await self._exchange.close()
        if session is not None:
            await session.close()


def quote_of(ticker: Mapping[str, Any], received_ms: int) -> Quote:
    """The middle of bid and ask where both are given, else the last price, at the ticker's own
    time if it has one. An empty side of a book is given as nothing or as 0.

    Raises PriceRefused for a number that can't be a price, PriceUnavailable if there is none above
    zero: ccxt makes that also of an answer cut short or not meant for it.
    """
    bid, ask, last = (_number(ticker, name) for name in ("bid", "ask", "last"))
    price = middle(bid, ask) if bid and ask else last
    if price is None:
        raise PriceUnavailable("no price in the answer: neither bid and ask nor a last price")
    observed_at_ms = ticker.get("timestamp")
    return Quote(price, received_ms if observed_at_ms is None else int(observed_at_ms))


def _number(ticker: Mapping[str, Any], name: str) -> Decimal | None:
    """None for one that is not given, or 0. ccxt's floats keep all digits that a price has."""
    value = ticker.get(name)
    if value is None or value == 0:
        return None
    number = Decimal("NaN")
    with suppress(InvalidOperation):
        number = Decimal(str(value))
    if not is_price(number):
        raise PriceRefused(f"the ticker's {name} can't be a price")
    return number


async def ask_once(endpoint: Endpoint) -> Quote:
    """A price from a client of its own. Raises PriceUnavailable."""
    venue = Venue(endpoint.venue, endpoint.api_url)
    try:
        return await venue.quote(endpoint.symbol)
    finally:
        await venue.close()


def _moved(addresses: Any, api_url: str) -> Any:
    """ccxt's addresses, an address or a tree of them, with scheme and host replaced."""
    if isinstance(addresses, str):
        return api_url.rstrip("/") + urlsplit(addresses).path
    return {name: _moved(below, api_url) for name, below in addresses.items()}


def _in_words(error: ccxt.BaseError) -> str:
    """What went wrong, without a word of the answer: an address inside our own network must not
    be read through its errors. ccxt's texts begin with venue, method, address and, where there was
    an answer, its status."""
    kind = type(error).__name__
    if _is_refused(error):
        return f"{kind}: not a public address"
    status = re.match(r"\S+ [A-Z]+ \S+ ([1-5]\d\d)\b", str(error))
    return f"{kind}: HTTP {status.group(1)}" if status else kind


def _is_refused(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, AddressRefused):
        error = error.__cause__ or error.__context__
    return error is not None
