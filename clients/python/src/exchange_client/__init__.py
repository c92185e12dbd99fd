"""Client of the perpetual-futures exchange: `Client` waits, `AsyncClient` is for asyncio.

Figures are `decimal.Decimal`, and no float comes into being between the wire and the program. See
the README for a first order, and `exchange_client.retries` for what is sent again and what isn't.
"""

from exchange_client import calls
from exchange_client.calls.call import Call
from exchange_client.errors import (
    ApiError,
    BrokenFile,
    ClientOrderIdReused,
    Conflict,
    ExchangeError,
    InsufficientBalance,
    InvalidRequest,
    MarketNotOpen,
    NotAllowed,
    NotFound,
    NotReached,
    NotSignedIn,
    OrderNotOpen,
    OutcomeUnknown,
    RateLimited,
    SecondFactorRequired,
    SessionOver,
    Unavailable,
    UnexpectedAnswer,
)
from exchange_client.feeds.async_feed import AsyncFeed
from exchange_client.feeds.order_socket import OrderSocket
from exchange_client.feeds.sync_feed import Feed
from exchange_client.http.async_client import AsyncClient
from exchange_client.http.sync_client import Client
from exchange_client.models.algos import NewAlgo
from exchange_client.models.orders import (
    NewAttached,
    NewOrder,
    NewOther,
    NewTrigger,
    OrderChange,
    TriggerChange,
)
from exchange_client.retries import NO_RETRIES, Retries
from exchange_client.signing import Credentials, Ed25519Key, HmacKey, Password, Tokens

__version__ = "0.1.0"

__all__ = [
    "NO_RETRIES",
    "ApiError",
    "AsyncClient",
    "AsyncFeed",
    "BrokenFile",
    "Call",
    "Client",
    "ClientOrderIdReused",
    "Conflict",
    "Credentials",
    "Ed25519Key",
    "ExchangeError",
    "Feed",
    "HmacKey",
    "InsufficientBalance",
    "InvalidRequest",
    "MarketNotOpen",
    "NewAlgo",
    "NewAttached",
    "NewOrder",
    "NewOther",
    "NewTrigger",
    "NotAllowed",
    "NotFound",
    "NotReached",
    "NotSignedIn",
    "OrderChange",
    "OrderNotOpen",
    "OrderSocket",
    "OutcomeUnknown",
    "Password",
    "RateLimited",
    "Retries",
    "SecondFactorRequired",
    "SessionOver",
    "Tokens",
    "TriggerChange",
    "Unavailable",
    "UnexpectedAnswer",
    "calls",
]
