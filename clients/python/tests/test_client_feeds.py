"""Feeds over real sockets: begun, cut, resumed, told of gaps, closed."""

import asyncio
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from exchange_client import ApiError, AsyncClient, AsyncFeed, Client, Credentials, HmacKey, Tokens
from exchange_client.feeds import script
from exchange_client.feeds.events import (
    AccountChanged,
    BookChanged,
    ChannelMessage,
    Connected,
    Disconnected,
    Gap,
)
from exchange_client.retries import Retries
from feed_double import FeedDouble, Peer, book, fill, gap, snapshot, take

KEY = HmacKey("public", "secret")
URL = "https://exchange.example"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "BACKOFF", Retries(first_s=0.0))
    monkeypatch.setattr(script, "LAG", Retries(first_s=0.0))


def feed_of(double: FeedDouble, who: Credentials | None = KEY, **what: Any) -> AsyncFeed:
    http = httpx.AsyncClient(transport=httpx.MockTransport(double.http))
    return AsyncClient(URL, who, http=http).feed(url=double.url, **what)


def kinds(events: list[Any]) -> list[type]:
    return [type(event) for event in events]


def test_it_resumes_where_it_was_cut() -> None:
    async def first(peer: Peer) -> None:
        said = await peer.sign_in()
        assert (said["key"], len(said["signature"])) == ("public", 64)
        said = await peer.subscribe(seq={"X": 10}, epoch={"X": "e1"})
        assert said["lastSeq"] == {"X": 10}
        await peer.say(fill(11))
        await asyncio.sleep(0.05)  # a reset overtakes what was not read
        peer.cut()

    async def second(peer: Peer) -> None:
        await peer.sign_in()
        said = await peer.subscribe(seq={"X": 13}, epoch={"X": "e1"})
        assert (said["lastSeq"], said["epoch"]) == ({"X": 11}, {"X": "e1"})
        await peer.say(fill(11), fill(12), fill(13), {"op": "heartbeat", "timeMs": 1})
        await peer.stay()

    async def scenario() -> None:
        async with FeedDouble(first, second, snapshots=[snapshot(10)]) as double:
            async with feed_of(double, account=True) as feed:
                events = await take(feed, 6)
                assert kinds(events) == [
                    Connected,
                    AccountChanged,
                    Disconnected,
                    Connected,
                    AccountChanged,
                    AccountChanged,
                ]
                assert (feed.account.money, feed.account.seq) == (Decimal(97), {"X": 13})
            assert double.asked == ["/user/snapshot"]

    asyncio.run(scenario())


def test_after_a_gap_it_begins_with_a_snapshot_that_is_far_enough() -> None:
    async def act(peer: Peer) -> None:
        await peer.sign_in()
        await peer.subscribe(seq={"X": 10}, epoch={"X": "e1"})
        await peer.say(fill(11), gap(11, 21), fill(21, "e2"), fill(22, "e2"))
        await peer.stay()

    async def scenario() -> None:
        found = [snapshot(10), snapshot(11, "99"), snapshot(19, "90"), snapshot(21, "50")]
        async with FeedDouble(act, snapshots=found) as double:
            async with feed_of(double, account=True) as feed:
                *_, told, after = await take(feed, 4)
                assert told == Gap("X", 11, 21)
                assert isinstance(after, AccountChanged)
                # Of what came after the gap the snapshot has one, and the feed tells the other.
                assert (after.seq, feed.account.money) == (22, Decimal(49))
            assert len(double.asked) == 4

    asyncio.run(scenario())


def test_a_market_that_was_set_back() -> None:
    async def act(peer: Peer) -> None:
        await peer.sign_in()
        await peer.subscribe(seq={"X": 10}, epoch={"X": "e1"})
        await peer.say(gap(10, 6), fill(6, "e2"))
        await peer.stay()

    async def scenario() -> None:
        found = [snapshot(10), snapshot(5, "70")]
        async with (
            FeedDouble(act, snapshots=found) as double,
            feed_of(double, account=True) as feed,
        ):
            await take(feed, 3)
            assert (feed.account.money, feed.account.seq) == (Decimal(69), {"X": 6})

    asyncio.run(scenario())


def test_a_market_that_began_meanwhile_is_a_gap() -> None:
    async def act(peer: Peer) -> None:
        await peer.sign_in()
        await peer.subscribe(seq={"X": 10, "Y": 3}, epoch={"X": "e1", "Y": "e1"})
        await peer.stay()

    async def scenario() -> None:
        newer = snapshot(10) | {"seq": {"X": 10, "Y": 3}}
        async with (
            FeedDouble(act, snapshots=[snapshot(10), newer]) as double,
            feed_of(double, account=True) as feed,
        ):
            assert (await take(feed, 2))[1] == Gap("Y", 0, 4)

    asyncio.run(scenario())


def test_a_book_that_lacks_a_message_is_asked_for_anew() -> None:
    async def act(peer: Peer) -> None:
        await peer.subscribe()
        await peer.say(
            book("snapshot", 5, 5, [["10", "1"], ["9", "2"]]),
            book("delta", 6, 8, [["10", "0"], ["9.5", "3"]]),
            book("delta", 12, 13, [["8", "1"]]),  # 9 to 11 are missing
        )
        assert (await peer.hear())["op"] == "unsubscribe"
        await peer.say(book("delta", 14, 14, [["8", "9"]]))  # of the one before
        assert (await peer.hear()) == {"op": "subscribe", "channels": ["book:X"]}
        await peer.say({"op": "subscribed", "channels": ["book:X"]})
        await peer.say(book("snapshot", 14, 14, [["7", "1"]]))
        await peer.stay()

    async def scenario() -> None:
        async with FeedDouble(act) as double, feed_of(double, None, books=["X"]) as feed:
            await take(feed, 3)
            assert feed.books["X"].bids == [(Decimal("9.5"), Decimal(3)), (Decimal(9), Decimal(2))]
            (event,) = await take(feed, 1)
            assert isinstance(event, BookChanged)
            assert event.book.bids == [(Decimal(7), Decimal(1))]

    asyncio.run(scenario())


@pytest.mark.parametrize("code", ["TOKEN_EXPIRED", "SESSION_ENDED"])
def test_a_token_that_ends_is_renewed(code: str) -> None:
    over = {"op": "error", "code": code, "message": "over"}

    async def first(peer: Peer) -> None:
        assert (await peer.hear())["token"] == "t1"
        await peer.say(over)
        assert (await peer.sign_in())["token"] == "t2"
        await peer.subscribe(seq={"X": 1}, epoch={})
        await peer.say(over)
        await peer.stay()

    async def second(peer: Peer) -> None:
        await peer.sign_in()
        await peer.subscribe(seq={"X": 1}, epoch={})
        await peer.stay()

    async def scenario() -> None:
        async with FeedDouble(first, second, snapshots=[snapshot(1)]) as double:
            async with feed_of(double, Tokens("t1", "r1"), account=True) as feed:
                events = await take(feed, 3)
                assert kinds(events) == [Connected, Disconnected, Connected]
            assert double.asked == ["/auth/refresh", "/user/snapshot", "/auth/refresh"]

    asyncio.run(scenario())


def test_a_clock_that_is_off_is_set() -> None:
    async def act(peer: Peer) -> None:
        await peer.hear()
        await peer.say({"op": "error", "code": "TIMESTAMP_OUTSIDE_WINDOW", "message": "old"})
        assert 5_000_000 <= (await peer.sign_in())["timestamp"] < 5_060_000
        await peer.subscribe(seq={}, epoch={})
        await peer.stay()

    async def scenario() -> None:
        async with (
            FeedDouble(act, snapshots=[snapshot(1)]) as double,
            feed_of(double, account=True) as feed,
        ):
            await take(feed, 1)

    asyncio.run(scenario())


@pytest.mark.parametrize("is_at_door", [True, False])
def test_what_another_try_will_not_mend_is_raised(is_at_door: bool) -> None:
    async def act(peer: Peer) -> None:
        await peer.hear()
        code = "INVALID_KEY" if is_at_door else "UNKNOWN_CHANNEL"
        await peer.say({"op": "error", "code": code, "message": "no"})
        await peer.stay()

    async def scenario() -> None:
        async with FeedDouble(act) as double:
            what: dict[str, Any] = {"account": True} if is_at_door else {"channels": ["nonsense"]}
            async with feed_of(double, **what) as feed:
                with pytest.raises(ApiError, match=r"INVALID_KEY|UNKNOWN_CHANNEL"):
                    await take(feed, 1)

    asyncio.run(scenario())


def test_a_turn_that_was_given_up_is_taken_up_again() -> None:
    said = asyncio.Event()

    async def act(peer: Peer) -> None:
        await peer.subscribe()
        await said.wait()
        await peer.say({"channel": "announcements", "type": "announcements", "announcements": []})
        await peer.stay()

    async def scenario() -> None:
        async with (
            FeedDouble(act) as double,
            feed_of(double, None, channels=["announcements"]) as feed,
        ):
            await take(feed, 1)
            assert await feed.next(0.05) is None
            said.set()
            assert isinstance(await feed.next(20), ChannelMessage)

    asyncio.run(scenario())


def test_closing_ends_the_loop() -> None:
    async def act(peer: Peer) -> None:
        await peer.subscribe()
        await peer.stay()

    async def scenario() -> None:
        async with FeedDouble(act) as double:
            feed = feed_of(double, None, books=["X"])
            await take(feed, 1)
            waiting = asyncio.create_task(feed.next(20))
            await asyncio.sleep(0.05)
            await feed.close()
            assert await waiting is None
            assert feed.is_closed
            assert [event async for event in feed] == []

    asyncio.run(scenario())


def test_a_feed_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs"):
        Client(URL).feed()


@pytest.fixture
def served_double() -> Iterator[FeedDouble]:
    """In a thread of its own, for the client that waits."""

    async def first(peer: Peer) -> None:
        await peer.sign_in()
        await peer.subscribe(seq={"X": 10}, epoch={"X": "e1"})
        await peer.say(fill(11))
        await asyncio.sleep(0.05)
        peer.cut()

    async def second(peer: Peer) -> None:
        await peer.sign_in()
        assert (await peer.subscribe(seq={"X": 11}, epoch={"X": "e1"}))["lastSeq"] == {"X": 11}
        await peer.say(fill(12))
        await peer.stay()

    double = FeedDouble(first, second, snapshots=[snapshot(10)])
    loop, ready = asyncio.new_event_loop(), threading.Event()
    stopping = asyncio.Event()

    async def serving() -> None:
        async with double:
            ready.set()
            await stopping.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serving(),))
    thread.start()
    assert ready.wait(20)
    yield double
    loop.call_soon_threadsafe(stopping.set)
    thread.join(20)
    loop.close()


def test_the_client_that_waits_resumes_too(served_double: FeedDouble) -> None:
    http = httpx.Client(transport=httpx.MockTransport(served_double.http))
    with Client(URL, KEY, http=http).feed(url=served_double.url, account=True) as feed:
        events = [next(feed) for _ in range(5)]
        assert kinds(events) == [
            Connected,
            AccountChanged,
            Disconnected,
            Connected,
            AccountChanged,
        ]
        assert feed.account.money == 98
        assert feed.next(0.05) is None
    assert list(feed) == []
