"""A second factor that was begun is worth nothing to who began it too early, or guesses at it."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cbor2 import dumps, loads
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.factors import services
from accounts.models import Factor, User
from common.errors import DomainError
from tests.builders.factors import App, SecurityKey, code_of
from tests.factors.conftest import _counts, _minutes, app, enrol, security_key, trader
from tests.trading.client import PASSWORD, Answer, Api, Trader

__all__ = ["_counts", "_minutes", "app", "security_key", "trader"]

TOTP, CONFIRM = "/user/factors/totp", "/user/factors/totp/confirm"
PASSKEYS, FINISH = "/user/factors/passkeys", "/user/factors/passkeys/finish"


def begin_app(trader: Trader) -> str:
    begun = trader.api.post(TOTP, {"password": PASSWORD})
    assert begun.status == 201, begun
    return str(begun.body["secret"])


def another_session_of(trader: Trader) -> Trader:
    said = {"username": trader.user.username, "password": PASSWORD}
    tokens = Api().post("/auth/signin", said).body
    return Trader(Api(tokens["token"]), trader.user, tokens["refresh"])


def finish(api: Api, key: SecurityKey, options: dict[str, Any]) -> Answer:
    return api.post(FINISH, {"passkey": key.create(options)})


def test_what_was_begun_before_the_owners_first_is_void(trader: Trader) -> None:
    """Who knew the password while there was no factor, and waited."""
    thief = another_session_of(trader)
    secret = begin_app(thief)
    options = thief.api.post(PASSKEYS, {"password": PASSWORD}).body["options"]
    enrol(trader, SecurityKey())
    assert thief.api.post(CONFIRM, {"code": code_of(secret)}).code == "SECOND_FACTOR_REQUIRED"
    assert finish(thief.api, SecurityKey(), options).code == "SECOND_FACTOR_REQUIRED"
    # Nor in the owner's session, where one was shown just now.
    assert trader.api.post(CONFIRM, {"code": code_of(secret)}).code == "FACTOR_NOT_FOUND"
    assert finish(trader.api, SecurityKey(), options).code == "INVALID_FIELD"
    assert Factor.objects.count() == 1


def test_what_was_begun_is_finished_soon(trader: Trader) -> None:
    secret = begin_app(trader)
    ago = datetime.now(UTC) - services.APP_WITHIN
    Factor.objects.update(made_at=ago + timedelta(minutes=1))
    assert services.begun_app(trader.user.pk) is not None
    Factor.objects.update(made_at=ago)
    assert trader.api.post(CONFIRM, {"code": code_of(secret)}).code == "FACTOR_NOT_FOUND"
    assert services.begun_app(trader.user.pk) is None


def test_codes_of_one_that_was_begun_are_guessed_at_as_slowly(trader: Trader) -> None:
    """A thief with a token, where the owner was called away from setting up an app."""
    secret = begin_app(trader)
    for _ in range(5):
        assert trader.api.post(CONFIRM, {"code": "000000"}).code == "WRONG_SECOND_FACTOR"
    refused = trader.api.post(CONFIRM, {"code": code_of(secret)})
    assert (refused.status, refused.code) == (429, "TOO_MANY_REQUESTS")
    assert not Factor.objects.exclude(confirmed_at=None).exists()


def test_a_challenge_of_the_consoles_door_enrols_nothing_elsewhere(
    trader: Trader, app: App
) -> None:
    """The door gives one for the password; a stolen token isn't the factor that is missing."""
    User.objects.filter(pk=trader.user.pk).update(is_staff=True)
    door = Client()
    door.post("/admin/login/", {"username": trader.user.username, "password": PASSWORD})
    options = door.post(reverse("admin:factor-enrol-options")).json()
    assert finish(trader.api, SecurityKey(), options).code == "SECOND_FACTOR_REQUIRED"
    said = {"do": "passkey", "new_passkey": json.dumps(SecurityKey().create(options))}
    assert door.post(reverse("admin:factor-enrol"), said)["Location"] == reverse("admin:factor")
    assert Factor.objects.get().kind == "totp"


@pytest.mark.django_db(transaction=True)
def test_of_two_first_factors_at_once_one_counts(trader: Trader) -> None:
    keys = [SecurityKey() for _ in range(4)]
    made = [key.create(services.begin_passkey(trader.user.pk)) for key in keys]

    def finish_one(said: dict[str, Any]) -> str:
        try:
            services.finish_passkey(trader.user.pk, "key", said)
        except DomainError as error:
            return error.code
        finally:
            connection.close()
        return "made"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(finish_one, made))
    assert outcomes == ["INVALID_FIELD"] * 3 + ["made"]
    assert Factor.objects.count() == 1


NESTED = base64.urlsafe_b64encode(b"[" * 20_000).decode()


def test_nested_rubbish_is_rubbish(trader: Trader, security_key: SecurityKey) -> None:
    asked = trader.api.post(PASSKEYS, {}).body["options"]
    said = security_key.create(asked)
    said["response"]["clientDataJSON"] = NESTED
    assert trader.api.post(FINISH, {"passkey": said}).code == "INVALID_FIELD"
    shown = security_key.get(trader.api.post("/auth/confirm/passkey", {}).body["options"])
    shown["response"]["clientDataJSON"] = NESTED
    assert trader.api.post("/auth/confirm", {"passkey": shown}).code == "WRONG_SECOND_FACTOR"


# What the library lets through unless it is attested: a curve there isn't, coordinates that are no
# point, an RSA key on a curve.
NO_KEYS = (
    {1: 2, 3: -7, -1: 99, -2: b"x", -3: b"y"},
    {1: 2, 3: -7, -1: 1, -2: 5, -3: 5},
    {1: 2, 3: -7, -1: 1, -2: b"a" * 32, -3: b"a" * 32},
    {1: 3, 3: -7, -1: b"\x01", -2: b"\x01"},
)


@pytest.mark.parametrize("cose", NO_KEYS)
def test_a_key_that_is_none_is_not_kept(trader: Trader, cose: dict[int, Any]) -> None:
    """Whoever set one up could show nothing any more."""
    key = SecurityKey()
    said = key.create(trader.api.post(PASSKEYS, {"password": PASSWORD}).body["options"])
    attested = loads(base64.urlsafe_b64decode(said["response"]["attestationObject"] + "=="))
    of_rp, of_key = attested["authData"][:37], attested["authData"][37 : 37 + 16 + 2 + 32]
    whole = {"fmt": "none", "attStmt": {}, "authData": of_rp + of_key + dumps(cose)}
    said["response"]["attestationObject"] = base64.urlsafe_b64encode(dumps(whole)).decode()
    assert trader.api.post(FINISH, {"passkey": said}).code == "INVALID_FIELD"
    assert not Factor.objects.exists()
