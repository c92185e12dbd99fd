"""Who listens to which channel, how often, and by which name."""

from collections.abc import Iterator
from typing import Any, Protocol

from feeds import protocol
from feeds.streams.channels import ListenTerms

Stream = tuple[str, int]  # a channel, and how often at most; 0 for as it comes


class Listener(Protocol):
    def offer(self, text: str) -> None: ...


def named(text: str, id_text: str) -> str:
    """A message with the id of the subscription that it is of."""
    return f'{{"id":{id_text},{text[1:]}' if id_text else text


class Subscribers:
    def __init__(self) -> None:
        self._ids: dict[Stream, dict[Listener, str]] = {}

    def __contains__(self, channel: str) -> bool:
        """Whether anybody listens to it as it comes."""
        return (channel, 0) in self._ids

    def streams(self) -> Iterator[Stream]:
        return iter(self._ids)

    def add(self, listener: Listener, channel: str, terms: ListenTerms) -> None:
        self._ids.setdefault((channel, terms.every_ms), {})[listener] = terms.id_text

    def remove(self, listener: Listener, channel: str, terms: ListenTerms) -> None:
        stream = channel, terms.every_ms
        listeners = self._ids.get(stream, {})
        listeners.pop(listener, None)
        if not listeners:
            self._ids.pop(stream, None)

    def tell(self, message: dict[str, Any]) -> str:
        """Those of its channel, as it comes; encoded."""
        text = protocol.encode(message)
        self.tell_text(text, (message["channel"], 0))
        return text

    def tell_text(self, text: str, stream: Stream) -> None:
        for listener, id_text in list(self._ids.get(stream, {}).items()):
            listener.offer(named(text, id_text) if id_text else text)
