"""What is kept of somebody is found by itself, told to them, and to nobody else."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db.models import ForeignKey, Model
from django.test import Client
from django.urls import reverse

from accounts.checks import keys_to_users_say_whose
from accounts.models import Person, Session, SignInFailure, User
from accounts.people import kept
from accounts.people.export import PersonPart, export_part
from console.audit.models import AuditRow
from ledger.models import Posting
from ledger.transfers.models import Transfer
from mails.models import Mail
from tests.admin.factories import make_world
from tests.people.mailbox import Mailbox
from tests.trading.client import Trader, make_trader
from trading.models import Fill, Order, TraderDay

pytestmark = pytest.mark.django_db

# Keys to users, as (model, field): whose a row is, or who did something. One that is missing here
# is new: is it told to its user, and what becomes of it when the person is erased?
WHOSE = """
accounts.ApiKey.user accounts.Closure.user accounts.Departure.user accounts.Factor.user
accounts.FactorReset.user accounts.Freeze.user accounts.PasskeyChallenge.user
accounts.RecoveryCode.user
accounts.IdentityEvent.user accounts.Invitation.user accounts.PasswordReset.user
accounts.Person.user accounts.Session.user accounts.StaffSession.user
accounts.TermsAcceptance.user gateway.StopAsOrder.user ledger.Account.user ledger.Adjustment.user
ledger.Deposit.user ledger.Wallet.user trading.Countdown.user trading.Fill.user
trading.Algo.user
trading.FundingPayment.user trading.Liquidation.user trading.MarginCall.user trading.Order.user
trading.OutboxCommand.created_by trading.Position.user trading.PositionLife.user
trading.Settlement.user trading.TraderDay.user trading.TraderLeverage.user
trading.UserFeeTier.user
accounts.Referral.user accounts.ReferralCode.user accounts.Verification.user
custody.ChainDeposit.user custody.DepositAddress.user ledger.Transfer.sender
ledger.Withdrawal.user ledger.WithdrawalAddress.user trading.FaultyStatement.user
trading.ReferralPayment.referrer trading.TierMove.user
"""


def test_every_key_to_a_user_says_what_it_is() -> None:
    whose = {f"{m._meta.label}.{f.name}" for m, f in kept.user_keys() if kept.is_owner(m, f)}
    assert whose == set(WHOSE.split())
    assert keys_to_users_say_whose() == []


def test_a_key_that_nobody_classified_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    field = Order._meta.get_field("user")
    monkeypatch.setattr(field, "name", "holder")
    (error,) = keys_to_users_say_whose()
    assert (error.id, "trading.Order.holder" in error.msg) == ("accounts.E003", True)


def test_no_secret_has_a_column_that_is_told() -> None:
    """By what they are called: a new one that looks like one is looked at by somebody."""
    suspects = ("hash", "secret", "token", "password", "digest", "sealed", "session_")
    told: list[type[Model]] = [m for m, field in kept.user_keys() if kept.is_owner(m, field)]
    told += [User, Mail, SignInFailure]
    for model in told:
        for name in kept.columns_of(model):
            assert not any(suspect in name for suspect in suspects), (model, name)


@pytest.fixture
def whale() -> User:
    """Somebody with rows of every kind; of days, whose keys are no numbers, with some."""
    make_world()
    first = Order.objects.earliest("pk")
    sums = {"volume_units": 1, "fee_units": 1, "realized_pnl_units": 1}
    for day in range(1, 6):
        at = date(2026, 1, day)
        TraderDay.objects.create(market_id=first.market_id, day=at, user_id=first.user_id, **sums)
    return User.objects.get(pk=first.user_id)


def parts_of(user_id: int, rows_max: int) -> list[PersonPart]:
    parts = [export_part(user_id, None, rows_max)]
    while (cursor := parts[-1].next_cursor) is not None:
        parts.append(export_part(user_id, cursor, rows_max))
        assert len(parts) < 10_000
    return parts


def tables_of(parts: list[PersonPart]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        for stretch in part.stretches:
            found.setdefault(stretch.table, []).extend(stretch.rows)
    return found


def test_all_rows_are_there_whatever_the_size_of_a_part(whale: User) -> None:
    whole = tables_of(parts_of(whale.pk, 100_000))
    for rows_max in (1, 2, 3, 7):
        parts = parts_of(whale.pk, rows_max)
        assert tables_of(parts) == whole
        assert all(sum(len(s.rows) for s in p.stretches) <= rows_max for p in parts)
    for model, field in kept.user_keys():
        if kept.is_owner(model, field):
            count = model._base_manager.filter(**{field.name: whale.pk}).count()
            if model is Transfer:  # those that came in are theirs, too
                count += Transfer.objects.filter(receiver=whale).exclude(sender=whale).count()
            assert len(whole.get(model._meta.label, [])) == count, model
    postings = Posting.objects.filter(account__user=whale)
    told = {row["id"] for row in whole["ledger.Posting"]}
    assert told == set(postings.values_list("pk", flat=True))
    assert whole["trading.Fill"]
    assert len(whole["trading.Fill"]) == Fill.objects.filter(user=whale).count()


def _received(table: str, row: dict[str, Any]) -> set[int]:
    """Whoever sent them money is known to them."""
    return {row["sender_id"]} if table == "ledger.Transfer" else set()


def test_nobody_elses_number_is_there(whale: User) -> None:
    for table, rows in tables_of(parts_of(whale.pk, 100_000)).items():
        others = {
            field.attname
            for field in apps.get_model(table)._meta.concrete_fields
            if isinstance(field, ForeignKey) and field.related_model is User
        }
        for row in rows:
            assert {row[name] for name in others & set(row)} <= {whale.pk, *_received(table, row)}


def test_two_with_one_mail_see_their_own(trader: Trader, mailbox: Mailbox) -> None:
    other = make_trader(0)
    mailbox.verify(other, f"{trader.user.username}@example.com")
    mails = tables_of(parts_of(trader.user.pk, 100))["mails.Mail"]
    assert mails
    assert all(f"Account {trader.user.username}." in row["body"] for row in mails)


def test_it_is_had_by_whoever_just_signed_in(trader: Trader) -> None:
    answer = trader.api.get("/user/data")
    assert answer.status == 200
    assert answer.body["nextCursor"] is None
    tables = {one["table"]: one["rows"] for one in answer.body["tables"]}
    assert tables["accounts.User"][0]["username"] == trader.user.username
    assert tables["accounts.Person"][0]["mail"] == f"{trader.user.username}@example.com"
    assert "password" not in tables["accounts.User"][0]
    assert trader.refresh not in json.dumps(answer.body)
    Session.objects.update(opened_at=datetime.now(UTC) - timedelta(minutes=11))
    refused = trader.api.get("/user/data")
    assert (refused.status, refused.code) == (403, "SIGN_IN_AGAIN")


@pytest.mark.parametrize(
    "cursor", ["", "x", "1", "9999-1", "0-9223372036854775808", "-1-1", "1-1-1", "٣-١", "1" * 41]
)
def test_a_cursor_that_is_none(cursor: str, trader: Trader) -> None:
    answer = trader.api.get(f"/user/data?cursor={cursor}")
    assert (answer.status, answer.body["field"]) == (400, "cursor")


def test_it_is_not_had_without_end(trader: Trader) -> None:
    statuses = [trader.api.get("/user/data").status for _ in range(31)]
    assert statuses == [200] * 30 + [429]


def test_an_operator_takes_it_with_a_reason(
    trader: Trader, client_of: Callable[[str], Client]
) -> None:
    url = reverse("admin:person-export", args=[trader.user.pk])
    client = client_of("support")
    assert client.get(url).status_code == 200
    assert "text/html" in client.post(url, {"reason": " "})["Content-Type"]
    response = client.post(url, {"reason": "she asked by letter"})
    assert response["Content-Disposition"].endswith('.json"')
    tables = {one["table"] for one in json.loads(response.content)["tables"]}
    assert {"accounts.User", "accounts.Person", "accounts.Session"} <= tables
    row = AuditRow.objects.latest("pk")
    assert (row.verb, row.reason) == ("export_person", "she asked by letter")
    bad = client.post(url, {"reason": "x", "cursor": "<b>"})
    assert "nextCursor of the part before" in bad.content.decode()
    assert client.get(reverse("admin:person-export", args=[2**62])).status_code == 404
    assert client_of("risk").post(url, {"reason": "x"}).status_code == 403


def test_what_a_person_is_takes_a_permission_and_is_logged(
    trader: Trader, client_of: Callable[[str], Client]
) -> None:
    url = reverse("admin:accounts_person_change", args=[trader.user.pk])
    listed = reverse("admin:accounts_person_changelist")
    for group in ("viewer", "risk", "treasury"):
        client = client_of(group)
        assert client.get(url).status_code == 403
        assert client.get(listed).status_code == 403
    Person.objects.update(name="<script>alert(1)</script>")
    client = client_of("support")
    for page in (url, listed, f"{listed}?q={trader.user.username}%40example.com"):
        text = client.get(page).content.decode()
        assert f"{trader.user.username}@example.com" in text
        assert "<script>alert" not in text
        assert AuditRow.objects.latest("pk").verb in ("viewed", "listed")
