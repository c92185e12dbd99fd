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
ORDER_PREVIEW = {
    "outcome": "PART_FILLED",
    "worstPrice": "25000",
    "required": {"margin": "2500", "openLoss": "0", "fee": "6.25", "total": "2506.25"},
    "available": "9000",
    "affordable": True,
    "makerFee": "0.0002",
    "takerFee": "0.0005",
    "expected": {
        "qty": "0.3",
        "averagePrice": "24998.5",
        "slippage": "-0.00006",
        "fee": "3.749775",
        "realizedPnl": "0",
    },
    "position": {
        "type": "LONG",
        "qty": "0.3",
        "averagePrice": "24998.5",
        "margin": "1500",
        "leverage": "5",
        "liquidationPrice": "20250.1",
    },
    "maxQty": "1.79",
}
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
AMENDMENTS: dict[str, Any] = {
    "orders": [
        {"orderId": 18, "price": "24010"},
        {"clientOrderId": "my-first-order", "price": "24990", "qty": "0.4"},
    ]
}
ORDERS_BATCH_AMENDING = {
    "results": [
        _ITEM | {"message": "Amendment received.", "status": "open"},
        _ITEM | {"message": "Amendment received.", "orderId": 17, "status": "open"},
    ]
}
NEW_COUNTDOWN = {"marketId": "BTC-PERP", "countdownMs": 60_000, "protective": False}
_STAY = "Waiting reduce-only and closePosition orders stay; protective true cancels them, too."
COUNTDOWN_SENT = {
    "message": f"Countdown received. {_STAY}",
    "marketId": "BTC-PERP",
    "commandId": 81,
    "protective": False,
}
CLOSING = {"qty": "0.1", "clientOrderId": "out-of-here"}
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
    "priceMatch": None,
    "visibleQty": None,
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
    "parentId": None,
    "otherId": None,
    "algoId": None,
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
