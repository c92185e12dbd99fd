"""An account channel ends with its token and with nothing else: not while Postgres, which knows who
is suspended, is away. Without a server: one connection, its hub written down."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError

from accounts.access.authentication import TokenUser
from common.errors import DomainError, ErrorCode
from feeds import connection as connection_module
from feeds import identity
from feeds.connection import Connection
from feeds.streams.channels import ListenTerms
from tests.feeds.conftest import NoOrders

DEADLINE_S = 60


class Listening:
    """Notes who listens to which account."""

    def __init__(self) -> None:
        self.accounts: list[int] = []

    def subscribe(
        self, connection: Connection, account_id: int, missed: Iterable[str]
    ) -> tuple[dict[str, int], dict[str, str]]:
        self.accounts.append(account_id)
        return {}, {}

    def unsubscribe(self, connection: Connection) -> None:
        self.accounts.clear()

    async def replay(self, connection: Connection, last_seq: Any, epochs: Any) -> None: ...


class QuietHub:
    def __init__(self) -> None:
        self.accounts = Listening()

    async def check_channel(self, channel: str) -> None: ...
    async def check_market(self, market_id: str) -> None: ...
    def subscribe(self, connection: Connection, channel: str, terms: ListenTerms) -> None: ...
    def unsubscribe(self, connection: Connection, channel: str, terms: ListenTerms) -> None: ...
    def greet(self, connection: Connection, channel: str, terms: ListenTerms) -> None: ...

    def seqs(self, channels: Iterable[str]) -> dict[str, int]:
        return {}

    def forget(self, connection: Connection) -> None: ...


class Talk:
    """A client's end of one connection, whose account is 7."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer: Exception | None = None
        self.checks = 0
        self.hub = QuietHub()
        self.sent: list[str] = []
        self._requests: asyncio.Queue[str] = asyncio.Queue()
        self._heard = asyncio.Event()
        monkeypatch.setattr(connection_module, "HEARTBEAT_INTERVAL_S", 0.001)
        monkeypatch.setattr(identity, "authenticate_token", self._authenticate)

    def _authenticate(self, token: str) -> TokenUser:
        self.checks += 1
        if self.answer is not None:
            raise self.answer
        return TokenUser(7, 1)

    async def receive(self) -> dict[str, Any]:
        return {"type": "websocket.receive", "text": await self._requests.get()}

    async def send(self, message: Any) -> None:
        self.sent.append(message.get("text", ""))
        self._heard.set()

    def ask(self, text: str) -> None:
        self._requests.put_nowait(text)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._heard.clear()
                await self._heard.wait()

    def heard(self, words: str) -> bool:
        return any(words in text for text in self.sent)

    async def checked_again(self, times: int = 3) -> None:
        seen = self.checks
        await self.until(lambda: self.checks >= seen + times)


async def _with(talk: Talk, what: Callable[[Talk], Any]) -> None:
    connection = Connection(talk.receive, talk.send, talk.hub, NoOrders)

    async def look() -> None:
        while True:
            await identity.sign_out_refused([connection])
            await asyncio.sleep(0.001)

    running = asyncio.gather(connection.run(), look())
    try:
        talk.ask('{"op": "auth", "token": "a token"}')
        talk.ask('{"op": "subscribe", "channels": ["account"]}')
        await talk.until(lambda: talk.heard('"subscribed"'))
        await what(talk)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("error", [OperationalError("the server went away"), InterfaceError()])
def test_an_outage_of_postgres_ends_no_account_channel(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def outage(talk: Talk) -> None:
        talk.answer = error
        await talk.checked_again()
        assert talk.hub.accounts.accounts == [7]
        talk.answer = None
        await talk.checked_again()
        assert talk.hub.accounts.accounts == [7]
        assert not talk.heard("UNAVAILABLE")

    asyncio.run(_with(Talk(monkeypatch), outage))


def test_a_token_that_ends_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ends(talk: Talk) -> None:
        await talk.checked_again()
        assert talk.hub.accounts.accounts == [7]
        talk.answer = DomainError(ErrorCode.TOKEN_EXPIRED, "The token has expired.")
        await talk.until(lambda: talk.heard("TOKEN_EXPIRED"))
        assert talk.hub.accounts.accounts == []
        seen, said = talk.checks, len(talk.sent)
        await talk.until(lambda: len(talk.sent) >= said + 3)  # heartbeats go on
        assert talk.checks == seen  # nobody is asked about any more
        talk.ask('{"op": "subscribe", "channels": ["account"]}')
        await talk.until(lambda: talk.heard("NOT_AUTHENTICATED"))

    asyncio.run(_with(Talk(monkeypatch), ends))


def test_signing_in_while_postgres_is_away_says_so_and_keeps_the_one_signed_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def again(talk: Talk) -> None:
        talk.answer = OperationalError("the server went away")
        talk.ask('{"op": "auth", "token": "another token"}')
        await talk.until(lambda: talk.heard("UNAVAILABLE"))
        assert talk.hub.accounts.accounts == [7]

    asyncio.run(_with(Talk(monkeypatch), again))


def test_who_says_nothing_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "UNUSED_MAX_S", 0.01)
    talk = Talk(monkeypatch)
    closed: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        if message["type"] == "websocket.close":
            closed.append(message)

    async def say_nothing() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await Connection(talk.receive, send, talk.hub, NoOrders).run()

    asyncio.run(say_nothing())
    ((code, reason),) = [(one["code"], one["reason"]) for one in closed]
    assert (code, reason.startswith("UNUSED")) == (1008, True)
