"""Who listens to which channel, how often, and by which name."""

from collections.abc import Iterator
from typing import Any, Protocol

from feeds import protocol
from feeds.streams.channels import ListenTerms
from feeds.streams.outbox import Flushed, Message, Stream, Ticks


class Listener(Flushed, Protocol):
    def offer(self, text: str) -> None: ...
    def hear(self, message: Message) -> None: ...


def named(text: str, id_text: str) -> str:
    """A message with the id of the subscription that it is of."""
    return f'{{"id":{id_text},{text[1:]}' if id_text else text


class Subscribers:
    def __init__(self) -> None:
        self._ids: dict[Stream, dict[Listener, str]] = {}
        self._ticks = Ticks()

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

    def tell_text(self, text: str, stream: Stream, *, is_coalesced: bool = False) -> None:
        """``is_coalesced``: who is slow may be told how the stream stands instead."""
        listeners = self._ids.get(stream)
        if not listeners:
            return
        made: dict[str, Message] = {}
        for listener, id_text in list(listeners.items()):
            if (message := made.get(id_text)) is None:
                message = Message(named(text, id_text), stream if is_coalesced else None)
                made[id_text] = message
            listener.hear(message)
        self._ticks.add(listeners)
