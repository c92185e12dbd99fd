"""The API's JSON → what behaviours look at."""

from decimal import Decimal
from typing import Any

from simulator.actions import Holding, MarketView, OpenOrder


def market_view(market: dict[str, Any], ticker: dict[str, Any]) -> MarketView:
    return MarketView(
        market_id=market["id"],
        tick_size=Decimal(market["tickSize"]),
        lot_size=Decimal(market["lotSize"]),
        min_size=Decimal(market["minQty"]),
        min_notional=Decimal(market["minNotional"]),
        max_leverage=int(market["maxLeverage"]),
        index_price=_price(ticker["indexPrice"]),
        best_bid=_price(ticker["bestBid"]),
        best_ask=_price(ticker["bestAsk"]),
        tiers=tuple(
            (Decimal(tier["floor"]), int(tier["maxLeverage"])) for tier in market["leverageTiers"]
        ),
        is_active=ticker["state"] == "ACTIVE" and _price(ticker["markPrice"]) > 0,
    )


def _price(value: Any) -> Decimal:
    return Decimal(value) if value is not None else Decimal(0)


def open_orders(body: dict[str, Any]) -> list[OpenOrder]:
    return [OpenOrder(int(row["id"]), row["type"], Decimal(row["price"])) for row in body["orders"]]


def holding(body: dict[str, Any], market_id: str) -> Holding:
    for row in body["positions"]:
        if row["marketId"] == market_id:
            size = Decimal(row["qty"])
            return Holding(-size if row["type"] == "SHORT" else size, Decimal(row["margin"]))
    return Holding()


def available(body: dict[str, Any]) -> Decimal:
    return Decimal(body["available"])
