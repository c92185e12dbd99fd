"""Book deltas: whoever applies them has the published depth, and knows when one is missing."""

import random
from decimal import Decimal
from typing import Any

from feeds.scale import Scale
from feeds.streams.book import OLDER_DEPTHS_TOLERATED, BookFeed
from matching.messages.streams import Depth

SCALE = Scale("BTC-PERP", Decimal("0.1"), Decimal("0.001"), 100)
Levels = list[tuple[int, int]]


def depth(seq: int, bids: Levels, asks: Levels) -> Depth:
    return Depth(seq=seq, time_ms=seq * 10, bids=bids, asks=asks)


class Client:
    """Keeps a book as the documentation tells clients to."""

    def __init__(self) -> None:
        self.u: int | None = None
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}

    def hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            self.bids, self.asks = {}, {}
        else:
            assert message["pu"] == self.u
            assert message["U"] == message["pu"] + 1 <= message["u"]
        for mine, rows in ((self.bids, message["bids"]), (self.asks, message["asks"])):
            for price, size in rows:
                if size == "0":
                    del mine[price]
                else:
                    mine[price] = size
        self.u = message["u"]


def test_first_depth_is_a_snapshot_in_decimals_best_first() -> None:
    message = BookFeed(SCALE).update(depth(7, [(500_000, 1500), (499_999, 1)], [(500_001, 20)]))
    assert message == {
        "channel": "book:BTC-PERP",
        "type": "snapshot",
        "U": 7,
        "u": 7,
        "pu": 0,
        "timeMs": 70,
        "bids": [("50000", "1.5"), ("49999.9", "0.001")],
        "asks": [("50000.1", "0.02")],
    }


def test_delta_has_absolute_sizes_and_zero_for_levels_gone() -> None:
    feed = BookFeed(SCALE)
    feed.update(depth(7, [(500_000, 1500), (499_999, 1)], [(500_001, 20)]))
    message = feed.update(depth(12, [(500_000, 1400)], [(500_001, 20), (500_005, 3)]))
    assert message is not None
    assert (message["type"], message["U"], message["u"], message["pu"]) == ("delta", 8, 12, 7)
    assert message["bids"] == [("50000", "1.4"), ("49999.9", "0")]
    assert message["asks"] == [("50000.5", "0.003")]


def test_unchanged_levels_send_nothing_and_keep_the_chain() -> None:
    feed = BookFeed(SCALE)
    feed.update(depth(7, [(1, 1)], []))
    assert feed.update(depth(9, [(1, 1)], [])) is None
    message = feed.update(depth(11, [(1, 2)], []))
    assert message is not None
    assert message["pu"] == 7


def test_an_older_depth_is_passed_over_and_a_lasting_one_starts_anew() -> None:
    feed = BookFeed(SCALE)
    feed.update(depth(100, [(1, 1)], []))
    for _ in range(OLDER_DEPTHS_TOLERATED):
        assert feed.update(depth(50, [(2, 2)], [])) is None
    message = feed.update(depth(50, [(2, 2)], []))
    assert message is not None
    assert (message["type"], message["u"]) == ("snapshot", 50)


def test_clients_that_join_at_any_time_follow_the_book() -> None:
    rng = random.Random(11)
    feed = BookFeed(SCALE)
    clients: list[Client] = []
    seq = 0
    for _ in range(500):
        seq += rng.randint(1, 4)
        bids = {rng.randint(400, 499): rng.randint(1, 3) for _ in range(rng.randint(0, 8))}
        asks = {rng.randint(500, 599): rng.randint(1, 3) for _ in range(rng.randint(0, 8))}
        message = feed.update(depth(seq, sorted(bids.items(), reverse=True), sorted(asks.items())))
        for client in clients:
            if message:
                client.hear(message)
        if rng.random() < 0.05:
            clients.append(Client())
            snapshot = feed.snapshot()
            assert snapshot is not None
            clients[-1].hear(snapshot)
        for client in clients:
            assert client.bids == {SCALE.price(t): SCALE.size(s) for t, s in bids.items()}
            assert client.asks == {SCALE.price(t): SCALE.size(s) for t, s in asks.items()}
    assert len(clients) > 5
