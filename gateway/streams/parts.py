"""What the parts of the hub ask of it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from redis.asyncio import Redis

from gateway.streams.names import StreamKind, StreamTopic
from markets.rules import MarketRules

Found = TypeVar("Found")


class StreamSource(Protocol):
    """``markets``: by symbol; ``symbols``: by market id."""

    @property
    def redis(self) -> Redis: ...
    @property
    def markets(self) -> Mapping[str, MarketRules]: ...
    @property
    def symbols(self) -> Mapping[str, str]: ...
    def wanted(self, *kinds: StreamKind) -> set[StreamTopic]: ...
    def is_wanted(self, topic: StreamTopic) -> bool: ...
    def tell(self, topic: StreamTopic, event: Any) -> None: ...
    def attempt(self, what: str, step: Callable[[], None]) -> None: ...
    def ask(self, question: Callable[[], Found]) -> Awaitable[Found]: ...
