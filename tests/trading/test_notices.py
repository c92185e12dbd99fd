"""Liquidations and margin calls are told by mail, each once."""

from typing import Any

import pytest

from accounts.models import Person, User
from markets.models import Market, MarketStatus
from markets.rules import forget_markets
from tests.admin.factories import make_liquidation, make_market, make_user
from tests.admin.money_rows import NOW
from tests.builders.people import give_mail
from tests.people.mailbox import Letter, Mailbox
from trading.models import LiquidationsTold, MarginCall, Position
from trading.notices.liquidations import tell_of_liquidations
from trading.notices.margin_calls import make_margin_calls

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_db")]


@pytest.fixture
def market() -> Market:
    forget_markets()
    return make_market()


def listener(name: str, **fields: Any) -> User:
    user = make_user(name)
    give_mail(user, f"{name}@example.com")
    if fields:
        Person.objects.filter(pk=user.pk).update(**fields)
    return user


def letters() -> list[Letter]:
    return Mailbox().letters()


# --- liquidations ---------------------------------------------------------------------------------


def test_a_liquidation_is_told_once(market: Market) -> None:
    alice, other = listener("alice"), make_user()
    tell_of_liquidations()  # from here on
    make_liquidation(market, alice, other)
    for _ in range(3):
        tell_of_liquidations()
    (letter,) = letters()
    assert (letter.to, letter.subject) == ("alice@example.com", "A position was liquidated")
    assert "0.3 BTC of your long were closed at a mark price of 2,250.00 USD" in letter.text


def test_what_was_before_is_nobodys_news(market: Market) -> None:
    make_liquidation(market, listener("alice"), make_user())
    tell_of_liquidations()
    tell_of_liquidations()
    assert letters() == []
    assert LiquidationsTold.objects.get(pk=market.pk).seq


def test_attempts_that_follow_each_other_are_one_mail(market: Market) -> None:
    alice, other = listener("alice"), make_user()
    tell_of_liquidations()
    for ordinal in range(2):
        make_liquidation(market, alice, other, seq=70, ordinal=ordinal)
    make_liquidation(market, alice, other, seq=71)
    tell_of_liquidations()
    (letter,) = letters()
    assert "0.9 BTC" in letter.text


def test_a_large_entry_is_told_in_parts(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.notices.liquidations.AT_ONCE_MAX", 2)
    users = [listener(f"trader-{number}") for number in range(5)]
    tell_of_liquidations()
    for ordinal, user in enumerate(users):
        make_liquidation(market, user, make_user(), seq=70, ordinal=ordinal)
    for _ in range(4):
        tell_of_liquidations()
    assert sorted(one.to for one in letters()) == [f"{user.username}@example.com" for user in users]


def test_who_does_not_want_to_know_is_not_told(market: Market) -> None:
    muted = listener("alice", muted=["liquidation"])
    unverified = make_user("bob")
    Person.objects.create(user=unverified, mail="bob@example.com")
    tell_of_liquidations()
    for user in (muted, unverified, make_user()):
        make_liquidation(market, user, make_user())
    tell_of_liquidations()
    assert letters() == []


# --- margin calls ---------------------------------------------------------------------------------


def hold(user: User, market: Market, margin_units: int, lots: int = 300) -> Position:
    """0.3 BTC from 2,500.00."""
    return Position.objects.create(
        user=user,
        market=market,
        position_lots=lots,
        entry_cost_units=100 * 25_000 * lots,
        margin_units=margin_units,
        leverage=10,
        seq=7,
        updated_at=NOW,
    )


def mark(market: Market, mark_ticks: int) -> None:
    MarketStatus.objects.filter(pk=market.pk).update(mark_price_ticks=mark_ticks)
    forget_markets()
    make_margin_calls()


def test_a_margin_call_is_made_once_a_crossing(market: Market) -> None:
    alice = listener("alice")
    hold(alice, market, 75_000_000)
    mark(market, 25_000)
    assert letters() == []
    for mark_ticks in (22_650, 22_640, 22_650):  # equity 4.5 of 7.5 needed, and around
        mark(market, mark_ticks)
    (letter,) = letters()
    assert letter.subject == "A position is close to liquidation"
    assert "long of 0.3 BTC in BTC-PERP" in letter.text
    assert "at 80 %" in letter.text
    call = MarginCall.objects.get()
    assert call.ratio_ppm is not None
    assert call.ratio_ppm >= 800_000
    mark(market, 25_000)
    assert not MarginCall.objects.exists()
    mark(market, 22_650)
    assert len(letters()) == 2


def test_the_threshold_is_the_traders(market: Market) -> None:
    """At a mark of 2,500.00 the margin of 15 USD needs 7.5 USD: 50 %, and the fee."""
    for number, percent in enumerate((40, 95)):
        user = listener(f"trader{number}x", margin_call_percent=percent)
        hold(user, market, 15_000_000)
    mark(market, 25_000)
    assert [letter.to for letter in letters()] == ["trader0x@example.com"]


def test_a_mark_that_trembles_at_the_threshold_tells_once(market: Market) -> None:
    alice = listener("alice", margin_call_percent=50)
    position = hold(alice, market, 15_000_000)
    mark(market, 25_000)
    assert MarginCall.objects.count() == 1
    for margin_units in (15_400_000, 15_000_000, 15_400_000):  # a little below, and back
        Position.objects.filter(pk=position.pk).update(margin_units=margin_units)
        mark(market, 25_000)
    assert len(letters()) == 1


def test_shorts_and_what_has_nothing_left(market: Market) -> None:
    hold(listener("alice"), market, 75_000_000, lots=-300)
    hold(listener("bob"), market, 15_000_000)
    mark(market, 20_000)
    (letter,) = letters()
    assert letter.to == "bob@example.com"
    assert "uses all of its margin" in letter.text
    mark(market, 27_400)
    assert "your short" in " ".join(one.text.lower() for one in letters() if "alice" in one.to)


def test_a_closed_position_is_forgotten(market: Market) -> None:
    position = hold(listener("alice"), market, 15_000_000)
    mark(market, 23_000)
    assert MarginCall.objects.exists()
    position.delete()
    mark(market, 23_000)
    assert not MarginCall.objects.exists()


def test_nobody_is_called_without_wanting_it_or_without_a_mark(market: Market) -> None:
    hold(listener("alice", muted=["margin_call"]), market, 15_000_000)
    hold(make_user(), market, 15_000_000)
    mark(market, 20_000)
    hold(listener("bob"), market, 15_000_000)
    mark(market, 0)
    assert letters() == []
