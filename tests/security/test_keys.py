"""What a stolen dump, a replayed request and a stolen key can't do; on both paths to the API."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.db import connection

from accounts.access.refusals import POSTGRES_REFRESH_S
from accounts.keys import replays as replays_module
from accounts.keys.headers import AHEAD_MS_MAX, WINDOW_MS_DEFAULT, WINDOW_MS_MAX
from accounts.keys.known import REFRESH_S, KnownKeys, known_keys
from accounts.keys.replays import Replays, replays
from accounts.keys.services import delete_key
from accounts.models import ApiKey
from accounts.services import suspend_user
from tests.builders.keys import (
    LET_IN,
    WRONG_ORDER,
    Key,
    KeyApi,
    KeyIntakeApi,
    hmac_signs,
    make_ed25519_key,
    make_key,
    send_signed,
    sent,
)
from tests.trading.client import (
    Answer,
    Api,
    Trader,
    make_trader,
    order_body,
)
from tests.trading.intake_server import IntakeApi
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)

KNOWN_CLOCK = "accounts.keys.known.time.monotonic"


# --- what is signed -------------------------------------------------------------------------------


def test_an_order_is_placed_and_cancelled_with_a_key(key: Key, path_to_api: type[Api]) -> None:
    api = KeyApi(key) if path_to_api is Api else KeyIntakeApi(key)
    placed = api.post("/order", order_body(clientOrderId="mine"))
    assert placed.status == 202, placed
    batch = api.post("/orders/batch", {"orders": [order_body(), order_body(qty="0")]})
    assert [one["ok"] for one in batch.body["results"]] == [True, False]
    order = placed.body["orderId"]
    Order.objects.update(status="open")
    assert api.delete(f"/order/{order}").status == 202
    assert api.delete(f"/orders/batch?orderIds={order}").status == 202
    assert api.delete("/order?clientOrderId=mine").status in (202, 409)


def test_each_byte_counts(key: Key, trader: Trader, path_to_api: type[Api]) -> None:
    other = make_key(trader, name="other")
    timestamp = time.time_ns() // 1_000_000
    right: Any = {
        "method": "DELETE",
        "target": "/orders/batch?orderIds=17",
        "timestamp": timestamp,
        "window": "5000",
    }
    for wrong in (
        {"method": "GET"},
        {"target": "/orders/batcg?orderIds=17"},
        {"target": "/orders/batch?orderIds=18"},
        {"target": "/orders/batch?orderIds=17&"},
        {"body": b" "},
        {"timestamp": timestamp - 1},
        {"window": "5001"},
        {"window": ""},
    ):
        sent_headers = key.headers(**right) | {
            "HTTP_X_API_SIGNATURE": key.headers(**right | wrong)["HTTP_X_API_SIGNATURE"]
        }
        answer = path_to_api().send("DELETE", "/orders/batch?orderIds=17", b"", **sent_headers)
        assert (answer.status, answer.code) == (401, "INVALID_SIGNATURE"), wrong
    as_others = key.headers(**right) | {"HTTP_X_API_KEY": other.public_id}
    answer = path_to_api().send("DELETE", "/orders/batch?orderIds=17", b"", **as_others)
    assert answer.code == "INVALID_SIGNATURE"


def test_a_body_that_was_changed_is_refused(key: Key, path_to_api: type[Api]) -> None:
    headers = key.headers("POST", "/order", WRONG_ORDER)
    changed = WRONG_ORDER.replace(b"LONG", b"LONg")
    assert send_signed(path_to_api(), headers, changed).code == "INVALID_SIGNATURE"
    assert send_signed(path_to_api(), headers, WRONG_ORDER + b" ").code == "INVALID_SIGNATURE"
    assert send_signed(path_to_api(), headers).status == LET_IN


def test_a_stolen_dump_signs_nothing(trader: Trader, path_to_api: type[Api]) -> None:
    key = make_key(trader)
    ed = make_ed25519_key(trader, name="ed")
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(k::text, ' ') FROM accounts_apikey k")
        (dump,) = cursor.fetchone()
    assert key.secret is not None
    assert key.secret not in dump
    assert key.secret.encode().hex() not in dump
    row, other = ApiKey.objects.get(pk=key.key_id), ApiKey.objects.get(pk=ed.key_id)
    for kept in (bytes(row.sealed_secret or b"").hex(), bytes(other.public_key or b"").hex()):
        for mine in (key, ed):
            forged = Key(mine.key_id, mine.public_id, hmac_signs(kept))
            assert sent(path_to_api, forged).code == "INVALID_SIGNATURE"


def test_a_sealed_secret_opens_in_its_own_row_alone(trader: Trader) -> None:
    mine, theirs = make_key(make_trader(0)), make_key(trader)
    ApiKey.objects.filter(pk=theirs.key_id).update(
        sealed_secret=ApiKey.objects.get(pk=mine.key_id).sealed_secret
    )
    known_keys.forget()
    forged = Key(theirs.key_id, theirs.public_id, mine.sign)
    assert sent(Api, forged).code == "INVALID_SIGNATURE"


def test_a_key_that_is_not_there_answers_as_a_wrong_signature(
    key: Key, path_to_api: type[Api]
) -> None:
    kind = key.public_id[:2]
    unknown = Key(0, kind + "0" * 32, key.sign)
    wrong = Key(0, key.public_id, lambda message: key.sign(message + b"!"))
    one, two = sent(path_to_api, unknown), sent(path_to_api, wrong)
    assert (one.status, one.body) == (two.status, two.body)
    assert one.code == "INVALID_SIGNATURE"


# --- time -----------------------------------------------------------------------------------------


def test_the_window_has_edges(
    key: Key, path_to_api: type[Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_ms = time.time_ns() // 1_000_000
    for offset_ms, window, is_let_in in (
        (WINDOW_MS_DEFAULT, "", True),
        (WINDOW_MS_DEFAULT + 1, "", False),
        (20, "20", True),
        (21, "20", False),
        (WINDOW_MS_MAX, str(WINDOW_MS_MAX), True),
        (-AHEAD_MS_MAX, "", True),
        (-AHEAD_MS_MAX - 1, "", False),
    ):
        now_ns = (signed_ms + offset_ms) * 1_000_000
        monkeypatch.setattr("accounts.keys.headers.time.time_ns", lambda at=now_ns: at)
        replays.forget()
        answer = sent(path_to_api, key, timestamp=signed_ms, window=window)
        if is_let_in:
            assert answer.status == LET_IN or answer.code == "REPLAYED", (offset_ms, answer)
        else:
            assert (answer.status, answer.code) == (401, "TIMESTAMP_OUTSIDE_WINDOW"), offset_ms
            assert answer.body["serverTimeMs"] == signed_ms + offset_ms


RUBBISH = "x", "x" * 10_000, "\x00", "\u00e9", "-1", "1e3", "1,1", " ", "9" * 40, "\u0663", "60001"


def test_rubbish_in_headers_is_refused(trader: Trader, path_to_api: type[Api]) -> None:
    key = make_key(trader)
    for name in ("KEY", "TIMESTAMP", "WINDOW", "SIGNATURE"):
        for value in RUBBISH:
            headers = key.headers("POST", "/order", WRONG_ORDER, window="5000")
            answer = send_signed(path_to_api(), headers | {f"HTTP_X_API_{name}": value})
            assert answer.status in (400, 401), (name, value, answer)
    assert not Order.objects.exists()


def test_a_header_that_is_missing_is_named(key: Key, path_to_api: type[Api]) -> None:
    headers = key.headers("POST", "/order", WRONG_ORDER)
    for name in list(headers):
        answer = send_signed(path_to_api(), {n: v for n, v in headers.items() if n != name})
        assert (answer.status, answer.code) == (401, "AUTHENTICATION_FAILED")
        assert (
            name.removeprefix("HTTP_").replace("_", "-").lower() in answer.body["message"].lower()
        )


def test_a_token_and_a_key_are_not_sent_together(
    trader: Trader, key: Key, path_to_api: type[Api]
) -> None:
    headers = key.headers("POST", "/order", WRONG_ORDER)
    answer = send_signed(path_to_api(trader.api.token), headers)
    assert (answer.status, answer.code) == (401, "AUTHENTICATION_FAILED")


# --- replays --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "paths", [(Api, Api), (IntakeApi, IntakeApi), (Api, IntakeApi), (IntakeApi, Api)]
)
def test_a_replayed_order_is_refused(key: Key, paths: tuple[type[Api], type[Api]]) -> None:
    body = json.dumps(order_body()).encode()
    headers = key.headers("POST", "/order", body)
    first, second = (send_signed(path(), headers, body) for path in paths)
    assert first.status == 202
    assert (second.status, second.code) == (401, "REPLAYED")
    shouting = headers | {"HTTP_X_API_SIGNATURE": headers["HTTP_X_API_SIGNATURE"].upper()}
    assert send_signed(paths[1](), shouting, body).code == "REPLAYED"
    assert Order.objects.count() == 1


def test_of_a_replay_nothing_else_is_said(key: Key, path_to_api: type[Api]) -> None:
    """Whatever is wrong with it: order intake has read it by then."""
    rubbish = b'{"marketId": "BTC'
    headers = key.headers("POST", "/order", rubbish)
    codes = [send_signed(path_to_api(), headers, rubbish).code for _ in range(2)]
    assert codes == ["MALFORMED_JSON", "REPLAYED"]


def test_a_replayed_read_is_served(key: Key) -> None:
    headers = key.headers("GET", "/user/orders")
    assert [Api().send("GET", "/user/orders", b"", **headers).status for _ in range(2)] == [
        200,
        200,
    ]


def away() -> Any:
    raise redis.ConnectionError("down")


@pytest.mark.parametrize("path", ["/order", "/user/onramp"])
def test_a_replay_is_refused_whatever_becomes_of_redis(
    key: Key,
    path_to_api: type[Api],
    path: str,
    redis_db: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = json.dumps({"amount": "5"} if path == "/user/onramp" else order_body()).encode()

    def send(headers: dict[str, str]) -> Answer:
        return path_to_api().send("POST", path, body, **headers)

    def signed() -> dict[str, str]:
        while time.time_ns() // 1_000_000 <= (replays._missed_since_ms or 0):
            time.sleep(0.001)
        return key.headers("POST", path, body)

    before = signed()
    assert send(before).status in (200, 202)
    with monkeypatch.context() as patched:
        patched.setattr(replays_module, "limits_redis_client", away)
        assert send(before).code in ("REPLAYED", "REDIS_UNAVAILABLE")
        meanwhile = signed()
        assert send(meanwhile).status in (200, 202), "it goes on without Redis"
        assert send(meanwhile).code == "REPLAYED"
    assert send(meanwhile).code == "REPLAYED"
    kept: Any = redis_db.keys("accounts:keys:*")
    redis_db.delete(*kept)
    assert send(meanwhile).code == "REPLAYED"
    assert send(signed()).status in (200, 202)


def test_of_many_at_once_one_is_served() -> None:
    spent = replays_module.Spent("a" * 64, 1, time.time_ns() // 1_000_000 + 5_000)
    other = replays_module.Spent("b" * 64, 1, time.time_ns() // 1_000_000 + 5_000)
    found = Replays().refuse([spent, other, spent])
    assert [one is None for one in found] == [True, True, False]
    durably = Replays().refuse([other, spent], durably=True)
    assert all(durably)


# --- who may no more ------------------------------------------------------------------------------


def later(monkeypatch: pytest.MonkeyPatch, clock: str, by_s: float) -> None:
    now = time.monotonic()
    monkeypatch.setattr(clock, lambda: now + by_s)


def test_other_processes_learn_of_a_deleted_key_within_seconds(
    trader: Trader, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = KnownKeys()
    met = elsewhere.get(key.public_id)
    assert met is not None
    delete_key(trader.user.pk, key.key_id)
    assert elsewhere.get(key.public_id) is met
    later(monkeypatch, KNOWN_CLOCK, REFRESH_S + 0.1)
    found = elsewhere.get(key.public_id)
    assert found is not None
    assert found.is_revoked
    assert REFRESH_S < 15


def test_keys_that_were_met_one_after_another_fall_due_together(
    trader: Trader, key: Key, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    other, elsewhere, second = make_key(trader, name="other"), KnownKeys(), 1_000.0
    for at_s, one in ((second + 0.1, key), (second + 0.9, other)):
        monkeypatch.setattr(KNOWN_CLOCK, lambda at_s=at_s: at_s)
        elsewhere.get(one.public_id)
    monkeypatch.setattr(KNOWN_CLOCK, lambda: second + REFRESH_S - 0.1)
    with django_assert_num_queries(0):
        elsewhere.read([key.public_id, other.public_id])
    monkeypatch.setattr(KNOWN_CLOCK, lambda: second + REFRESH_S)
    with django_assert_num_queries(1):
        elsewhere.read([key.public_id, other.public_id])
        elsewhere.get(key.public_id)
        elsewhere.get(other.public_id)


def test_a_deleted_key_is_refused_at_once_where_it_was_deleted(
    trader: Trader, key: Key, path_to_api: type[Api]
) -> None:
    assert sent(path_to_api, key).status == LET_IN
    delete_key(trader.user.pk, key.key_id)
    answer = sent(path_to_api, key)
    assert (answer.status, answer.code) == (401, "INVALID_KEY")


def test_an_expired_key_is_refused(key: Key, path_to_api: type[Api]) -> None:
    assert sent(path_to_api, key).status == LET_IN
    ApiKey.objects.update(expires_at=datetime.now(UTC))
    known_keys.forget()
    answer = sent(path_to_api, key)
    assert (answer.code, "expired" in answer.body["message"]) == ("INVALID_KEY", True)


def test_a_key_of_a_suspended_owner_is_refused(
    trader: Trader, key: Key, path_to_api: type[Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sent(path_to_api, key).status == LET_IN
    suspend_user(trader.user)
    answer = sent(path_to_api, key)
    assert (answer.status, answer.code) == (403, "ACCOUNT_SUSPENDED")
    assert POSTGRES_REFRESH_S <= 15


@pytest.mark.usefixtures("still")
def test_asking_takes_no_query(key: Key, django_assert_num_queries: Any) -> None:
    api = KeyApi(key)
    api.get("/user/keys")
    with django_assert_num_queries(0):
        assert api.get("/user/keys").code == "SCOPE_MISSING"
