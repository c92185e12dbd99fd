"""A family on one page, its statements as files, and what operators decide about it."""

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from console.audit.models import AuditRow
from ledger.transfers.services import may_send_to_others
from tests.admin.conftest import _redis, client_of, operator
from tests.families.family import open_account, send
from tests.families.test_fees import NOON, trade
from tests.trading.client import Trader, forget_caches, make_market, make_trader
from trading.fees.paying import share_ppm
from trading.models import FeeTier, UserFeeTier

__all__ = ["_redis", "client_of", "operator"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def anna(redis_db: object) -> Trader:
    forget_caches()
    make_market()
    return make_trader()


@pytest.fixture
def hedge(anna: Trader) -> User:
    account = open_account(anna, "hedge")
    assert send(anna, toAccount="hedge").status == 200
    return account


def page_of(client: Client, user: User) -> str:
    answer = client.get(reverse("admin:family", args=[user.pk]))
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.time_machine(NOON)  # of the day that trades are counted from
def test_the_family_is_one_from_any_of_its_accounts(
    anna: Trader, hedge: User, client_of: Any
) -> None:
    client = client_of("viewer")
    trade(hedge, 1_234)
    pages = [page_of(client, user) for user in (anna.user, hedge)]
    for text in pages:
        for said in ("hedge", "9,900.00 USD", "100.00 USD", "10,000.00 USD", "1,234.00 USD"):
            assert said in text, said
    record = client.get(reverse("admin:accounts_user_change", args=[hedge.pk])).content.decode()
    assert reverse("admin:family", args=[hedge.pk]) in record
    assert 'name="password"' not in record


@pytest.mark.parametrize("key", [0, 2**62, 2**63, 2**80])
def test_nobody_of_this_id(anna: Trader, client_of: Any, key: int) -> None:
    client = client_of("superuser")
    assert client.get(reverse("admin:family", args=[key])).status_code == 404
    url = reverse("admin:family-statement", args=[key])
    assert client.post(url, {"reason": "x"}).status_code == 404


def test_a_statement_is_taken_with_a_reason_that_is_kept(
    anna: Trader, hedge: User, client_of: Any
) -> None:
    client = client_of("support")
    url = reverse("admin:family-statement", args=[anna.user.pk])
    said = {"account": str(hedge.pk), "first_day": "", "last_day": "", "reason": "asked for"}
    answer = client.post(url, said)
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [row["record"] for row in rows].count("movement") == 1
    assert rows[-1]["record"] == "complete"
    kept = AuditRow.objects.latest("pk")
    assert (kept.verb, kept.reason) == ("exported", "asked for")
    assert "from the beginning to now" in kept.words
    assert kept.object_key == str(hedge.pk)


@pytest.mark.parametrize(
    "said",
    [
        {"reason": ""},
        {"reason": "x" * 501},
        {"account": "0"},
        {"account": "x"},
        {"first_day": "yesterday"},
        {"first_day": "2026-01-02", "last_day": "2026-01-01"},
        {"last_day": "99999-01-01"},
    ],
)
def test_what_makes_no_statement_keeps_nothing(
    anna: Trader, hedge: User, client_of: Any, said: dict[str, str]
) -> None:
    client = client_of("support")
    before = AuditRow.objects.filter(verb="exported").count()
    url = reverse("admin:family-statement", args=[anna.user.pk])
    answer = client.post(url, {"account": str(hedge.pk), "reason": "x"} | said)
    assert answer.status_code == 302
    assert AuditRow.objects.filter(verb="exported").count() == before


def test_only_accounts_of_the_family_are_taken(anna: Trader, hedge: User, client_of: Any) -> None:
    stranger = make_trader()
    url = reverse("admin:family-statement", args=[stranger.user.pk])
    answer = client_of("support").post(url, {"account": str(hedge.pk), "reason": "x"})
    assert answer.status_code == 302


def test_transfers_to_others_are_allowed_and_forbidden(anna: Trader, client_of: Any) -> None:
    client = client_of("treasury")
    url = reverse("admin:transfer-rule")
    assert "forbidden" in client.get(url).content.decode()
    assert client.post(url, {"value": "no", "reason": "x"}).status_code == 200  # as it is
    assert client.post(url, {"value": "maybe", "reason": "x"}).status_code == 200
    assert client.post(url, {"value": "yes", "reason": " "}).status_code == 200
    assert not may_send_to_others()
    assert client.post(url, {"value": "yes", "reason": "asked for"}).status_code == 302
    assert may_send_to_others()
    kept = AuditRow.objects.latest("pk")
    assert kept.words == "Transfers to others: forbidden → allowed"
    assert kept.reason == "asked for"
    assert client_of("support").post(url, {"value": "no", "reason": "x"}).status_code == 403


def test_the_share_of_referrals_is_set(anna: Trader, client_of: Any) -> None:
    client = client_of("risk")
    url = reverse("admin:referral-rule")
    for value in ("101", "-1", "x", "", "NaN", "1e9"):
        assert client.post(url, {"value": value, "reason": "x"}).status_code == 200
    assert share_ppm() == 0
    assert client.post(url, {"value": "12.5", "reason": "as agreed"}).status_code == 302
    assert share_ppm() == 125_000
    assert AuditRow.objects.latest("pk").words == "Share of referrals: 0 % → 12.5 %"
    assert "as agreed" in client.get(url).content.decode()


def test_a_tier_begins_at_a_volume(anna: Trader, client_of: Any) -> None:
    client = client_of("risk")
    url = reverse("admin:trading_feetier_add")
    said = {"name": "Gold", "maker_fee_percent": "0.01", "taker_fee_percent": "0.03"}
    answer = client.post(url, said | {"from_volume": "5000000"})
    assert answer.status_code == 302
    tier = FeeTier.objects.get()
    assert tier.from_volume_units == 5_000_000_000_000
    for volume in ("5000000", "0", "-1", "x", "1e30"):
        answer = client.post(url, said | {"name": "Other", "from_volume": volume})
        assert answer.status_code == 200, volume
    page = client.get(reverse("admin:trading_feetier_change", args=[tier.pk])).content.decode()
    assert 'value="5000000"' in page
    change = reverse("admin:trading_feetier_change", args=[tier.pk])
    assert client.post(change, said | {"from_volume": ""}).status_code == 302
    tier.refresh_from_db()
    assert tier.from_volume_units is None


def test_by_hand_is_for_the_family_and_is_taken_back(
    anna: Trader, hedge: User, client_of: Any
) -> None:
    tier = FeeTier.objects.create(name="VIP", maker_fee_ppm=0, taker_fee_ppm=0)
    client = client_of("risk")
    url = reverse("admin:trading_userfeetier_add")
    assert client.post(url, {"user": hedge.pk, "tier": tier.pk}).status_code == 302
    rows = UserFeeTier.objects.all()
    assert {row.user_id for row in rows} == {anna.user.pk, hedge.pk}
    assert {row.assigned_by.get_username() for row in rows if row.assigned_by} == {"risk-op"}
    url = reverse("admin:trading_userfeetier_delete", args=[hedge.pk])
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert UserFeeTier.objects.count() == 0


def test_an_operators_own_account_is_not_theirs_to_set(anna: Trader, client_of: Any) -> None:
    tier = FeeTier.objects.create(name="VIP", maker_fee_ppm=0, taker_fee_ppm=0)
    client = client_of("risk")
    boss = User.objects.get(username="risk-op")
    own = User.objects.create(username=f"{boss.pk}/own", parent=boss, password="!")
    url = reverse("admin:trading_userfeetier_add")
    answer = client.post(url, {"user": own.pk, "tier": tier.pk})
    assert answer.status_code == 200
    assert UserFeeTier.objects.count() == 0
