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
ORDERS_CANCELLING = {"message": "Cancels received.", "marketIds": ["BTC-PERP"]}
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
    "averagePrice": "24999.5",
    "margin": "2500",
    "leverage": None,
    "held": "1503.75",
    "reduceOnly": False,
    "postOnly": False,
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
            "liquidationPrice": None,
            "updatedAt": "2026-11-22T12:00:00.120000Z",
        }
    ],
    "nextCursor": None,
}
FILLS = {
    "fills": [
        {
            "id": 31,
            "tradeId": 12,
            "marketId": "BTC-PERP",
            "orderId": 17,
            "side": "LONG",
            "role": "TAKER",
            "qty": "0.2",
            "price": "24999.5",
            "fee": "2.49995",
            "realizedPnl": "0",
            "executedAt": "2026-11-22T12:00:00.120000Z",
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
    "makerFee": "0.0002",
    "takerFee": "0.0005",
    "maxLeverage": 50,
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
            "executedAt": "2026-11-22T12:00:00.120000Z",
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
