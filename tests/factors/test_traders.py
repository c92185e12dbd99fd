"""A trader's second factors over HTTP: setting up, signing in, showing afresh, taking away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Factor, RecoveryCode, Session, SignInFailure
from mails.models import Mail
from tests.builders.factors import App, SecurityKey, code_of
from tests.builders.people import give_mail
from tests.factors.conftest import enrol
from tests.trading.client import PASSWORD, Answer, Api, Trader

NEW_KEY = {"name": "bot", "password": PASSWORD, "permissions": ["read", "trade"]}


def sign_in(trader: Trader) -> Answer:
    said = {"username": trader.user.username, "password": PASSWORD}
    return Api().post("/auth/signin", said)


def second_step(trader: Trader, **proof: Any) -> Answer:
    challenge = sign_in(trader).body["challenge"]
    return Api().post("/auth/signin/factor", {"challenge": challenge, **proof})


def grow_stale(trader: Trader) -> None:
    ago = datetime.now(UTC) - timedelta(seconds=301)
    Session.objects.filter(user=trader.user).update(factor_at=ago)


def test_an_app_is_set_up_with_the_password_and_a_code(trader: Trader) -> None:
    assert trader.api.post("/user/factors/totp", {}).code == "MISSING_FIELD"
    assert trader.api.post("/user/factors/totp", {"password": "guess"}).code == "WRONG_PASSWORD"
    begun = trader.api.post("/user/factors/totp", {"password": PASSWORD, "name": "phone"})
    assert begun.status == 201
    assert begun.body["uri"].startswith(f"otpauth://totp/Exchange%3A{trader.user.username}?")
    assert begun.body["qr"].startswith("data:image/svg+xml")
    assert trader.api.get("/user/factors").body["factors"] == []
    assert sign_in(trader).status == 200  # it doesn't count yet
    wrong = trader.api.post("/user/factors/totp/confirm", {"code": "000000"})
    assert (wrong.status, wrong.code) == (403, "WRONG_SECOND_FACTOR")
    code = code_of(begun.body["secret"])
    made = trader.api.post("/user/factors/totp/confirm", {"code": code})
    assert made.status == 200, made
    assert len(set(made.body["recoveryCodes"])) == 10
    mine = trader.api.get("/user/factors").body
    assert [(one["kind"], one["name"]) for one in mine["factors"]] == [("totp", "phone")]
    assert mine["recoveryCodesLeft"] == 10
    assert mine["freshUntilMs"] is not None
    assert mine["withdrawalsLockedUntilMs"] is None
    again = trader.api.post("/user/factors/totp/confirm", {"code": code})
    assert again.code == "FACTOR_NOT_FOUND"


def test_signing_in_takes_both(trader: Trader, app: App) -> None:
    asked = sign_in(trader)
    assert (asked.status, asked.code) == (401, "SECOND_FACTOR_REQUIRED")
    assert asked.body["kinds"] == ["totp"]
    assert "token" not in asked.body
    wrong = second_step(trader, code="000000")
    assert (wrong.status, wrong.code) == (403, "WRONG_SECOND_FACTOR")
    failure = SignInFailure.objects.get()
    assert (failure.door, failure.step) == ("api", "second_factor")
    signed_in = second_step(trader, code=app.code())
    assert signed_in.status == 200
    mine = Api(signed_in.body["token"]).get("/user/factors").body
    assert mine["freshUntilMs"] is not None
    assert trader.api.get("/user/factors").body["freshUntilMs"] is None  # a session of before


def test_the_challenge_is_good_for_the_second_step_alone(trader: Trader, app: App) -> None:
    challenge = sign_in(trader).body["challenge"]
    assert Api(challenge).get("/user/factors").status == 401
    assert Api().post("/auth/refresh", {"refresh": challenge}).status == 401
    for rubbish in ("", "x", challenge[:-1], "x" * 3_000, trader.refresh):
        said = {"challenge": rubbish, "code": app.code()}
        assert Api().post("/auth/signin/factor", said).code == "TOKEN_INVALID", rubbish
    trader.user.set_password("staple of my own")
    trader.user.save()
    said = {"challenge": challenge, "code": app.code()}
    assert Api().post("/auth/signin/factor", said).code == "TOKEN_INVALID"


@pytest.mark.parametrize("proof", [{}, {"code": "1", "recoveryCode": "2"}])
def test_one_proof_is_given(trader: Trader, app: App, proof: Any) -> None:
    assert second_step(trader, **proof).code == "MISSING_FIELD"
    assert trader.api.post("/auth/confirm", proof).code == "MISSING_FIELD"


def test_recovery_codes_work_once_each(trader: Trader, app: App) -> None:
    assert trader.api.post("/auth/confirm", {"code": app.code()}).status == 200
    codes = trader.api.post("/user/factors/recovery-codes", {}).body["recoveryCodes"]
    assert sign_in(trader).body["kinds"] == ["totp", "recovery_code"]
    assert second_step(trader, recoveryCode=codes[0].upper().replace("-", " ")).status == 200
    assert second_step(trader, recoveryCode=codes[0]).code == "WRONG_SECOND_FACTOR"
    assert trader.api.get("/user/factors").body["recoveryCodesLeft"] == 9
    anew = trader.api.post("/user/factors/recovery-codes", {}).body["recoveryCodes"]
    assert second_step(trader, recoveryCode=codes[1]).code == "WRONG_SECOND_FACTOR"
    assert second_step(trader, recoveryCode=anew[1]).status == 200


def test_a_passkey_signs_in(trader: Trader, security_key: SecurityKey) -> None:
    asked = sign_in(trader)
    assert asked.body["kinds"] == ["passkey", "recovery_code"]
    challenge = asked.body["challenge"]
    options = Api().post("/auth/signin/passkey", {"challenge": challenge}).body["options"]
    said = {"challenge": challenge, "passkey": security_key.get(options)}
    assert Api().post("/auth/signin/factor", said).status == 200
    assert Factor.objects.get().sign_count == 1
    assert Api().post("/auth/signin/factor", said).code == "WRONG_SECOND_FACTOR"
    assert Api().post("/auth/signin/passkey", {"challenge": "x"}).code == "TOKEN_INVALID"


def test_without_a_passkey_nothing_is_asked_of_one(trader: Trader, app: App) -> None:
    assert trader.api.post("/auth/confirm/passkey", {}).code == "FACTOR_NOT_FOUND"


def test_a_new_app_takes_the_place_of_the_old(trader: Trader, app: App) -> None:
    assert trader.api.post("/user/factors/totp", {"password": PASSWORD}).code == (
        "SECOND_FACTOR_REQUIRED"  # the password is no way around the factor
    )
    trader.api.post("/auth/confirm", {"code": app.code()})
    begun = trader.api.post("/user/factors/totp", {"name": "new phone"}).body
    assert second_step(trader, code=app.code()).status == 200  # until the new one has shown a code
    code = code_of(begun["secret"])
    made = trader.api.post("/user/factors/totp/confirm", {"code": code}).body
    assert made["factor"]["name"] == "new phone"
    assert Factor.objects.get().name == "new phone"
    assert second_step(trader, code=code_of(app.secret)).code == "WRONG_SECOND_FACTOR"


def test_what_asks_for_a_fresh_factor(trader: Trader, app: App) -> None:
    api = trader.api
    change = {"password": PASSWORD, "newPassword": "staple of my own"}
    factor_id = Factor.objects.get().pk

    def steps() -> dict[str, Answer]:
        return {
            "key": api.post("/user/keys", NEW_KEY),
            "factor": api.post("/user/factors/totp", {"password": PASSWORD}),
            "passkey": api.post("/user/factors/passkeys", {"password": PASSWORD}),
            "codes": api.post("/user/factors/recovery-codes", {}),
            "remove": api.delete(f"/user/factors/{factor_id}"),
            "password": api.post("/auth/password", change),
        }

    for name, answer in steps().items():
        assert (answer.status, answer.code) == (403, "SECOND_FACTOR_REQUIRED"), name
        assert answer.body["kinds"] == ["totp"]
    reading = {**NEW_KEY, "permissions": ["read"], "name": "reader"}
    assert api.post("/user/keys", reading).status == 201
    assert api.post("/auth/confirm", {"code": app.code()}).status == 200
    assert api.post("/user/keys", NEW_KEY).status == 201
    grow_stale(trader)
    assert api.post("/user/keys", {**NEW_KEY, "name": "other"}).code == "SECOND_FACTOR_REQUIRED"
    assert api.post("/auth/confirm", {"code": app.code()}).status == 200
    assert {n: a.status for n, a in steps().items()} == {
        "key": 409, "factor": 201, "passkey": 200, "codes": 201, "remove": 200, "password": 200,
    }  # fmt: skip
    assert not RecoveryCode.objects.exists()  # gone with the last factor


def test_other_addresses_of_a_key_ask_for_a_fresh_factor(trader: Trader, app: App) -> None:
    """They are what keeps whoever stole its secret out."""
    trader.api.post("/auth/confirm", {"code": app.code()})
    bound = {**NEW_KEY, "permissions": ["withdraw"], "addresses": ["203.0.113.7"]}
    key_id = trader.api.post("/user/keys", bound).body["key"]["keyId"]
    grow_stale(trader)
    path, addresses = f"/user/keys/{key_id}", b'{"addresses": ["198.51.100.9"]}'
    assert trader.api.send("PATCH", path, addresses).code == "SECOND_FACTOR_REQUIRED"
    assert trader.api.send("PATCH", path, b'{"name": "other"}').status == 200
    (key,) = trader.api.get("/user/keys").body["keys"]
    assert (key["name"], key["addresses"]) == ("other", ["203.0.113.7/32"])
    trader.api.post("/auth/confirm", {"code": app.code()})
    assert trader.api.send("PATCH", path, addresses).status == 200


def test_a_new_password_leaves_the_new_session_as_fresh(trader: Trader, app: App) -> None:
    trader.api.post("/auth/confirm", {"code": app.code()})
    change = {"password": PASSWORD, "newPassword": "staple of my own"}
    tokens = trader.api.post("/auth/password", change).body
    assert Api(tokens["token"]).get("/user/factors").body["freshUntilMs"] is not None


def test_who_has_none_is_asked_for_the_password_as_ever(trader: Trader) -> None:
    assert trader.api.post("/user/keys", NEW_KEY).status == 201
    assert trader.api.post("/auth/confirm", {"code": "123456"}).code == "FACTOR_NOT_FOUND"
    change = {"password": PASSWORD, "newPassword": "staple of my own"}
    assert trader.api.post("/auth/password", change).status == 200


def test_what_must_have_a_factor_says_so(trader: Trader, app: App) -> None:
    from accounts.factors.fresh import demand_fresh_factor
    from common.errors import DomainError

    session = Session.objects.get(user=trader.user)
    with pytest.raises(DomainError, match="POST /auth/confirm"):
        demand_fresh_factor(trader.user.pk, session.pk, must_have=True)
    Factor.objects.all().delete()
    demand_fresh_factor(trader.user.pk, session.pk)
    with pytest.raises(DomainError, match="set one up") as refused:
        demand_fresh_factor(trader.user.pk, session.pk, must_have=True)
    assert refused.value.details == {"kinds": []}


def test_another_passkey_is_added_and_the_owner_told(
    trader: Trader, security_key: SecurityKey
) -> None:
    give_mail(trader.user, "ann@example.com")
    other = SecurityKey()
    made = enrol(trader, other)
    assert made["recoveryCodes"] == []  # there are some
    assert Mail.objects.get().subject == "Your second factor changed"
    asked = trader.api.post("/user/factors/passkeys", {}).body["options"]
    excluded = {one["id"] for one in asked["excludeCredentials"]}
    assert len(excluded) == 2
    twice = {"name": "again", "passkey": other.create(asked)}
    assert trader.api.post("/user/factors/passkeys/finish", twice).code == "INVALID_FIELD"
    assert trader.api.delete(f"/user/factors/{2**62}").code == "FACTOR_NOT_FOUND"


def test_only_so_many(trader: Trader, security_key: SecurityKey) -> None:
    for number in range(9):
        Factor.objects.create(
            user=trader.user, kind="passkey", name=f"{number}", credential_id=bytes([number]),
            public_key=b"x", confirmed_at=datetime.now(UTC),
        )  # fmt: skip
    assert trader.api.post("/user/factors/passkeys", {}).code == "TOO_MANY_FACTORS"


@pytest.mark.parametrize("name", ["", "x" * 51, "a\tb"])
def test_names(trader: Trader, name: str) -> None:
    said = {"password": PASSWORD, "name": name}
    assert trader.api.post("/user/factors/totp", said).body["field"] == "name"
