"""Which call of HTTP each method over a socket is."""

from collections.abc import Mapping
from typing import NamedTuple


class Method(NamedTuple):
    verb: str
    path: str
    is_signed: bool = True  # else the key alone says who asks, or nobody has to


METHODS: Mapping[str, Method] = {
    "ping": Method("GET", "/fapi/v1/ping", is_signed=False),
    "time": Method("GET", "/fapi/v1/time", is_signed=False),
    "depth": Method("GET", "/fapi/v1/depth", is_signed=False),
    "ticker.price": Method("GET", "/fapi/v2/ticker/price", is_signed=False),
    "ticker.book": Method("GET", "/fapi/v1/ticker/bookTicker", is_signed=False),
    # These the venue has for its spot house alone; ccxt asks them here, too.
    "klines": Method("GET", "/fapi/v1/klines", is_signed=False),
    "trades.historical": Method("GET", "/fapi/v1/trades", is_signed=False),
    "myTrades": Method("GET", "/fapi/v1/userTrades"),
    "order.place": Method("POST", "/fapi/v1/order"),
    "order.test": Method("POST", "/fapi/v1/order/test"),
    "order.modify": Method("PUT", "/fapi/v1/order"),
    "order.cancel": Method("DELETE", "/fapi/v1/order"),
    "order.status": Method("GET", "/fapi/v1/order"),
    "algoOrder.place": Method("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": Method("DELETE", "/fapi/v1/algoOrder"),
    "account.balance": Method("GET", "/fapi/v2/balance"),
    "v2/account.balance": Method("GET", "/fapi/v3/balance"),
    "account.position": Method("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": Method("GET", "/fapi/v3/positionRisk"),
    "account.status": Method("GET", "/fapi/v2/account"),
    "v2/account.status": Method("GET", "/fapi/v3/account"),
    "userDataStream.start": Method("POST", "/fapi/v1/listenKey", is_signed=False),
    "userDataStream.ping": Method("PUT", "/fapi/v1/listenKey", is_signed=False),
    "userDataStream.stop": Method("DELETE", "/fapi/v1/listenKey", is_signed=False),
}
