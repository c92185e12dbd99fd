"""What a stolen dump, a replayed code, a guess, a copied passkey and another site can't do."""

import base64
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import serializers
from django.core.management import call_command
from django.db import connection

from accounts.factors.proofs import SEALED_AS
from accounts.models import (
    Factor,
    GuessLock,
    PasskeyChallenge,
    RecoveryCode,
    Session,
    User,
)
from accounts.sealing import Unopened, unseal
from mails.models import Mail
from tests.builders.factors import App, SecurityKey, code_of, make_app
from tests.builders.people import give_mail
from tests.trading.client import PASSWORD, Answer, Api, Trader, make_trader

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trader() -> Trader:
    return make_trader(funds_units=0)


@pytest.fixture
def app(trader: Trader) -> App:
    return make_app(trader.user)


@pytest.fixture
def security_key(trader: Trader) -> SecurityKey:
    key = SecurityKey()
    asked = trader.api.post("/user/factors/passkeys", {"password": PASSWORD}).body["options"]
    said = {"name": "laptop", "passkey": key.create(asked)}
    assert trader.api.post("/user/factors/passkeys/finish", said).status == 201
    Session.objects.update(factor_at=None)
    return key


def confirm(trader: Trader, **proof: Any) -> Answer:
    return trader.api.post("/auth/confirm", proof)


def passkey_options(trader: Trader) -> Any:
    return trader.api.post("/auth/confirm/passkey", {}).body["options"]


def at_once(count: int, work: Callable[[], Answer]) -> list[Answer]:
    def one(_: int) -> Answer:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


# --- a stolen dump --------------------------------------------------------------------------------


def test_a_dump_has_nothing_that_shows_a_factor(trader: Trader) -> None:
    begun = trader.api.post("/user/factors/totp", {"password": PASSWORD}).body
    said = {"code": code_of(begun["secret"])}
    codes = trader.api.post("/user/factors/totp/confirm", said).body["recoveryCodes"]
    rows = [*Factor.objects.all(), *RecoveryCode.objects.all(), *GuessLock.objects.all()]
    dump = serializers.serialize("json", rows)
    raw = base64.b32decode(begun["secret"])
    sealed = bytes(Factor.objects.get().sealed_secret or b"")
    assert begun["secret"] not in dump
    assert begun["secret"].encode() not in sealed
    assert raw not in sealed
    for code in codes:
        assert code not in dump
        assert code.replace("-", "") not in dump


def test_a_sealed_secret_opens_for_its_owner_alone(
    trader: Trader, app: App, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes to the database can't put their own app in another's place."""
    thief = make_trader(funds_units=0)
    theirs = make_app(thief.user)
    sealed = bytes(Factor.objects.get(user=thief.user).sealed_secret or b"")
    Factor.objects.filter(user=trader.user).update(sealed_secret=sealed)
    assert confirm(trader, code=theirs.code()).code == "WRONG_SECOND_FACTOR"
    settings.API_KEY_SECRETS = ["another, as long as the first: 0123456789"]
    with pytest.raises(Unopened):
        unseal(sealed, SEALED_AS, thief.user.pk)
    assert confirm(thief, code=theirs.code()).code == "WRONG_SECOND_FACTOR"


def test_secrets_are_sealed_anew(trader: Trader, app: App, settings: Any) -> None:
    old = settings.API_KEY_SECRETS
    settings.API_KEY_SECRETS = ["the newest, of 32 characters or more", *old]
    call_command("resealkeys")
    settings.API_KEY_SECRETS = settings.API_KEY_SECRETS[:1]
    assert confirm(trader, code=app.code()).status == 200


# --- replays --------------------------------------------------------------------------------------


def test_a_code_works_once(trader: Trader, app: App) -> None:
    code = code_of(app.secret)
    assert confirm(trader, code=code).status == 200
    assert confirm(trader, code=code).code == "WRONG_SECOND_FACTOR"
    assert confirm(trader, code=code_of(app.secret, -1)).code == "WRONG_SECOND_FACTOR"
    assert confirm(trader, code=code_of(app.secret, 1)).status == 200
    for too_far in (-3, 3):
        Factor.objects.update(last_step=0)
        assert confirm(trader, code=code_of(app.secret, too_far)).code == "WRONG_SECOND_FACTOR"


@pytest.mark.parametrize("kind", ["code", "recoveryCode", "passkey"])
def test_of_two_tabs_with_one_proof_one_is_served(trader: Trader, kind: str) -> None:
    proof: Any
    if kind == "passkey":
        key = SecurityKey()
        asked = trader.api.post("/user/factors/passkeys", {"password": PASSWORD}).body["options"]
        trader.api.post(
            "/user/factors/passkeys/finish", {"name": "key", "passkey": key.create(asked)}
        )
        proof = key.get(passkey_options(trader))
    else:
        begun = trader.api.post("/user/factors/totp", {"password": PASSWORD}).body
        said = {"code": code_of(begun["secret"])}
        codes = trader.api.post("/user/factors/totp/confirm", said).body["recoveryCodes"]
        proof = code_of(begun["secret"], 1) if kind == "code" else codes[0]
    answers = at_once(4, lambda: confirm(trader, **{kind: proof}))
    assert sorted(answer.status for answer in answers) == [200, 403, 403, 403]


# --- guessing -------------------------------------------------------------------------------------


def test_codes_cant_be_guessed(trader: Trader, app: App) -> None:
    """From wherever, in whatever session, also at once; and the owner is told."""
    give_mail(trader.user, "ann@example.com")
    guesses = itertools.count()

    def guess() -> Answer:
        said = {"username": trader.user.username, "password": PASSWORD}
        address = f"192.0.2.{next(guesses)}"
        body = f'{{"username": "{said["username"]}", "password": "{PASSWORD}"}}'.encode()
        asked = Api().send("POST", "/auth/signin", body, REMOTE_ADDR=address)
        body = f'{{"challenge": "{asked.body["challenge"]}", "code": "000000"}}'.encode()
        return Api().send("POST", "/auth/signin/factor", body, REMOTE_ADDR=address)

    answers = at_once(8, guess)
    assert sorted(answer.status for answer in answers) == [403] * 5 + [429] * 3
    refused = confirm(trader, code=app.code())
    assert (refused.status, refused.code) == (429, "TOO_MANY_REQUESTS")
    assert 0 < refused.body["retryAfterS"] <= 32
    told = [mail.subject for mail in Mail.objects.all()]  # once an hour: one may end meanwhile
    assert told in (["Somebody has your password"], ["Somebody has your password"] * 2)
    waits = []
    for _ in range(9):
        GuessLock.objects.update(locked_until=datetime.now(UTC))
        assert confirm(trader, code="000000").status == 403
        waits.append(confirm(trader, code="000000").body["retryAfterS"])
    assert waits[-1] > 3_500
    assert confirm(trader, recoveryCode="k3vd-9qpx-2mwa-htzc").status == 429
    GuessLock.objects.update(locked_until=datetime.now(UTC))
    assert confirm(trader, code=app.code()).status == 200
    assert not GuessLock.objects.exists()


def test_a_passkey_goes_on_while_codes_are_guessed(
    trader: Trader, security_key: SecurityKey
) -> None:
    make_app(trader.user)
    for _ in range(6):
        locked = confirm(trader, code="000000")
    assert locked.status == 429
    assert confirm(trader, passkey=security_key.get(passkey_options(trader))).status == 200


def test_whether_a_name_exists_is_told_after_the_password_alone(trader: Trader, app: App) -> None:
    answers = [
        Api().post("/auth/signin", {"username": name, "password": "wrong guess"})
        for name in (trader.user.username, "nobody")
    ]
    assert answers[0] == answers[1]


# --- passkeys -------------------------------------------------------------------------------------


def test_what_a_passkey_signs_elsewhere_is_no_use(
    trader: Trader, security_key: SecurityKey
) -> None:
    def wrong(change: Callable[[SecurityKey], None]) -> Answer:
        copy = SecurityKey(
            credential_id=security_key.credential_id, private_key=security_key.private_key
        )
        copy.sign_count = 100
        change(copy)
        return confirm(trader, passkey=copy.get(passkey_options(trader)))

    def elsewhere(key: SecurityKey) -> None:
        key.origin = "https://testserver.example.com"

    def another_name(key: SecurityKey) -> None:
        key.rp_id = "example.com"

    def another_key(key: SecurityKey) -> None:
        key.private_key = SecurityKey().private_key

    def another_id(key: SecurityKey) -> None:
        key.credential_id = b"x" * 32

    for change in (elsewhere, another_name, another_key, another_id):
        assert wrong(change).code == "WRONG_SECOND_FACTOR", change.__name__
    assert wrong(lambda _: None).status == 200


def test_a_copied_passkey_is_found_by_its_count(trader: Trader, security_key: SecurityKey) -> None:
    copy = SecurityKey(
        credential_id=security_key.credential_id, private_key=security_key.private_key
    )
    security_key.sign_count = 5
    assert confirm(trader, passkey=security_key.get(passkey_options(trader))).status == 200
    assert confirm(trader, passkey=copy.get(passkey_options(trader))).code == "WRONG_SECOND_FACTOR"


def test_challenges_are_their_askers_and_end(trader: Trader, security_key: SecurityKey) -> None:
    other = make_trader(funds_units=0)
    theirs = SecurityKey()
    asked = other.api.post("/user/factors/passkeys", {"password": PASSWORD}).body["options"]
    other.api.post("/user/factors/passkeys/finish", {"passkey": theirs.create(asked)})
    options = passkey_options(trader)
    assert confirm(other, passkey=theirs.get(options)).code == "WRONG_SECOND_FACTOR"
    made_up = {**options, "challenge": "A" * 43}
    assert confirm(trader, passkey=security_key.get(made_up)).code == "WRONG_SECOND_FACTOR"
    PasskeyChallenge.objects.update(good_until=datetime.now(UTC) - timedelta(seconds=1))
    assert confirm(trader, passkey=security_key.get(options)).code == "WRONG_SECOND_FACTOR"
    enrolling = trader.api.post("/user/factors/passkeys", {}).body
    assert enrolling["code"] == "SECOND_FACTOR_REQUIRED"
    for _ in range(30):
        passkey_options(trader)
    assert PasskeyChallenge.objects.filter(user=trader.user).count() == 20


RUBBISH: list[Any] = [
    {},
    {"id": 1},
    {"id": "x", "rawId": "x", "type": "public-key", "response": {}},
    {"id": "x", "rawId": None, "type": "public-key", "response": []},
    {"rawId": "é", "id": "é", "type": "public-key", "response": {"clientDataJSON": "é"}},
    {"rawId": "AA", "id": "AA", "type": 7, "response": {"clientDataJSON": "e30"}},
    {"rawId": "AA", "id": "AA", "type": "x", "response": {"clientDataJSON": "bnVsbA"}},
    {"rawId": "AA", "id": "AA", "response": {"clientDataJSON": "eyJjaGFsbGVuZ2UiOjF9"}},
    {"rawId": "AA", "response": {"clientDataJSON": "W10"}},
    {"rawId": "AA", "response": {"clientDataJSON": "eyJjaGFsbGVuZ2UiOiIifQ"}},
]


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_is_refused(trader: Trader, security_key: SecurityKey, rubbish: Any) -> None:
    assert confirm(trader, passkey=rubbish).code == "WRONG_SECOND_FACTOR"
    Session.objects.update(factor_at=datetime.now(UTC))
    finish = trader.api.post("/user/factors/passkeys/finish", {"passkey": rubbish})
    assert finish.code == "INVALID_FIELD"


def test_rubbish_that_was_asked_for_is_refused(trader: Trader, security_key: SecurityKey) -> None:
    """Right as far as the challenge, and broken behind it."""
    for name, value in itertools.product(
        ("authenticatorData", "signature"), ("", "AA", "é", "A" * 400, None, 7)
    ):
        said = security_key.get(passkey_options(trader))
        said["response"][name] = value
        assert confirm(trader, passkey=said).code == "WRONG_SECOND_FACTOR", (name, value)
    Session.objects.update(factor_at=datetime.now(UTC))
    for value in ("", "AA", "o2NmbXQ", "A" * 400, "oA", None, 7):
        asked = trader.api.post("/user/factors/passkeys", {}).body["options"]
        said = SecurityKey().create(asked)
        said["response"]["attestationObject"] = value
        finish = trader.api.post("/user/factors/passkeys/finish", {"passkey": said})
        assert finish.code == "INVALID_FIELD", value


@pytest.mark.parametrize("code", ["", " ", "12345", "1234567", "１２３４５６", "-12345", "0x1234"])
def test_codes_that_are_none(trader: Trader, app: App, code: str) -> None:
    assert confirm(trader, code=code).code == "WRONG_SECOND_FACTOR"


# --- stolen tokens --------------------------------------------------------------------------------


def test_a_stolen_token_sets_up_nothing_and_takes_nothing_away(trader: Trader, app: App) -> None:
    thief = Api(trader.api.token)
    for path, said in (
        ("/user/factors/totp", {}),
        ("/user/factors/passkeys", {}),
        ("/user/factors/recovery-codes", {}),
        ("/user/factors/totp", {"password": PASSWORD}),
    ):
        assert thief.post(path, said).status == 403, path
    assert thief.delete(f"/user/factors/{Factor.objects.get().pk}").status == 403
    unenrolled = make_trader(funds_units=0)
    assert Api(unenrolled.api.token).post("/user/factors/passkeys", {}).code == "MISSING_FIELD"


def test_a_renewed_session_is_no_fresher(trader: Trader, app: App) -> None:
    assert confirm(trader, code=app.code()).status == 200
    ago = datetime.now(UTC) - timedelta(seconds=settings.FRESH_FACTOR_S + 1)
    Session.objects.update(factor_at=ago)
    tokens = Api().post("/auth/refresh", {"refresh": trader.refresh}).body
    answer = Api(tokens["token"]).post("/user/factors/recovery-codes", {})
    assert answer.code == "SECOND_FACTOR_REQUIRED"


def test_one_session_shown_makes_no_other_fresh(trader: Trader, app: App) -> None:
    said = {"username": trader.user.username, "password": PASSWORD}
    challenge = Api().post("/auth/signin", said).body["challenge"]
    proof = {"challenge": challenge, "code": app.code()}
    assert Api().post("/auth/signin/factor", proof).status == 200
    refused = trader.api.post("/user/factors/recovery-codes", {})
    assert refused.code == "SECOND_FACTOR_REQUIRED"


def test_another_users_factor_is_nobodys(trader: Trader, app: App) -> None:
    other = make_trader(funds_units=0)
    of_other = make_app(other.user)
    confirm(other, code=of_other.code())
    factor_id = Factor.objects.get(user=trader.user).pk
    missing = other.api.delete(f"/user/factors/{2**40}")
    assert other.api.delete(f"/user/factors/{factor_id}") == missing
    assert missing.code == "FACTOR_NOT_FOUND"
    assert User.objects.get(pk=trader.user.pk).factors.exists()
