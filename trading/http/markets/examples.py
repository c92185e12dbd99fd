"""Examples of what anyone may read, as at /docs."""

from typing import Any

MARKET = {
    "id": "BTC-PERP",
    "baseAsset": "BTC",
    "quoteAsset": "USD",
    "state": "ACTIVE",
    "tickSize": "0.1",
    "lotSize": "0.001",
    "minQty": "0.001",
    "maxQty": "100",
    "minNotional": "5",
    "priceBand": "0.1",
    "maxSlippage": "0.01",
    "makerFee": "0.0002",
    "takerFee": "0.0005",
    "maxLeverage": 50,
    "leverageTiers": [
        {"floor": "0", "maxLeverage": 50, "maintenanceMargin": "0.01"},
        {"floor": "50000", "maxLeverage": 25, "maintenanceMargin": "0.02"},
    ],
    "liquidationFee": "0.005",
    "fundingIntervalMs": 28800000,
    "markPrice": "25010",
}
MARKETS = {"markets": [MARKET]}
DEPTH = {
    "marketId": "BTC-PERP",
    "seq": 1234,
    "bids": [["25009.9", "0.75"]],
    "asks": [["25010.1", "1.2"]],
}
TRADES = {
    "trades": [
        {
            "id": 12,
            "marketId": "BTC-PERP",
            "side": "LONG",
            "price": "24999.5",
            "qty": "0.2",
            "execution": "TRADE",
            "executedAt": "2026-11-22T12:00:00.120000Z",
        }
    ],
    "nextCursor": None,
}
CANDLES = {
    "marketId": "BTC-PERP",
    "interval": "1m",
    "candles": [
        {
            "openTime": "2026-11-22T12:00:00Z",
            "open": "25000",
            "high": "25010",
            "low": "24999.5",
            "close": "24999.5",
            "volume": "1.2",
            "quoteVolume": "30006.4",
            "tradeCount": 3,
        }
    ],
    "nextCursor": None,
}
TICKER: dict[str, Any] = {
    "marketId": "BTC-PERP",
    "seq": 1234,
    "state": "ACTIVE",
    "markPrice": "25010",
    "indexPrice": "25010",
    "lastPrice": "24999.5",
    "bestBid": "25009.9",
    "bestAsk": "25010.1",
    "openInterest": "12.5",
}
DAY = {
    "open": "24500",
    "high": "25120",
    "low": "24410",
    "close": "24999.5",
    "volume": "310.25",
    "quoteVolume": "7712345.6",
    "tradeCount": 1204,
    "change": "499.5",
    "changeRate": "0.02038776",
}
MARKET_TICKER = TICKER | {
    "fundingRate": "0.000125",
    "fundingTime": "2026-11-22T16:00:00Z",
    "day": DAY,
}
TICKERS = {"tickers": [MARKET_TICKER]}
FUNDING = {
    "marketId": "BTC-PERP",
    "lotSize": "0.001",
    "lastRate": "0.0001",
    "estimate": {
        "rate": "0.000125",
        "fundingTime": "2026-11-22T16:00:00Z",
        "premium": "0.000025",
        "interest": "0.0001",
    },
    "settlements": [
        {
            "fundingTime": "2026-11-22T08:00:00Z",
            "settledAt": "2026-11-22T08:00:00.250000Z",
            "seq": 5210,
            "rate": "0.0001",
            "markPrice": "25010",
            "amountPerLot": "0.002501",
            "carried": "0",
            "paid": "31.2625",
        }
    ],
    "nextCursor": None,
}
LIQUIDATIONS = {
    "marketId": "BTC-PERP",
    "insuranceFund": "1042.5",
    "liquidations": [
        {
            "id": 3,
            "marketId": "BTC-PERP",
            "side": "LONG",
            "qty": "0.2",
            "filledQty": "0.2",
            "deleveragedQty": "0",
            "leftQty": "0",
            "markPrice": "20290",
            "limitPrice": "20101.2",
            "liquidationFee": "20.3",
            "insurancePaid": "0",
            "liquidatedAt": "2026-11-22T12:00:00.120000Z",
        }
    ],
    "nextCursor": None,
}
EXCHANGE = {
    "serverTimeMs": 1764000000000,
    "batchMax": 50,
    "limits": [{"kind": "orders", "perSecond": 100, "burst": 300}],
    "markets": [MARKET],
}
TIME = {"serverTimeMs": 1764000000000}
PRICES = {
    "marketId": "BTC-PERP",
    "of": "mark",
    "interval": "1m",
    "candles": [
        {
            "openTime": "2026-11-22T12:00:00Z",
            "open": "25000",
            "high": "25010",
            "low": "24999.5",
            "close": "24999.5",
        }
    ],
    "nextCursor": None,
}
STANDINGS = {
    "marketId": "BTC-PERP",
    "standings": [
        {
            "takenAt": "2026-11-22T12:00:00Z",
            "openInterest": "12.5",
            "longAccounts": 31,
            "shortAccounts": 20,
            "longShortRatio": "1.55",
            "insuranceFund": "1042.5",
        }
    ],
    "nextCursor": None,
}
