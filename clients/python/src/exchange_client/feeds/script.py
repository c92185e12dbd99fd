"""What a feed does, as steps that somebody else takes; as `exchange_client.http.script`.

Theory of operation. `FeedScript.run` never ends by itself: it connects, signs in, subscribes,
reads, and when the connection is lost begins again, more slowly each time. Who drives it throws
`ConnectionLost` where one is, and hands each `Tell` to the program.

Where the account stands is `account.seq` and the epochs named with it: each subscription names
both, and the exchange tells what came after. A snapshot is taken only where the view can't go on:
at the first connection and after a gap. It counts once it is as far as all that was told, market by
market, since persistence may be some moments behind the feed.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from exchange_client.calls import account, markets
from exchange_client.codec import decode
from exchange_client.errors import (
    NotReached,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
    api_error,
)
from exchange_client.feeds.account_events import events_of
from exchange_client.feeds.account_view import AccountView
from exchange_client.feeds.book import Book, BookMessage
from exchange_client.feeds.events import (
    AccountChanged,
    AccountMessage,
    AlgoChanged,
    BookChanged,
    ChannelMessage,
    Connected,
    Disconnected,
    FeedEvent,
    Gap,
    GapMessage,
    Head,
    Subscribed,
    TickerSeen,
    TradeSeen,
)
from exchange_client.http.script import Pause, Renew, Script, Steps
from exchange_client.models.account import Snapshot
from exchange_client.models.markets import ServerTime
from exchange_client.retries import TOKEN_OVER, Retries

ACCOUNT = "account"
SILENCE_S = 40.0  # the exchange has a heartbeat every 15 s
BACKOFF = Retries(first_s=0.2, longest_s=15.0)
LAG = Retries(first_s=0.1, longest_s=2.0)

_OUTAGES = (NotReached, OutcomeUnknown, RateLimited, Unavailable)
_PASSING = frozenset(
    {
        "UNAVAILABLE",
        "REPLAY_UNAVAILABLE",
        "DATABASE_UNAVAILABLE",
        "REDIS_UNAVAILABLE",
        "BUSY",
        "REPLAYED",
        "TOO_MANY_REQUESTS",
    }
)


class ConnectionLost(Exception):
    """Thrown into the script by who drives it."""


@dataclass(frozen=True)
class Connect:
    url: str


@dataclass(frozen=True)
class SendText:
    text: str


@dataclass(frozen=True)
class Receive:
    """Is sent the next message."""


@dataclass(frozen=True)
class Ask:
    """Is sent what these steps over HTTP come to. Made anew for each try."""

    steps: Callable[[], Steps[Any]]


@dataclass(frozen=True)
class Tell:
    event: FeedEvent


Step = Connect | SendText | Receive | Ask | Pause | Tell
FeedSteps = Generator[Step, Any, None]


class FeedScript:
    def __init__(
        self,
        script: Script,
        books: Sequence[str],
        channels: Sequence[str],
        *,
        has_account: bool,
        url: str | None,
    ) -> None:
        self._script = script
        self._url = url or script.feed_url
        self._channels = [f"book:{market_id}" for market_id in books] + list(channels)
        self._has_account = has_account
        self._connections = 0
        self._is_subscribed = False
        self._epochs: dict[str, str] = {}
        self.books = {market_id: Book(market_id) for market_id in books}
        self.account = AccountView()
        self.needs_snapshot = has_account
        if not self._channels and not has_account:
            raise ValueError("A feed needs books, channels or the account.")

    def run(self) -> FeedSteps:
        """Raises ExchangeError for what another try won't mend."""
        failed = 0
        while True:
            before = self._connections
            try:
                yield from self._connected()
            except (ConnectionLost, *_OUTAGES) as lost:
                failed = 1 if self._connections > before else failed + 1
                for book in self.books.values():
                    book.lose()
                yield Tell(Disconnected(str(lost)))
                yield Pause(BACKOFF.pause_s(min(failed, 10)))

    def _connected(self) -> FeedSteps:
        self._is_subscribed = False
        yield Connect(self._url)
        if self._has_account:
            yield from self._sign_in()
        if self.needs_snapshot:
            yield from self._begin_account()
        yield SendText(self._subscription())
        while True:
            text = yield Receive()
            yield from self._on_message(text)
            if self.needs_snapshot:
                yield from self._begin_account()

    def _subscription(self) -> str:
        asked: dict[str, Any] = {"op": "subscribe", "channels": list(self._channels)}
        if self._has_account:
            asked["channels"].append(ACCOUNT)
            asked["lastSeq"] = self.account.seq
            asked["epoch"] = {
                market_id: epoch
                for market_id, epoch in self._epochs.items()
                if market_id in self.account.seq
            }
        return msgspec.json.encode(asked).decode()

    # --- signing in -------------------------------------------------------------------------------

    def _sign_in(self) -> FeedSteps:
        """A token that is over is renewed, a clock that is off is set, once."""
        for is_last in (False, True):
            auth = yield Ask(self._script.feed_auth)
            yield SendText(msgspec.json.encode(auth).decode())
            code, message = yield from self._signed_in()
            if not code:
                return
            if code in _PASSING:
                raise ConnectionLost(f"{code}: {message}")
            if not is_last and code in TOKEN_OVER and self._script.key is None:
                yield Ask(self._renewed)
            elif not is_last and code == "TIMESTAMP_OUTSIDE_WINDOW":
                said = yield Ask(self._asked_time)
                self._script.clock.set_by(said.server_time_ms)
            else:
                raise api_error(401, {"code": code, "message": message})

    def _signed_in(self) -> Generator[Step, Any, tuple[str, str]]:
        """The code and words of a refusal; empty once it is done."""
        while True:
            head = decode((yield Receive()), Head)
            if head.op == "authenticated":
                return "", ""
            if head.op == "error":
                return head.code, head.message

    def _renewed(self) -> Steps[None]:
        yield Renew(self._script.tokens.token)

    def _asked_snapshot(self) -> Steps[Snapshot]:
        return self._script.answer(account.snapshot())

    def _asked_time(self) -> Steps[ServerTime]:
        return self._script.answer(markets.server_time())

    # --- messages ---------------------------------------------------------------------------------

    def _on_message(self, text: str | bytes) -> FeedSteps:
        head = decode(text, Head)
        if head.channel.startswith("book:"):
            yield from self._on_book(decode(text, BookMessage))
        elif head.channel == ACCOUNT and head.type == "events":
            yield from self._on_account(decode(text, AccountMessage))
        elif head.channel == ACCOUNT and head.type == "algo":
            yield Tell(decode(text, AlgoChanged))
        elif head.channel == ACCOUNT and head.type == "gap":
            yield from self._on_gap(decode(text, GapMessage))
        elif head.type == "trade":
            yield Tell(decode(text, TradeSeen))
        elif head.type == "ticker":
            yield Tell(decode(text, TickerSeen))
        elif head.channel:
            yield Tell(ChannelMessage(head.channel, head.type, decode(text, dict[str, Any])))
        elif head.op == "subscribed":
            yield from self._on_subscribed(decode(text, Subscribed))
        elif head.op == "error":
            yield from self._on_error(head)

    def _on_subscribed(self, answer: Subscribed) -> FeedSteps:
        if self._is_subscribed:
            return  # to one book, anew
        self._is_subscribed = True
        self._connections += 1
        yield Tell(Connected(self._connections))
        for market_id, seq in answer.seq.items():
            if market_id not in self.account.seq and seq:  # it began while nobody listened
                epoch = answer.epoch.get(market_id, "")
                lost = GapMessage(market_id=market_id, epoch=epoch, after_seq=0, next_seq=seq + 1)
                yield from self._on_gap(lost)

    def _on_error(self, head: Head) -> FeedSteps:
        why = f"{head.code}: {head.message}"
        if head.code in TOKEN_OVER and self._script.key is None:
            yield Ask(self._renewed)
            raise ConnectionLost(why)
        if head.code in _PASSING or self._connections:
            raise ConnectionLost(why)
        raise api_error(400, {"code": head.code, "message": head.message})

    def _on_book(self, message: BookMessage) -> FeedSteps:
        book = self.books.get(message.channel.partition(":")[2])
        if book is None:
            return
        if not book.apply(message):
            for op in ("unsubscribe", "subscribe"):
                asked = {"op": op, "channels": [message.channel]}
                yield SendText(msgspec.json.encode(asked).decode())
        if book.is_synced:
            yield Tell(BookChanged(book))

    # --- the account ------------------------------------------------------------------------------

    def _on_account(self, message: AccountMessage) -> FeedSteps:
        self._epochs[message.market_id] = message.epoch
        events = events_of(message.events)
        if self.account.apply(message.market_id, message.seq, events):
            yield Tell(AccountChanged(message.market_id, message.seq, message.time_ms, events))

    def _on_gap(self, gap: GapMessage) -> FeedSteps:
        self._epochs[gap.market_id] = gap.epoch
        self.account.seq[gap.market_id] = gap.next_seq - 1  # lower than before, if it was set back
        self.needs_snapshot = True
        yield from self._begin_account()
        yield Tell(Gap(gap.market_id, gap.after_seq, gap.next_seq))

    def _begin_account(self) -> FeedSteps:
        """With a snapshot that has all that was told so far."""
        tries = 0
        while self.needs_snapshot:
            snapshot = yield Ask(self._asked_snapshot)
            if self._has_all(snapshot):
                self.account.begin(snapshot)
                self.needs_snapshot = False
            else:
                tries += 1
                yield Pause(LAG.pause_s(min(tries, 10)))

    def _has_all(self, snapshot: Snapshot) -> bool:
        return all(snapshot.seq.get(name, 0) >= seq for name, seq in self.account.seq.items())
