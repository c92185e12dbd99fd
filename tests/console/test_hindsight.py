"""Two worlds of one stretch: by hand, at random, and as a job on a market an engine ran."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from approvals import services as approvals
from approvals.models import Proposal
from common.errors import DomainError
from console.audit.models import AuditRow
from console.hindsight import reckoning, services
from console.hindsight.changes import Changes, OtherPrice, Range, Ranges
from console.hindsight.models import HindsightRun
from console.hindsight.outcome import (
    HindsightOutcome,
    TraderOutcome,
    check_zero_sum,
    house_units,
    traders_of,
)
from console.hindsight.worlds import Pair, World
from console.jobs import lives
from console.jobs.models import JobState
from ledger.models import Adjustment, Wallet
from matching.core.engine import Engine
from matching.messages.codec import encode_command
from matching.messages.commands import Command
from matching.messages.streams import input_stream, output_stream, snapshots_key
from matching.messages.vocabulary import Side
from persistence.reconciliation import wallet_differences
from tests.admin.factories import make_user
from tests.matching.actors import Exchange as Actors
from tests.matching.actors import opens
from tests.matching.perps_driver import Undecodable
from tests.matching.perps_driver import World as RandomWorld
from tests.matching.perps_traders import next_command, pass_time
from tests.proofs import share
from tests.recovery.exchange import MARK_TICKS, MARKET, Exchange, exchange

__all__ = ["exchange"]
ClientOf = Callable[[str], Client]
URL = "/admin/hindsight/"


# --- by hand --------------------------------------------------------------------------------------


class Recorder(Actors):
    """Actors whose commands are stored as they come."""

    def __init__(self, **rules: Any) -> None:
        self.stored: list[tuple[str, bytes]] = []
        super().__init__(**rules)

    def send(self, command: Command) -> Any:
        events = super().send(command)
        self.stored.append((f"{self.engine.state.clock_ms}-0", encode_command(command)))
        return events


def pair_of(stored: list[tuple[str, bytes]], changes: Changes, price_ticks: int) -> "Compared":
    pair = Pair(World("M", Engine().state), World("M", Engine().state), changes)
    only_did, only_should = 0, 0
    for input_id, data in stored:
        step = pair.step(input_id, data)
        only_did += len(step.only_did)
        only_should += len(step.only_should)
    traders = traders_of(pair, {}, price_ticks)
    house = house_units(pair)
    check_zero_sum(traders, house)
    return Compared(pair, {row.account_id: row for row in traders}, house, only_did, only_should)


class Compared:
    def __init__(
        self,
        pair: Pair,
        traders: dict[int, TraderOutcome],
        house: dict[str, int],
        only_did: int,
        only_should: int,
    ) -> None:
        self.pair = pair
        self.traders = traders
        self.house = house
        self.only = (only_did, only_should)


def test_a_venue_that_printed_nonsense() -> None:
    """Alice is long 10 lots from 1,000 with a margin of 500,000. An index of 940 that lasts one
    command closes her: four into Carol's bid of 945, where the fund pays its last 20,000, and six
    against Bob at 950. Without it all of them are where they were."""
    exchange = Recorder(insurance=20_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.buys(4, at=945)
    carol.buys(6, at=930)
    exchange.mark(940)
    nonsense = exchange.engine.seq
    exchange.mark(1_000)
    changes = Changes(prices=(OtherPrice(Range(nonsense, nonsense), 1_000),))
    found = pair_of(exchange.stored, changes, 1_000)
    assert (found.pair.replaced, found.pair.left_out, found.only) == (1, 0, (2, 0))
    # She lost her whole margin; in the other world ten lots at 1,000 are worth their cost.
    assert found.traders[1].difference_units == 500_000
    assert (found.traders[1].did_lots, found.traders[1].should_lots) == (0, 10)
    assert (found.traders[1].did_liquidations, found.traders[1].should_liquidations) == (1, 0)
    # Bob was bought out of 6 lots at 950: 300,000 that he wouldn't have had.
    assert found.traders[2].difference_units == -300_000
    # Carol bought 4 at 945, worth 1,000: 220,000, less the fee of a maker (200 ppm of 3,780,000).
    assert found.traders[3].difference_units == -220_000 + 756
    assert found.house == {"fees": -756, "insurance": 20_000, "deposits": 0}


def test_a_command_left_out_takes_all_that_came_of_it() -> None:
    exchange = Recorder()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(5, at=1_001)
    ask = exchange.engine.seq
    alice.buys(5, at=1_001)
    exchange.mark(1_010)
    found = pair_of(exchange.stored, Changes(left_out=(Range(ask, ask),)), 1_010)
    assert (found.pair.left_out, found.only) == (1, (1, 0))
    assert (found.traders[1].did_lots, found.traders[1].should_lots) == (5, 0)
    assert found.traders[1].difference_units == -45_000 + 2_503  # 5 × 9 × 1,000, and a taker's fee
    assert found.traders[2].difference_units == 45_000 + 1_001


# --- at random ------------------------------------------------------------------------------------


class Recording(RandomWorld):
    def __init__(self) -> None:
        self.stored: list[tuple[str, bytes]] = []
        super().__init__()

    def apply(self, command: Any) -> Any:
        is_rubbish = isinstance(command, Undecodable)
        data = b"\xffnonsense" if is_rubbish else encode_command(command)
        self.stored.append((f"{self.now_ms}-0", data))
        return super().apply(command)


def random_history(seed: int, steps: int) -> list[tuple[str, bytes]]:
    rng = random.Random(seed)
    world = Recording()
    world.open(rng)
    for _ in range(steps):
        pass_time(world, rng)
        world.apply(next_command(world, rng))
    return world.stored


def random_changes(rng: random.Random, count: int) -> Changes:
    left_out = sorted(rng.sample(range(1, count + 1), min(count, rng.randint(0, 8))))
    prices = () if rng.random() < 0.3 else (OtherPrice(Range(1, count), rng.randint(1, 3_000)),)
    return Changes(tuple(Range(seq, seq) for seq in left_out), prices)


@settings(max_examples=share(40), deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 250))
def test_differences_of_any_history_add_up_to_zero(seed: int, steps: int) -> None:
    stored = random_history(seed, steps)
    changes = random_changes(random.Random(seed), len(stored))
    pair_of(stored, changes, random.Random(seed).randint(1, 2_000))


@settings(max_examples=share(10), deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 150))
def test_without_a_change_nothing_differs(seed: int, steps: int) -> None:
    found = pair_of(random_history(seed, steps), Changes(), 1_000)
    assert (found.traders, found.only, set(found.house.values())) == ({}, (0, 0), {0})


# --- as a job -------------------------------------------------------------------------------------


class Incident:
    """Alice is short 5 lots, ten times over; a venue prints 20 % more for a moment."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.engine = exchange.start(snapshot_every=5)
        exchange.place(exchange.alice, Side.SHORT, 400)
        exchange.place(exchange.bob, Side.LONG, 400)
        exchange.place(exchange.bob, Side.SHORT, 1_000, MARK_TICKS + 20_000)
        exchange.settle()
        self.before = exchange.published_seq()
        exchange.move_index(MARK_TICKS + MARK_TICKS // 8)
        exchange.settle()
        self.wrong = self.before + 1
        exchange.move_index(MARK_TICKS)
        exchange.settle()
        self.last = exchange.published_seq()
        self.engine.stop()

    @property
    def asked(self) -> dict[str, str]:
        return {
            "market": MARKET,
            "from_seq": str(self.wrong),
            "to_seq": str(self.last),
            "prices": f"{self.wrong} = 25000",
            "reason": "a venue printed 28,125",
        }


@pytest.fixture
def incident(exchange: Exchange) -> Incident:
    return Incident(exchange)


def reckoned(run: HindsightRun) -> HindsightRun:
    assert lives.claim(HindsightRun, run.pk)
    reckoning.carry_out(run.pk)
    run.refresh_from_db()
    return run


def traces(exchange: Exchange) -> list[Any]:
    streams: Any = [exchange.client.xlen(name(MARKET)) for name in (input_stream, output_stream)]
    return [streams, exchange.snapshots(), list(Wallet.objects.order_by("pk").values())]


def test_from_the_page_to_the_wallet(incident: Incident, client_of: ClientOf, alone: None) -> None:
    exchange, client = incident.exchange, client_of("risk")
    before = traces(exchange)
    response = client.post(URL, incident.asked)
    run = HindsightRun.objects.get()
    assert response["Location"] == f"{URL}{run.pk}/"
    assert reckoned(run).why == ""
    assert traces(exchange) == before
    outcome = services.outcome_of(run)
    assert isinstance(outcome, HindsightOutcome)
    rows = {row.account_id: row for row in outcome.traders}
    alice = rows[exchange.alice.pk]
    assert (alice.did_lots, alice.should_lots) == (0, -400)
    assert alice.difference_units > 0
    page = client.get(f"{URL}{run.pk}/").content.decode()
    assert "alice" in page
    assert "Propose adjustments" not in page  # risk doesn't
    treasury = client_of("treasury")
    said = {"propose": "yes", "reason": "the venue's fault"}
    page = treasury.post(f"{URL}{run.pk}/", said, follow=True).content.decode()
    proposal = Proposal.objects.get()
    assert "waits for another operator" in page
    assert proposal.beneficiary_ids == [exchange.alice.pk]
    available = Wallet.objects.get(user=exchange.alice).available_units
    approvals.approve(proposal.pk, make_user("second", is_staff=True, is_superuser=True))
    given = Wallet.objects.get(user=exchange.alice).available_units - available
    assert given == alice.difference_units
    assert wallet_differences() == []
    # Nobody is paid twice for one run.
    page = treasury.post(f"{URL}{run.pk}/", said, follow=True).content.decode()
    assert "Nothing is left to adjust" in page
    assert Adjustment.objects.count() == 1
    assert AuditRow.objects.filter(verb="reckoned").count() == 1


def test_many_wallets_are_set_right_together_or_not_at_all(
    incident: Incident, client_of: ClientOf
) -> None:
    client = client_of("superuser")
    client.post(URL, incident.asked)
    run = reckoned(HindsightRun.objects.get())
    said = {"propose": "yes", "reason": "both ways", "also_taken": "on"}
    client.post(f"{URL}{run.pk}/", said)
    proposal = Proposal.objects.get()
    assert sorted(proposal.beneficiary_ids) == sorted(
        [incident.exchange.alice.pk, incident.exchange.bob.pk]
    )
    Wallet.objects.filter(user=incident.exchange.bob).update(available_units=0)
    second = make_user("second", is_staff=True, is_superuser=True)
    with pytest.raises(DomainError, match="available to bob"):
        approvals.approve(proposal.pk, second)
    assert not Adjustment.objects.exists()
    for who in (incident.exchange.alice, incident.exchange.bob):
        User.objects.filter(pk=who.pk).update(is_staff=True, is_superuser=True)
        with pytest.raises(DomainError, match="for yourself"):
            approvals.approve(proposal.pk, User.objects.get(pk=who.pk))


def test_what_can_t_be_reckoned_fails_with_words(incident: Incident, client_of: ClientOf) -> None:
    client = client_of("risk")
    client.post(URL, incident.asked | {"prices": f"{incident.wrong + 1}-{incident.wrong + 1} = 1"})
    first = reckoned(HindsightRun.objects.get())
    assert first.state in (JobState.DONE, JobState.FAILED)
    ahead = str(incident.last + 50)
    client.post(URL, incident.asked | {"to_seq": ahead})
    second = reckoned(HindsightRun.objects.latest("pk"))
    assert second.state == JobState.FAILED
    assert "the input stream ends before" in second.why
    incident.exchange.client.delete(snapshots_key(MARKET))
    client.post(URL, incident.asked)
    third = reckoned(HindsightRun.objects.latest("pk"))
    assert "there is no snapshot" in third.why
    assert third.why in client.get(f"{URL}{third.pk}/").content.decode()


# --- the page -------------------------------------------------------------------------------------


ASKED = {
    "market": "BTC-PERP",
    "from_seq": "10",
    "to_seq": "20",
    "left_out": "12\n14-16",
    "prices": "18 = 25000",
    "reason": "a look",
}


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury", "superuser"])
@pytest.mark.django_db
def test_who_may(client_of: ClientOf, market: object, group: str, redis_db: object) -> None:
    client, may = client_of(group), group in ("risk", "superuser")
    page = client.get(URL)
    assert (page.status_code, "Reckon it" in page.content.decode()) == (200, may)
    assert client.put(URL).status_code == 405
    assert client.post(URL, ASKED).status_code == (302 if may else 403)
    assert HindsightRun.objects.count() == int(may)
    if not may:
        client_of("superuser").post(URL, ASKED)
    run = HindsightRun.objects.get()
    assert client.get(f"{URL}{run.pk}/").status_code == 200
    assert client.post(f"{URL}{run.pk}/", {"propose": "y"}).status_code == (
        403 if group in ("viewer", "support", "risk") else 200
    )
    assert client.post(f"{URL}{run.pk}/", {"cancel": "y"}).status_code == (302 if may else 403)
    assert client.get(f"{URL}999/").status_code == 404
    assert Client().get(URL).status_code == 302


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"market": "DOGE-PERP"}, "Select a valid choice"),
        ({"from_seq": "0"}, "greater than or equal to 1"),
        ({"from_seq": "x"}, "Enter a whole number"),
        ({"from_seq": "21"}, "not below the first"),
        ({"to_seq": "99999999999999999999"}, "less than or equal to"),
        ({"to_seq": "2000000"}, "At most 1,000,000 sequences"),
        ({"left_out": "", "prices": ""}, "Say what to leave out"),
        ({"left_out": "x"}, "is no range"),
        ({"left_out": "1-2-3"}, "is no range"),
        ({"left_out": "9"}, "not within the sequences"),
        ({"left_out": "15-12"}, "ends before it begins"),
        ({"left_out": "12-14, 14"}, "overlaps"),
        ({"prices": "12"}, "has no price"),
        ({"prices": "12 = x"}, "price"),
        ({"prices": "12 = 0"}, "price"),
        ({"prices": "12 = 25000.05"}, "tick"),
        ({"prices": "12 = 1e400"}, "price"),
        ({"prices": "12-13 = 1, 13 = 2"}, "overlaps"),
        ({"reason": " "}, "required"),
    ],
)
@pytest.mark.django_db
def test_rubbish_is_said_in_the_form(
    client_of: ClientOf, market: object, redis_db: object, said: dict[str, str], answer: str
) -> None:
    response = client_of("risk").post(URL, ASKED | said)
    assert response.status_code == 200
    assert answer in response.content.decode()
    assert not HindsightRun.objects.exists()


@pytest.mark.django_db
def test_the_same_again(client_of: ClientOf, market: object, redis_db: object) -> None:
    client = client_of("risk")
    client.post(URL, ASKED)
    run = HindsightRun.objects.get()
    page = client.get(f"{URL}?like={run.pk}").content.decode()
    assert "12-12\n14-16" in page
    assert "18-18 = 25000" in page
    assert "without 12, 14–16; index 25,000.00 USD in 18" in page
    for like in ("x", "", "9" * 30, "-1"):
        assert client.get(URL, {"like": like}).status_code == 200
    assert "Another run is under way" in client.post(URL, ASKED).content.decode()
    page = client.get(f"{URL}?market=BTC-PERP&from_seq=7&to_seq=9").content.decode()
    assert 'value="7"' in page


def test_a_range_is_found_at_its_edges() -> None:
    ranges = Ranges([Range(10, 12), Range(3, 3), Range(13, 20)])
    for seq in range(1, 22):
        found = ranges.holding(seq)
        assert (found is not None) == (seq == 3 or 10 <= seq <= 20)
        assert found is None or found.from_seq <= seq <= found.to_seq
    assert Ranges([]).holding(1) is None
