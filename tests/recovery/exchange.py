"""One market with its real parts in this process: orders through `trading`, engines in threads, the
ledger when it is asked to. Engines are crashed by taking away their goodbye; Redis loses what the
test takes from it.
"""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import redis
from django.conf import settings

from accounts.access.refusals import refusals
from accounts.models import User
from ledger.models import Posting
from ledger.services import deposit
from markets.rules import forget_markets
from matching.messages.commands import UpdateIndexPrice
from matching.messages.snapshot import EngineSnapshot
from matching.messages.streams import (
    Heartbeat,
    dead_letter_stream,
    epoch_key,
    heartbeat_key,
    id_order,
    input_stream,
    output_stream,
    snapshots_key,
    ticker_key,
    trimmed_key,
)
from matching.messages.vocabulary import MarketState, OrderStatus, OrderType, Side
from matching.runtime.process import EngineProcess
from matching.runtime.replay import state_at
from persistence.faults import handle_fault
from persistence.models import MarketCursor
from persistence.projection.batch import PersistenceStopped
from persistence.reading import persist_market
from persistence.reconciliation import wallet_differences
from persistence.recovery.rebuilt_snapshot import engine_snapshot_of_rows
from persistence.recovery.starting_points import ensure_starting_point
from tests.builders.markets import build_market
from tests.ledger.candle_rows import differences_of_candles
from tests.patience import PATIENCE_S
from trading.commands import resend
from trading.commands.publisher import last_published_id, publish_command
from trading.models import Order, OutboxCommand
from trading.orders.request import NewOrder
from trading.services import configure_market, place_order, resend_unseen_commands
from trading.services import set_market_state as move_market

MARKET = "BTC-PERP"
MARK_TICKS = 250_000  # 25,000.0
FUNDS_UNITS = 1_000_000_000_000
KEYS = (input_stream, output_stream, snapshots_key, epoch_key, trimmed_key, dead_letter_stream)


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {PATIENCE_S} s: {what}")
        time.sleep(0.02)
    return found


class EngineThread:
    def __init__(self, name: str, snapshot_every: int) -> None:
        self.client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5)
        self.process = EngineProcess(self.client, lambda: [MARKET], name, snapshot_every)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.process.run, args=(self._stop,), name=name)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        self.client.close()

    def crash(self) -> None:
        """Gone without a last snapshot."""
        self.process._leave = lambda: None  # type: ignore[method-assign]
        self.stop()


class Exchange:
    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.engines: list[EngineThread] = []
        self.last_price_id = "0-0"  # of the index price sent last, in the input stream
        self.alice, self.bob = self._trader("alice"), self._trader("bob")

    def _trader(self, name: str) -> User:
        user = User.objects.create(username=name, password="!")
        deposit(user.pk, FUNDS_UNITS, approved=True)
        return user

    # -- parts

    def engine(self, name: str = "engine", snapshot_every: int = 10_000) -> EngineThread:
        self.engines.append(EngineThread(name, snapshot_every))
        return self.engines[-1]

    def open(self) -> None:
        market = build_market(
            MARKET,
            min_notional_units=1_000_000,
            index_stale_ms=3_600_000,
            max_open_interest_lots=10_000_000,
            funding_interest_ppm=0,  # the mark is the index whenever funding is settled
        )
        configure_market(market, by=None)
        move_market(market, MarketState.ACTIVE, by=None)
        self.move_index(MARK_TICKS)

    def move_index(self, price_ticks: int) -> None:
        """Seen by `settle`, like all that is promised, if an engine is there to answer."""
        publish_command(MARKET, UpdateIndexPrice(index_price_ticks=price_ticks))
        self.last_price_id = last_published_id(MARKET)

    def start(self, name: str = "engine", snapshot_every: int = 10_000) -> EngineThread:
        """The market's first engine, up to where traders see the market open."""
        ensure_starting_point(MARKET)
        engine = self.engine(name, snapshot_every)
        self.settle()
        wait_until(lambda: self.client.exists(ticker_key(MARKET)), "a ticker")
        forget_markets()
        return engine

    def place(self, user: User, side: Side, lots: int, price_ticks: int = MARK_TICKS) -> int:
        new = NewOrder(
            market_id=MARKET,
            side=side,
            qty=str(Decimal(lots) / 1000),
            order_type=OrderType.LIMIT,
            price=str(Decimal(price_ticks) / 10),
            leverage=10,
        )
        return place_order(user.pk, new).order_id

    def trade(self, rounds: int) -> None:
        """Each round a fill, and an order that stays in the book."""
        for number in range(rounds):
            self.place(self.alice, Side.SHORT, 5)
            self.place(self.bob, Side.LONG, 3)
            self.place(self.bob, Side.LONG, 1, MARK_TICKS - 10 - number % 7)

    # -- the workers, when the test wants them

    def work(self) -> None:
        """What a worker's listener and its tasks do, once."""
        ensure_starting_point(MARKET)
        try:
            persist_market(MARKET)
        except PersistenceStopped as fault:
            handle_fault(fault)
        resend_unseen_commands()

    def settle(self) -> None:
        """Workers at work until nothing promised is unanswered and everything is persisted."""

        def settled() -> bool:
            self.work()
            cursor = self.cursor()
            priced = id_order(cursor.input_id) >= id_order(self.last_price_id)
            return not self.unanswered() and priced and cursor.seq == self.published_seq()

        wait_until(settled, "everything answered and persisted")

    def unanswered(self) -> int:
        orders = Order.objects.filter(status=OrderStatus.PENDING).count()
        return orders + OutboxCommand.objects.filter(applied_seq__isnull=True).count()

    # -- what to look at

    def cursor(self) -> MarketCursor:
        return MarketCursor.objects.get(pk=MARKET)

    def published_seq(self) -> int:
        info: Any = self.client.xinfo_stream(output_stream(MARKET))
        return id_order(info["last-generated-id"].decode())[0]

    def heartbeat(self, name: str = "engine") -> Heartbeat | None:
        data: Any = self.client.hget(heartbeat_key(MARKET), name)
        return msgspec.json.decode(data, type=Heartbeat) if data else None

    def wait_for_word(self, text: str, name: str = "engine") -> str:
        """Until the engine's heartbeat says it stopped, and why."""

        def said() -> str:
            beat = self.heartbeat(name)
            return beat.halted if beat is not None and text in beat.halted else ""

        return str(wait_until(said, f"the heartbeat to say {text!r}"))

    def snapshots(self) -> list[int]:
        seqs: Any = self.client.hkeys(snapshots_key(MARKET))
        return sorted(int(seq) for seq in seqs)

    def save(self) -> dict[str, bytes]:
        """All that Redis holds of the market, as a backup would."""
        kept = {key(MARKET): self.client.dump(key(MARKET)) for key in KEYS}
        return {key: data for key, data in kept.items() if isinstance(data, bytes)}

    def restore(self, kept: dict[str, bytes]) -> None:
        for key_of in KEYS:
            self.client.delete(key_of(MARKET))
        for key, data in kept.items():
            self.client.restore(key, 0, data)
        self.last_price_id = "0-0"

    def assert_sound(self) -> None:
        """Engine and rows say the same at the cursor, the money adds up, and so do candles."""
        cursor = self.cursor()
        assert meaning(state_at(self.client, MARKET, cursor.seq)) == meaning(
            engine_snapshot_of_rows(cursor)
        )
        assert wallet_differences() == []
        assert differences_of_candles() == []
        assert sum(Posting.objects.values_list("amount_units", flat=True)) == 0


def meaning(snapshot: EngineSnapshot) -> dict[str, Any]:
    """All but how arrivals are numbered, which ids are remembered, and what begins anew with a
    starting point (see `persistence.recovery.rebuilt_snapshot`)."""
    told = msgspec.structs.asdict(snapshot)
    for name in (
        "last_arrival",
        "recent_orders",
        "recent_commands",
        "input_id",
        "clock_ms",
        "basis",
        "stuck",
    ):
        del told[name]
    told["orders"] = [msgspec.structs.replace(order, arrival=0) for order in snapshot.orders]
    return told


@pytest.fixture
def exchange(transactional_db: None, redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An open market, as yet without an engine. Unseen commands are sent again soon."""
    monkeypatch.setattr(resend, "UNSEEN_AFTER", timedelta(milliseconds=300))
    forget_markets()
    refusals.forget()
    made = Exchange(redis_db)
    made.open()
    yield made
    for engine in made.engines:
        if engine._thread.is_alive():
            engine.stop()
    forget_markets()
