"""What anybody may ask."""

from datetime import datetime
from decimal import Decimal

from exchange_client.calls.call import Call, path_of, query_of
from exchange_client.models import markets as models
from exchange_client.models.words import Interval, PriceKind


def server_time() -> Call[models.ServerTime]:
    return Call("GET", "/time", models.ServerTime, is_public=True)


def exchange() -> Call[models.Exchange]:
    """The rules of all markets and the limits, in one."""
    return Call("GET", "/exchange", models.Exchange, is_public=True)


def markets() -> Call[models.Markets]:
    return Call("GET", "/markets", models.Markets, is_public=True)


def market(market_id: str) -> Call[models.Market]:
    return Call("GET", path_of("/markets/{}", market_id), models.Market, is_public=True)


def tickers(market_id: str | None = None) -> Call[models.Tickers]:
    """Of all markets, with the last 24 hours."""
    query = query_of(market_id=market_id)
    return Call("GET", "/tickers", models.Tickers, query, is_public=True)


def ticker(market_id: str) -> Call[models.Ticker]:
    return Call("GET", path_of("/markets/{}/ticker", market_id), models.Ticker, is_public=True)


def depth(
    market_id: str, *, limit: int | None = None, step: Decimal | None = None
) -> Call[models.Depth]:
    """With a `step`, summed up to its multiples."""
    path = path_of("/markets/{}/depth", market_id)
    return Call("GET", path, models.Depth, query_of(limit=limit, step=step), is_public=True)


def trades(
    market_id: str,
    *,
    from_: datetime | None = None,
    to: datetime | None = None,
    limit: int | None = None,
) -> Call[models.Trades]:
    path, query = (
        path_of("/markets/{}/trades", market_id),
        query_of(from_=from_, to=to, limit=limit),
    )
    return Call("GET", path, models.Trades, query, is_public=True)


def candles(
    market_id: str,
    interval: Interval = "1m",
    *,
    from_: datetime | None = None,
    to: datetime | None = None,
    limit: int | None = None,
) -> Call[models.Candles]:
    path = path_of("/markets/{}/candles", market_id)
    query = query_of(interval=interval, from_=from_, to=to, limit=limit)
    return Call("GET", path, models.Candles, query, is_public=True)


def prices(
    market_id: str,
    of: PriceKind,
    interval: Interval = "1m",
    *,
    limit: int | None = None,
) -> Call[models.PriceCandles]:
    """Candles of the mark or the index."""
    path = path_of("/markets/{}/prices", market_id)
    query = query_of(of=of, interval=interval, limit=limit)
    return Call("GET", path, models.PriceCandles, query, is_public=True)


def funding(
    market_id: str,
    *,
    from_: datetime | None = None,
    to: datetime | None = None,
    limit: int | None = None,
) -> Call[models.Funding]:
    path = path_of("/markets/{}/funding", market_id)
    query = query_of(from_=from_, to=to, limit=limit)
    return Call("GET", path, models.Funding, query, is_public=True)


def standings(
    market_id: str,
    *,
    from_: datetime | None = None,
    to: datetime | None = None,
    limit: int | None = None,
) -> Call[models.Standings]:
    """Open interest, accounts long and short, insurance fund."""
    path = path_of("/markets/{}/standings", market_id)
    query = query_of(from_=from_, to=to, limit=limit)
    return Call("GET", path, models.Standings, query, is_public=True)


def liquidations(
    market_id: str,
    *,
    from_: datetime | None = None,
    to: datetime | None = None,
    limit: int | None = None,
) -> Call[models.Liquidations]:
    path = path_of("/markets/{}/liquidations", market_id)
    query = query_of(from_=from_, to=to, limit=limit)
    return Call("GET", path, models.Liquidations, query, is_public=True)
