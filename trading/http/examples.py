"""Examples shown at /docs. The tests send the requests and compare the shapes of the answers."""

from typing import Any

NEW_ORDER: dict[str, Any] = {
    "marketId": "BTC-PERP",
    "side": "LONG",
    "qty": "0.5",
    "orderType": "limit",
    "price": "25000",
    "margin": "2500",
    "clientOrderId": "my-first-order",
}
ORDER_PLACED = {"message": "Order received.", "orderId": 17, "status": "pending"}
ORDER_CANCELLING = {"message": "Cancel received.", "orderId": 17, "status": "open"}
ORDER_CHANGES = {"price": "24990", "qty": "0.4"}
ORDER_AMENDING = {"message": "Amendment received.", "orderId": 17, "status": "open"}
NEW_ORDERS: dict[str, Any] = {
    "orders": [
        {
            "marketId": "BTC-PERP",
            "side": "LONG",
            "qty": "0.1",
            "orderType": "limit",
            "price": "24000",
            "leverage": 10,
            "expiresAt": "2126-11-22T12:00:00Z",
        },
        {
            "marketId": "BTC-PERP",
            "side": "SHORT",
            "orderType": "market",
            "closePosition": True,
            "trigger": {"type": "STOP", "by": "MARK", "price": "23000"},
        },
        {
            "marketId": "BTC-PERP",
            "side": "LONG",
            "qty": "0.1",
            "orderType": "limit",
            "price": "24000.05",
            "leverage": 10,
        },
    ]
}
_ITEM: dict[str, Any] = {
    "ok": True,
    "message": "Order received.",
    "orderId": 18,
    "status": "pending",
    "code": None,
    "field": None,
}
ORDERS_PLACED = {
    "results": [
        _ITEM,
        _ITEM | {"orderId": 19},
        {
            "ok": False,
            "message": "price must be a multiple of the tick 0.1.",
            "orderId": None,
            "status": None,
            "code": "INVALID_PRICE",
            "field": "price",
        },
    ]
}
ORDERS_BATCH_CANCELLING = {
    "results": [_ITEM | {"message": "Cancel received.", "status": "open"}],
}
NEW_COUNTDOWN = {"marketId": "BTC-PERP", "countdownMs": 60_000, "protective": False}
_STAY = "Waiting reduce-only and closePosition orders stay; protective true cancels them, too."
COUNTDOWN_SENT = {
    "message": f"Countdown received. {_STAY}",
    "marketId": "BTC-PERP",
    "commandId": 81,
    "protective": False,
}
MARGIN_CHANGE = {"amount": "250", "idempotencyKey": "more-margin-1"}
MARGIN_SENT = {"message": "Margin change received.", "marketId": "BTC-PERP", "commandId": 82}
NEW_LEVERAGE = {"leverage": 20}
LEVERAGE_SET = {"message": "Leverage set.", "marketId": "BTC-PERP", "leverage": 20}
ORDERS_CANCELLING = {
    "message": f"Cancels received. {_STAY}",
    "marketIds": ["BTC-PERP"],
    "protective": False,
}
ORDER = {
    "id": 17,
    "userId": 42,
    "marketId": "BTC-PERP",
    "clientOrderId": "my-first-order",
    "type": "LONG",
    "orderType": "limit",
    "timeInForce": "GTC",
    "qty": "0.5",
    "filledQty": "0.2",
    "remainingQty": "0.3",
    "price": "25000",
    "maxSlippage": None,
    "averagePrice": "24999.5",
    "margin": "2500",
    "leverage": None,
    "held": "1503.75",
    "reduceOnly": False,
    "postOnly": False,
    "closePosition": False,
    "expiresAt": None,
    "trigger": None,
    "makerFee": "0.0002",
    "takerFee": "0.0005",
    "selfTradePrevention": "EXPIRE_MAKER",
    "status": "open",
    "reason": None,
    "createdAt": "2026-11-22T12:00:00.000000Z",
    "updatedAt": "2026-11-22T12:00:00.120000Z",
}
ORDERS = {"orders": [ORDER], "nextCursor": None}
POSITIONS = {
    "positions": [
        {
            "id": 5,
            "userId": 42,
            "marketId": "BTC-PERP",
            "type": "LONG",
            "qty": "0.2",
            "margin": "1000",
            "averagePrice": "24999.5",
            "markPrice": "25010",
            "unrealizedPnl": "2.1",
            "realizedPnl": "0",
            "liquidationPrice": "20304",
            "leverage": "5.002",
            "marginRatio": "0.074872",
            "initialMargin": "1000.4",
            "removableMargin": "0",
            "updatedAt": "2026-11-22T12:00:00.120000Z",
        }
    ],
    "nextCursor": None,
}
EQUITY = {
    "available": "8749.5",
    "locked": "250",
    "margin": "1000",
    "unrealizedPnl": "-12.25",
    "equity": "9987.25",
}
FILLS = {
    "fills": [
        {
            "id": 31,
            "tradeId": 12,
            "marketId": "BTC-PERP",
            "orderId": 17,
            "clientOrderId": "my-first-order",
            "execution": "TRADE",
            "side": "LONG",
            "role": "TAKER",
            "qty": "0.2",
            "price": "24999.5",
            "fee": "2.49995",
            "liquidationFee": "0",
            "insuranceCover": "0",
            "lossShare": "0",
            "realizedPnl": "0",
            "executedAt": "2026-11-22T12:00:00.120000Z",
        }
    ],
    "nextCursor": None,
}
FUNDING_PAYMENTS = {
    "payments": [
        {
            "id": 71,
            "marketId": "BTC-PERP",
            "seq": 5210,
            "fundingTime": "2026-11-22T08:00:00Z",
            "settledAt": "2026-11-22T08:00:00.250000Z",
            "rate": "0.0001",
            "markPrice": "25010",
            "amountPerLot": "0.002501",
            "side": "LONG",
            "qty": "0.2",
            "amount": "-0.5002",
            "fromProfit": "0",
        }
    ],
    "nextCursor": None,
}
CLOSED_POSITIONS = {
    "positions": [
        {
            "id": 9,
            "marketId": "BTC-PERP",
            "side": "LONG",
            "ending": "CLOSED",
            "qty": "0.2",
            "maxQty": "0.2",
            "entryPrice": "24999.5",
            "exitPrice": "25100",
            "realizedPnl": "20.1",
            "fee": "5.00995",
            "liquidationFee": "0",
            "insuranceCover": "0",
            "lossShare": "0",
            "funding": "-0.5002",
            "netPnl": "14.58985",
            "openedAt": "2026-11-22T07:00:00.120000Z",
            "closedAt": "2026-11-22T12:00:00.120000Z",
        }
    ],
    "nextCursor": None,
}
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
TICKER = {
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
FUNDING = {
    "marketId": "BTC-PERP",
    "lotSize": "0.001",
    "lastRate": "0.0001",
    "estimate": {"rate": "0.000125", "fundingTime": "2026-11-22T16:00:00Z"},
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
