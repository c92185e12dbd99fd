"""A trader makes keys, sees how they are used, changes and deletes them."""

import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
import redis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError, transaction

from accounts.keys import services
from accounts.keys import uses as uses_module
from accounts.keys.known import known_keys
from accounts.keys.networks import NETWORKS_MAX
from accounts.keys.uses import Uses, uses
from accounts.models import ApiKey, ServedRequest
from accounts.tasks import forget_old_sessions
from common.errors import DomainError
from tests.builders.keys import KeyApi, ask_for_key, make_ed25519_key, make_key
from tests.patience import PATIENCE_S
from tests.trading.client import forget_limits_used, make_trader

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(redis_db: redis.Redis) -> None:
    forget_limits_used()


def in_ms(**ahead: float) -> int:
    return int((datetime.now(UTC) + timedelta(**ahead)).timestamp() * 1_000)


@pytest.mark.parametrize("make", [make_key, make_ed25519_key])
def test_a_program_acts_with_a_key_and_no_password(make: Any) -> None:
    trader = make_trader()
    api = KeyApi(make(trader))
    assert api.get("/user/ledger?limit=1").status == 200
    assert api.post("/user/onramp", {"amount": "5", "idempotencyKey": "k"}).status in (200, 202)
    assert api.delete("/orders").status == 202


def test_what_is_listed_has_no_secret() -> None:
    trader, other = make_trader(0), make_trader(0)
    key = make_key(trader, addresses=["127.0.0.1"], expiresMs=in_ms(days=3))
    KeyApi(key).get("/user/orders")
    KeyApi(key).get("/user/orders")
    uses.flush()
    answer = trader.api.get("/user/keys")
    (listed,) = answer.body["keys"]
    assert key.secret is not None
    assert key.secret not in str(answer.body)
    assert (listed["key"], listed["name"], listed["kind"]) == (key.public_id, "bot", "HMAC-SHA256")
    assert listed["permissions"] == ["read", "trade"]
    assert (listed["useCount"], listed["lastAddress"]) == (2, "127.0.0.1")
    assert abs(listed["lastUsedMs"] - time.time() * 1_000) < 600_000
    assert other.api.get("/user/keys").body == {"keys": []}
    assert other.api.delete(f"/user/keys/{key.key_id}").code == "KEY_NOT_FOUND"
    changes = b'{"name": "mine now"}'
    assert other.api.send("PATCH", f"/user/keys/{key.key_id}", changes).code == "KEY_NOT_FOUND"


def test_a_key_of_pem() -> None:
    trader = make_trader(0)
    public = Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert ask_for_key(trader, publicKey=pem).status == 201
    assert bytes(ApiKey.objects.get().public_key or b"") == public.public_bytes_raw()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"permissions": []}, "permissions"),
        ({"permissions": ["withdraw"]}, "addresses"),
        ({"permissions": ["everything"]}, "permissions"),
        ({"name": " "}, "name"),
        ({"name": "a" * 51}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"addresses": ["300.1.1.1"]}, "addresses"),
        ({"addresses": ["10.0.0.1/24"]}, "addresses"),
        ({"addresses": ["0.0.0.0/0"]}, "addresses"),
        ({"addresses": ["::/0"]}, "addresses"),
        ({"addresses": ["::ffff:0:0/96"]}, "addresses"),
        ({"addresses": ["fe80::1%eth0"]}, "addresses"),
        ({"addresses": [f"10.0.{n}.1" for n in range(NETWORKS_MAX + 1)]}, "addresses"),
        ({"expiresMs": 1}, "expiresMs"),
        ({"expiresMs": 10**18}, "expiresMs"),
        ({"expiresMs": -(10**30)}, "expiresMs"),
        ({"publicKey": "00" * 32}, "publicKey"),
        ({"publicKey": "01" + "00" * 30 + "80"}, "publicKey"),
        ({"publicKey": "zz" * 32}, "publicKey"),
        ({"publicKey": "-----BEGIN PUBLIC KEY-----\nrubbish"}, "publicKey"),
        ({"publicKey": ""}, "publicKey"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], field: str) -> None:
    answer = ask_for_key(make_trader(0), **fields)
    assert answer.status == 400, answer
    assert answer.body["field"].startswith(field)
    assert not ApiKey.objects.exists()


def test_the_message_says_which_network_was_meant() -> None:
    answer = ask_for_key(make_trader(0), addresses=["10.0.0.1/24"])
    assert "Did you mean 10.0.0.0/24?" in answer.body["message"]


def test_addresses_are_kept_in_their_shortest_form() -> None:
    trader = make_trader(0)
    addresses = ["203.0.113.7", "203.0.113.7/32", "::ffff:198.51.100.4", "2001:DB8:0::/48"]
    make_key(trader, addresses=addresses)
    expected = ["203.0.113.7/32", "198.51.100.4/32", "2001:db8::/48"]
    assert ApiKey.objects.get().addresses == expected


def test_the_password_is_needed_and_no_easier_to_guess() -> None:
    trader = make_trader(0)
    statuses = [ask_for_key(trader, password="not it at all").status for _ in range(11)]
    assert statuses == [403] * 10 + [429]
    assert not ApiKey.objects.exists()


def test_names_and_numbers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "KEYS_MAX", 2)
    trader = make_trader(0)
    first = make_key(trader)
    assert ask_for_key(trader).code == "KEY_NAME_TAKEN"
    make_key(trader, name="second")
    assert ask_for_key(trader, name="third").code == "TOO_MANY_KEYS"
    assert trader.api.delete(f"/user/keys/{first.key_id}").status == 200
    make_key(trader)
    monkeypatch.setattr(services, "KEYS_MAX", 30)
    monkeypatch.setattr(services, "MADE_A_DAY_MAX", 3)
    assert ask_for_key(trader, name="third").code == "TOO_MANY_KEYS"


def test_a_key_that_may_withdraw_keeps_its_list() -> None:
    trader = make_trader(0)
    key = make_key(trader, permissions=["withdraw"], addresses=["203.0.113.7"])
    path = f"/user/keys/{key.key_id}"
    assert trader.api.send("PATCH", path, b'{"addresses": []}').body["field"] == "addresses"
    assert trader.api.send("PATCH", path, b"{}").code == "MISSING_FIELD"
    changed = trader.api.send("PATCH", path, b'{"name": "cold", "addresses": ["203.0.113.8"]}')
    assert (changed.body["name"], changed.body["addresses"]) == ("cold", ["203.0.113.8/32"])
    with pytest.raises(IntegrityError, match="withdraws_from_somewhere"), transaction.atomic():
        ApiKey.objects.update(addresses=[])


def test_no_key_manages_keys_sessions_or_passwords() -> None:
    trader = make_trader(0)
    api = KeyApi(make_key(trader))
    own = ApiKey.objects.get().pk
    for method, path in (
        ("GET", "/user/keys"),
        ("POST", "/user/keys"),
        ("PATCH", f"/user/keys/{own}"),
        ("DELETE", f"/user/keys/{own}"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", "/auth/sessions/1"),
        ("POST", "/auth/password"),
        ("OPTIONS", "/user/orders"),
    ):
        answer = api.send(method, path)
        assert (answer.status, answer.code) == (403, "SCOPE_MISSING"), (method, path)


def test_a_new_password_and_ended_sessions_leave_keys() -> None:
    trader = make_trader(0)
    key = make_key(trader)
    changed = trader.api.post(
        "/auth/password", {"password": "correct horse battery", "newPassword": "staple of my own"}
    )
    assert changed.status == 200
    assert KeyApi(key).get("/user/orders").status == 200


class _Away:
    def cursor(self) -> Any:
        raise OperationalError("down")


def test_uses_are_added_up_and_survive_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(make_trader(0))
    uses.count(key.key_id, ip_address("203.0.113.7"))
    with monkeypatch.context() as patched:
        patched.setattr(uses_module, "connection", _Away())
        uses.flush()
    uses.count(key.key_id, ip_address("2001:db8::1"))
    uses.flush()
    row = ApiKey.objects.get()
    assert (row.use_count, row.last_address) == (2, "2001:db8::1")
    uses.flush()
    assert ApiKey.objects.get().use_count == 2


def test_whoever_ends_waits_for_what_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ended meanwhile lost what its thread was writing."""
    said: list[str] = []
    first_writes, may_end = threading.Event(), threading.Event()

    def flush() -> None:
        said.append("begins")
        first_writes.set()
        may_end.wait(PATIENCE_S)
        said.append("has written")

    counting = Uses()
    monkeypatch.setattr(counting, "flush", flush)
    threads = [threading.Thread(target=counting.write_now) for _ in range(2)]
    threads[0].start()
    assert first_writes.wait(PATIENCE_S)
    threads[1].start()
    threads[1].join(0.05)
    may_end.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert said == ["begins", "has written"] * 2


def test_secrets_are_sealed_anew(settings: Any) -> None:
    trader = make_trader(0)
    key = make_key(trader)
    old = settings.API_KEY_SECRETS[0]
    before = bytes(ApiKey.objects.get().sealed_secret or b"")
    settings.API_KEY_SECRETS = ["another sealing secret, of 32 letters", old]
    known_keys.forget()
    assert KeyApi(key).get("/user/orders").status == 200
    call_command("resealkeys")
    assert bytes(ApiKey.objects.get().sealed_secret or b"") != before
    settings.API_KEY_SECRETS = settings.API_KEY_SECRETS[:1]
    known_keys.forget()
    assert KeyApi(key).get("/user/orders").status == 200
    call_command("resealkeys")
    settings.API_KEY_SECRETS = ["one that has never sealed anything at all"]
    known_keys.forget()
    assert KeyApi(key).get("/user/orders").code == "INVALID_SIGNATURE"
    with pytest.raises(CommandError, match="opens with none"):
        call_command("resealkeys")


def test_without_a_sealing_secret_only_public_keys_are_taken(settings: Any) -> None:
    settings.API_KEY_SECRETS = []
    trader = make_trader(0)
    assert ask_for_key(trader).body["field"] == "publicKey"
    assert KeyApi(make_ed25519_key(trader)).get("/user/orders").status == 200
    with pytest.raises(CommandError, match="is empty"):
        call_command("resealkeys")


def test_what_is_over_is_forgotten() -> None:
    trader = make_trader(0)
    kept, gone = make_key(trader), make_key(trader, name="old")
    services.delete_key(trader.user.pk, gone.key_id)
    ApiKey.objects.filter(pk=gone.key_id).update(
        revoked_at=datetime.now(UTC) - services.KEPT_FOR - timedelta(hours=1)
    )
    for digest, ahead in (("a", -1), ("b", 60)):
        until = datetime.now(UTC) + timedelta(seconds=ahead)
        ServedRequest.objects.create(digest=digest, good_until=until)
    forget_old_sessions()
    assert ApiKey.objects.get().pk == kept.key_id
    assert ServedRequest.objects.get().digest == "b"


def test_an_operator_revokes_once() -> None:
    trader, operator = make_trader(0), make_trader(0)
    key = make_key(trader)
    services.revoke_key(key.key_id, operator.user, " leaked ")
    row = ApiKey.objects.get()
    assert (row.revoked_by, row.revoke_reason) == (operator.user, "leaked")
    with pytest.raises(DomainError, match="revoked already"):
        services.revoke_key(key.key_id, operator.user, "again")
    assert trader.api.get("/user/keys").body == {"keys": []}
