"""The audit: what leaves a row and what doesn't, and that no row can be changed unseen."""

import hashlib
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from common.admin.acts import Act, tell
from common.admin.record_urls import list_url, url_of
from console.audit import chain
from console.audit.models import GENESIS, AuditHead, AuditRow
from markets.models import Market
from prices.models import PriceSource
from tests.admin.factories import make_order, make_user
from tests.admin.test_actions import act
from tests.architecture_rules import OURS, load
from tests.builders.factors import enter
from tests.security.test_admin_changes import save
from trading.models import FeeTier, OutboxCommand

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db


def newest() -> AuditRow:
    return AuditRow.objects.latest("pk")


def verified() -> str:
    out = StringIO()
    call_command("verifyaudit", stdout=out)
    return out.getvalue()


# ------------------------------------------------------------------------------- what leaves a row


def test_sign_in_password_and_sign_out(market: Market) -> None:
    user = make_user("boss", is_staff=True, is_superuser=True)
    user.set_password("correct horse battery")
    user.save()
    client = Client()
    door = reverse("admin:login")
    client.post(door, {"username": "boss", "password": "guess"})
    failed = newest()
    assert (failed.verb, failed.operator, failed.words) == ("sign_in_failed", None, "as boss")
    enter(client, user, "correct horse battery")
    key = client.session.session_key
    row = newest()
    assert (row.verb, row.operator_name, row.address) == ("signed_in", "boss", "127.0.0.1")
    assert str(key) not in json.dumps(list(AuditRow.objects.values()), default=str)
    assert row.session == hashlib.sha256(str(key).encode()).hexdigest()[:40]
    new = {"old_password": "correct horse battery", "new_password1": "staple horse battery"}
    new["new_password2"] = new["new_password1"]
    client.post(reverse("admin:password_change"), new)
    assert newest().verb == "password_changed"
    assert "horse" not in newest().words
    client.post(reverse("admin:logout"))
    assert (newest().verb, newest().operator_name) == ("signed_out", "boss")
    assert "rows in order" in verified()


def test_an_edit_says_from_what_to_what_and_names_its_command(
    client_of: ClientOf, market: Market
) -> None:
    save(client_of("risk"), url_of(Market, market.pk), taker_fee_percent="0.06")
    row = newest()
    assert (row.verb, row.words) == ("changed", "taker fee 0.05 % → 0.06 %")
    assert (row.object_kind, row.object_key, row.market) == ("markets.Market", market.pk, market.pk)
    assert row.operator_name == "risk-op"
    assert row.command_id == OutboxCommand.objects.get().pk


def test_two_fields_that_changed_are_two_lines(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    save(client, url_of(Market, market.pk), taker_fee_percent="0.06", maker_fee_percent="0.03")
    lines = ["maker fee 0.02 % → 0.03 %", "taker fee 0.05 % → 0.06 %"]
    assert newest().words.split("\n") == lines
    assert "<br>".join(lines) in client.get(url_of(AuditRow, newest().pk)).content.decode()
    assert "; ".join(lines) in client.get(list_url(AuditRow, "")).content.decode()


def test_a_save_that_changes_nothing_leaves_none(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    before = AuditRow.objects.count()
    save(client, url_of(Market, market.pk))
    assert AuditRow.objects.count() == before


def test_adding_and_deleting(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    tier = FeeTier.objects.create(name="Makers", maker_fee_ppm=0, taker_fee_ppm=300)
    client.post(reverse("admin:trading_feetier_delete", args=[tier.pk]), {"post": "yes"})
    assert not FeeTier.objects.exists()
    assert (newest().verb, newest().object_key) == ("deleted", str(tier.pk))
    assert "taker fee 0.03 %" in newest().words.split("\n")
    fields = {"name": "New", "maker_fee_percent": "0", "taker_fee_percent": "0.1"}
    client.post(reverse("admin:trading_feetier_add"), fields)
    assert (newest().verb, newest().object_words) == ("added", "New")
    assert newest().words.split("\n") == ["name New", "maker fee 0 %", "taker fee 0.1 %"]


def test_every_verb_can_be_filtered_by() -> None:
    """Acts that aren't actions of lists name a word of the closed list."""
    sources = [module for package in OURS for module in load(settings.BASE_DIR, package)]
    assert not [module.path for module in sources if re.search(r'verb=["\']', module.source)]


@pytest.mark.usefixtures("alone")
def test_actions_of_lists(client_of: ClientOf, market: Market) -> None:
    order = make_order(make_user(), market)
    act(client_of("support"), type(order), "cancel_selected", [order])
    row = newest()
    assert (row.verb, row.object_kind) == ("cancel_selected", "trading.Order")
    assert (row.market, row.command_id) == (market.pk, OutboxCommand.objects.get().pk)
    client = client_of("superuser")
    source = PriceSource.objects.get()
    act(client, PriceSource, "disable", [source])
    assert (newest().verb, newest().market) == ("disable", market.pk)
    asked = {"price": "2500", "confirmation": market.pk, "confirmed": "yes", "action": "settle"}
    asked["reason"] = "it ends"
    client.post(list_url(Market, ""), {**asked, "_selected_action": [market.pk]})
    assert (newest().verb, newest().words) == ("settle", "asked to settle at 2500")


def test_an_action_whose_row_cannot_be_written_does_nothing(
    client_of: ClientOf, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of("risk")

    def fail(*_: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(chain, "append", fail)
    with pytest.raises(DatabaseError):
        act(client, Market, "pause", [market])
    assert not OutboxCommand.objects.exists()


def test_looking_at_a_person_is_kept(client_of: ClientOf, market: Market) -> None:
    trader, client = make_user(), client_of("viewer")
    client.get(url_of(User, trader.pk))
    assert (newest().verb, newest().object_key) == ("viewed", str(trader.pk))
    client.get(reverse("admin:accounts_session_changelist") + f"?user__id__exact={trader.pk}")
    assert (newest().verb, newest().words) == (
        "listed",
        f"sessions user__id__exact={trader.pk}",
    )


# ------------------------------------------------------------------------------------- the pages


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury"])
def test_all_operators_read_it_and_nobody_writes(
    client_of: ClientOf, market: Market, group: str
) -> None:
    client = client_of(group)
    page = client.get(list_url(AuditRow, "")).content.decode()
    assert str(AuditHead.objects.get().hash) in page
    row = newest()
    url = url_of(AuditRow, row.pk)
    assert row.hash in client.get(url).content.decode()
    assert client.post(url, {}).status_code == 403
    for query in ("q=boss", "verb=signed_in", "object_kind=accounts.User", "operator=1", "p=zz"):
        assert client.get(list_url(AuditRow, query)).status_code in (200, 302), query
    rubbish = ("operator=x", "operator=9" + "9" * 30, "operator=" + "9" * 5_000)
    for query in (*rubbish, "verb=%00", "object_key=%27", "hash=0"):
        assert client.get(list_url(AuditRow, query)).status_code in (200, 302, 400), query


def test_staff_without_a_group_see_none(market: Market) -> None:
    client = Client()
    client.force_login(make_user("nobody", is_staff=True))
    assert client.get(list_url(AuditRow, "")).status_code in (302, 403)


def test_history_of_a_record_is_its_rows(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    save(client, url_of(Market, market.pk), taker_fee_percent="0.06")
    url = reverse("admin:markets_market_history", args=[market.pk])
    page = client.get(url, follow=True).content.decode()
    assert "taker fee 0.05 % → 0.06 %" in page
    assert "signed in" not in page.split("<tbody>")[1].split("</tbody>")[0]
    assert client.get("/admin/no/such/1/history/").status_code == 404
    assert client.get("/admin/markets/market/NO/history/").status_code in (302, 404)


# --------------------------------------------------------------------------------------- the chain


def write(count: int = 4) -> None:
    user = make_user()
    for number in range(count):
        tell(Act(verb="tried", operator=user, obj=user, words=f"{number} → ä", reason="to see"))


def as_superuser(statement: str, *parameters: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, parameters)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def broken() -> str:
    with pytest.raises(CommandError) as raised:
        verified()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_the_encoding_is_as_written_down() -> None:
    write(1)
    row = AuditRow.objects.get()
    micros = round(row.acted_at.timestamp() * 1_000_000)
    fields = ["audit-1", GENESIS, 1, micros, row.operator_id, row.operator_name, None, ""]
    fields += ["accounts.User", str(row.operator_id), row.operator_name, "tried", "0 → ä"]
    fields += ["to see", "", None, None]
    text = json.dumps(fields).replace(", ", ",").encode("ascii")
    assert row.hash == hashlib.sha256(text).hexdigest()


CHANGED = {
    "acted_at": "acted_at + interval '1 microsecond'",
    "operator_id": "operator_id + 1",
    "address": "'10.0.0.1'",
    "sequence": "1",
    "command_id": "1",
}
FIELDS = [field.column for field in AuditRow._meta.concrete_fields]


@pytest.mark.parametrize("column", [name for name in FIELDS if name != "id"])
def test_any_field_that_was_changed_is_found(column: str) -> None:
    write()
    value = CHANGED.get(column, f"left('x' || {column}, 40)")
    as_superuser(f"UPDATE console_auditrow SET {column} = {value} WHERE id = 2")
    assert broken().startswith("row 2:")


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "20000-01-01"])
def test_a_value_that_no_row_is_written_with_is_found(moment: str) -> None:
    write()
    as_superuser(f"UPDATE console_auditrow SET acted_at = '{moment}' WHERE id = 3")
    assert broken().startswith("row 3:")


@pytest.mark.parametrize("address", ["::1.2.3.4", "::ffff:1.2.3.4", "2001:0DB8::0001", "fe80::1%1"])
def test_an_address_is_hashed_however_postgres_writes_it(address: str) -> None:
    make_user("boss", is_staff=True, is_superuser=True)
    client = Client(REMOTE_ADDR=address)
    client.post(reverse("admin:login"), {"username": "boss", "password": "guess"})
    assert newest().address
    assert "1 rows in order" in verified()


def test_a_mask_on_an_address_is_found() -> None:
    write()
    as_superuser("UPDATE console_auditrow SET address = '10.0.0.1/8' WHERE id = 2")
    assert broken().startswith("row 2:")


def test_a_tail_that_was_cut_with_its_head_is_found_by_a_head_that_was_noted() -> None:
    write(4)
    noted = newest().hash
    as_superuser("DELETE FROM console_auditrow WHERE id = 4")
    as_superuser(
        "UPDATE console_audithead SET rows = 3, "
        "hash = (SELECT hash FROM console_auditrow WHERE id = 3)"
    )
    assert "3 rows in order" in verified()
    for head in (noted, f"4:{noted}"):
        with pytest.raises(CommandError, match="noted"):
            call_command("verifyaudit", head=head, stdout=StringIO())


@pytest.mark.parametrize("head", ["", ":", "1:", "1:ff", f":{GENESIS}", f"{'9' * 5_000}:{GENESIS}"])
def test_what_is_no_head_is_refused_in_words(head: str) -> None:
    with pytest.raises(CommandError, match="64 digits"):
        call_command("verifyaudit", head=head, stdout=StringIO())


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("DELETE FROM console_auditrow WHERE id = 1", 1),
        ("DELETE FROM console_auditrow WHERE id = 3", 3),
        ("DELETE FROM console_auditrow WHERE id = 4", 4),
        ("DELETE FROM console_auditrow", 1),
        ("TRUNCATE console_auditrow", 1),
        ("UPDATE console_auditrow SET id = 9 WHERE id = 2", 2),
        ("UPDATE console_audithead SET rows = 3", 3),
        ("DELETE FROM console_audithead", 0),
    ],
)
def test_rows_that_were_removed_are_found(statement: str, row: int) -> None:
    write()
    as_superuser(statement)
    assert broken().startswith(f"row {row}:")


def test_rows_that_were_swapped_or_inserted_are_found() -> None:
    write()
    as_superuser(
        "UPDATE console_auditrow SET id = CASE id WHEN 2 THEN -3 ELSE -2 END "
        "WHERE id IN (2, 3); UPDATE console_auditrow SET id = -id WHERE id < 0"
    )
    assert broken().startswith("row 2:")


def test_a_row_put_between_with_hashes_of_its_own_is_found() -> None:
    write()
    forged = newest()
    forged.pk, forged.previous_hash = 5, forged.hash
    forged.hash = chain.hash_of(forged)
    forged.save(force_insert=True)
    assert broken().startswith("row 4:")


def test_a_chain_rewritten_to_its_end_is_found_by_a_head_that_was_noted() -> None:
    write(2)
    noted = f"2:{newest().hash}"
    for head in (noted, newest().hash, f"0:{GENESIS}"):
        call_command("verifyaudit", head=head, stdout=StringIO())
    as_superuser("DELETE FROM console_auditrow")
    as_superuser("DELETE FROM console_audithead")
    write(3)
    assert "3 rows in order" in verified()
    for head in (noted, f"9:{GENESIS}", f"0:{noted[2:]}", "nonsense"):
        with pytest.raises(CommandError):
            call_command("verifyaudit", head=head, stdout=StringIO())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE console_auditrow SET words = 'x'",
        "UPDATE console_auditrow SET words = 'x' WHERE id = 0",
        "DELETE FROM console_auditrow",
        "DELETE FROM console_audithead",
        "UPDATE console_audithead SET rows = 0",
    ],
)
def test_postgres_refuses(statement: str) -> None:
    write(1)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert "1 rows in order" in verified()


@pytest.mark.django_db(transaction=True)
def test_operators_at_once_make_one_chain_and_what_fails_leaves_none() -> None:
    def one(number: int) -> None:
        try:
            with transaction.atomic():
                tell(Act(verb="tried", words=str(number)))
                if number % 5 == 0:
                    raise InterruptedError
        except InterruptedError:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    assert sorted(int(words) for words in AuditRow.objects.values_list("words", flat=True)) == [
        number for number in range(40) if number % 5
    ]
    assert "32 rows in order" in verified()
