"""Operators at the console's door: by two steps, or not at all."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.factors.locks import withdrawals_locked_until
from accounts.models import Factor, RecoveryCode, SignInFailure, StaffSession, User
from console.audit.models import AuditRow
from mails.models import Mail
from tests.builders.factors import SecurityKey, code_of, enter, make_app
from tests.builders.people import give_mail
from tests.trading.client import PASSWORD

pytestmark = pytest.mark.django_db

LOGIN, SHOW, ENROL, OWN = (
    "/admin/login/",
    "/admin/factor/",
    "/admin/factor/enrol/",
    "/admin/factors/",
)
KEY = re.compile(r'<code class="one-time">([A-Z2-7]{32})</code>')
CODES = re.compile(r"<li><code>([a-z2-9-]{19})</code></li>")


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password=PASSWORD)


@pytest.fixture
def half_in(boss: User) -> Client:
    """Whose password was right."""
    client = Client()
    client.post(f"{LOGIN}?next=/admin/status/", {"username": "boss", "password": PASSWORD})
    return client


def show(client: Client, code: str) -> Any:
    return client.post(SHOW, {"second_factor_code": code})


def test_the_first_sign_in_sets_one_up(half_in: Client, boss: User) -> None:
    assert half_in.get("/admin/", follow=True).redirect_chain[-1][0].startswith(LOGIN)
    assert half_in.get(SHOW)["Location"] == ENROL
    page = half_in.get(ENROL).content.decode()
    assert "Set up an app" in page
    assert "Make a passkey" in page
    begun = half_in.post(ENROL, {"do": "begin_app"}).content.decode()
    assert 'src="data:image/svg+xml' in begun
    (secret,) = KEY.findall(begun)
    wrong = half_in.post(ENROL, {"do": "confirm_app", "code": "000000"}).content.decode()
    assert KEY.findall(wrong) == [secret]
    assert KEY.findall(half_in.get(ENROL).content.decode()) == []
    said = {"do": "confirm_app", "code": code_of(secret)}
    answer = half_in.post(ENROL, said)
    assert "no-store" in answer["Cache-Control"]
    assert len(set(CODES.findall(answer.content.decode()))) == 10
    assert 'href="/admin/status/"' in answer.content.decode()
    assert half_in.get("/admin/").status_code == 200
    assert list(AuditRow.objects.values_list("verb", flat=True)) == ["add_factor", "signed_in"]
    assert half_in.post(ENROL, said)["Location"] == SHOW  # once


def test_who_shows_one_is_in(half_in: Client, boss: User) -> None:
    app = make_app(boss)
    wrong = show(half_in, "000000")
    assert wrong.status_code == 403
    assert "is wrong" in wrong.content.decode()
    assert StaffSession.objects.filter(user=boss).count() == 0
    failure = SignInFailure.objects.get()
    assert (failure.username, failure.step) == ("boss", "second_factor")
    assert AuditRow.objects.get().words == "as boss, by the second factor"
    assert half_in.get("/admin/").status_code == 302
    right = show(half_in, app.code())
    assert (right.status_code, right["Location"]) == (302, "/admin/status/")
    assert half_in.get("/admin/").status_code == 200
    assert StaffSession.objects.filter(user=boss).count() == 1
    assert StaffSession.objects.count() == 1  # what was half in is gone


def test_codes_are_guessed_at_as_slowly_as_elsewhere(half_in: Client, boss: User) -> None:
    app = make_app(boss)
    for _ in range(5):
        assert show(half_in, "000000").status_code == 403
    refused = show(half_in, app.code())
    assert (refused.status_code, refused["Retry-After"]) == (429, "32")


def test_a_recovery_code_lets_in_once(half_in: Client, boss: User) -> None:
    begun = half_in.post(ENROL, {"do": "begin_app"}).content.decode()
    said = {"do": "confirm_app", "code": code_of(KEY.findall(begun)[0])}
    codes = CODES.findall(half_in.post(ENROL, said).content.decode())
    for status in (302, 403):
        client = Client()
        client.post(LOGIN, {"username": "boss", "password": PASSWORD})
        assert show(client, codes[0]).status_code == status
    assert RecoveryCode.objects.filter(used_at=None).count() == 9


def test_a_passkey_is_set_up_and_shown(half_in: Client, boss: User) -> None:
    key = SecurityKey()
    options = half_in.post(reverse("admin:factor-enrol-options")).json()
    said = {"do": "passkey", "name": "", "new_passkey": json.dumps(key.create(options))}
    assert len(CODES.findall(half_in.post(ENROL, said).content.decode())) == 10
    client = Client()
    client.post(LOGIN, {"username": "boss", "password": PASSWORD})
    assert 'data-passkey="get"' in client.get(SHOW).content.decode()
    options = client.post(reverse("admin:factor-options")).json()
    answer = client.post(SHOW, {"second_factor_passkey": json.dumps(key.get(options))})
    assert answer.status_code == 302
    for rubbish in ("{", "[]", "null", "[" * 2_000, '{"a": 1}'):
        assert client.post(SHOW, {"second_factor_passkey": rubbish}).status_code in (400, 403)


@pytest.mark.parametrize("path", [SHOW, ENROL])
def test_strangers_are_nobody(path: str) -> None:
    for ask in (Client().get, Client().post):
        answer = ask(path)
        assert answer.status_code == 401
        assert "Give your password first" in answer.content.decode()
    for name in ("factor-options", "factor-enrol-options"):
        assert Client().post(reverse(f"admin:{name}")).status_code == 401
        assert Client().get(reverse(f"admin:{name}")).status_code == 405


def test_half_in_ends_with_its_time_the_password_and_suspension(
    half_in: Client, boss: User
) -> None:
    app = make_app(boss)
    boss.is_active = False
    boss.save()
    assert show(half_in, app.code()).status_code == 401
    boss.is_active = True
    boss.save()
    session = half_in.session
    late = {**session["second_step"], "until": datetime.now(UTC).isoformat()}
    kept, session["second_step"] = session["second_step"], late
    session.save()
    assert show(half_in, app.code()).status_code == 401
    session["second_step"] = kept
    session.save()
    boss.set_password("staple of my own")
    boss.save()
    assert show(half_in, app.code()).status_code == 401


def test_a_session_that_showed_none_reaches_nothing(boss: User, settings: Any) -> None:
    """As one of before there were second factors, or of the demo's."""
    settings.DEMO = True
    client = Client()
    said = {"username": "boss", "password": PASSWORD}
    assert client.post(LOGIN, said)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    settings.DEMO = False
    for pattern in admin.site.get_urls():
        name = getattr(pattern, "name", None)
        if name in (None, "login", "logout", "join", "unlock") or name.startswith("factor-"):
            continue
        if "<" not in str(pattern.pattern) and name != "factor":
            for ask in (client.get, client.post):
                answer = ask(reverse(f"admin:{name}"))
                assert answer.status_code == 302, name
                assert answer["Location"].startswith(LOGIN), name
    parts = client.get("/health").json()
    assert "services" not in parts
    led = client.get(f"{LOGIN}?next=/admin/stop/")
    assert led["Location"] == f"{SHOW}?next=/admin/stop/"
    assert client.get(led["Location"])["Location"] == ENROL
    app = make_app(boss)
    answer = client.post(led["Location"], {"second_factor_code": app.code()})
    assert answer["Location"] == "/admin/stop/"
    assert client.get("/admin/").status_code == 200


def test_whoever_showed_none_can_sign_out(boss: User, settings: Any) -> None:
    settings.DEMO = True
    client = Client()
    client.post(LOGIN, {"username": "boss", "password": PASSWORD})
    settings.DEMO = False
    client.post("/admin/logout/")
    assert not StaffSession.objects.exists()


def test_in_the_demo_it_is_optional_and_works(boss: User, settings: Any) -> None:
    settings.DEMO = True
    client = Client()
    client.post(LOGIN, {"username": "boss", "password": PASSWORD})
    begun = client.post(OWN, {"do": "begin_app"}).content.decode()
    said = {"do": "confirm_app", "code": code_of(KEY.findall(begun)[0])}
    assert len(CODES.findall(client.post(OWN, said).content.decode())) == 10
    other = Client()
    answer = other.post(LOGIN, {"username": "boss", "password": PASSWORD})
    assert answer["Location"] == SHOW


def test_ones_own_page(boss: User) -> None:
    client = Client()
    enter(client, boss, PASSWORD)
    page = client.get(OWN).content.decode()
    assert "phone" in page
    last = Factor.objects.get()
    kept = client.post(OWN, {"do": "remove", "factor": last.pk})
    assert "keeps one" in kept.content.decode()
    options = client.post(reverse("admin:factor-enrol-options")).json()
    key = SecurityKey()
    said = {"do": "passkey", "name": "key", "new_passkey": json.dumps(key.create(options))}
    client.post(OWN, said)
    assert client.post(OWN, {"do": "remove", "factor": last.pk}).status_code == 302
    assert [one.name for one in Factor.objects.all()] == ["key"]
    codes = CODES.findall(client.post(OWN, {"do": "recovery_codes"}).content.decode())
    assert len(set(codes)) == 10
    for rubbish in ({}, {"do": "x"}, {"do": "remove"}, {"do": "remove", "factor": "9" * 400}):
        assert client.post(OWN, rubbish).status_code in (200, 302)
    verbs = AuditRow.objects.filter(verb__contains="factor").values_list("verb", flat=True)
    assert list(verbs) == ["add_factor", "remove_factor"]
    assert AuditRow.objects.filter(verb="make_recovery_codes").exists()


def test_the_server_resets_the_only_operators(boss: User) -> None:
    give_mail(boss, "boss@example.com")
    client = Client()
    enter(client, boss, PASSWORD)
    out = StringIO()
    call_command("resetsecondfactor", "boss", reason="lost the phone", stdout=out)
    assert "boss: reset" in out.getvalue()
    assert client.get("/admin/").status_code == 302
    assert not Factor.objects.exists()
    locked_until = withdrawals_locked_until(boss.pk)
    assert locked_until is not None
    assert locked_until > datetime.now(UTC) + timedelta(hours=23)
    assert Mail.objects.get().subject == "Your second factor was reset"
    answer = Client().post(LOGIN, {"username": "boss", "password": PASSWORD})
    assert answer["Location"] == ENROL
    for name, reason in (("nobody", "x"), ("boss", " ")):
        with pytest.raises(CommandError):
            call_command("resetsecondfactor", name, reason=reason)
