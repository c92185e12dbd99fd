"""What somebody else put into Redis by hand is left aside: it stops nobody but what it is about."""

import time

import pytest
import redis

from accounts.access.refusals import ENDED_SESSIONS_KEY, refusals
from accounts.models import Session
from common.sharing.members import Members
from common.sharing.versions import PARTS_KEY, check_beside_others, this_process
from console.health.report import exchange_status
from console.health.streams import read_redis_service
from markets.models import Market
from matching.messages.codec import CONTRACT
from matching.messages.streams import depth_key, heartbeat_key, ticker_key
from persistence.worker_heartbeat import WORKER_HEARTBEAT_KEY
from tests.trading.client import Trader, forget_caches

pytestmark = pytest.mark.django_db

RUBBISH = [b"", b"\xff", b"{", b"{}", b"[" * 20_000, b"9" * 5_000, b"null", b'{"seq": "\\ud800"}']


def later_ms() -> float:
    return (time.time() + 3_600) * 1_000


def test_others_are_let_in_beside_rubbish_among_ended_sessions(
    trader: Trader, redis_db: redis.Redis
) -> None:
    session = Session.objects.get(user=trader.user)
    redis_db.zadd(ENDED_SESSIONS_KEY, dict.fromkeys(RUBBISH[:5], later_ms()))
    redis_db.zadd(ENDED_SESSIONS_KEY, {"1" * 30: later_ms(), "7777": float("inf")})
    refusals.forget()
    assert trader.api.get("/user/orders").status == 200
    redis_db.zadd(ENDED_SESSIONS_KEY, {str(session.pk): later_ms()})
    refusals.forget()
    assert trader.api.get("/user/orders").code == "SESSION_ENDED"


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_a_market_shows_what_is_recorded_where_rubbish_was_published(
    trader: Trader, open_market: Market, redis_db: redis.Redis, rubbish: bytes
) -> None:
    redis_db.set(ticker_key(open_market.pk), rubbish)
    redis_db.set(depth_key(open_market.pk), rubbish)
    forget_caches()
    for path in ("", "/ticker", "/depth"):
        assert trader.api.get(f"/markets/{open_market.pk}{path}").status == 200, path
    assert trader.api.get("/tickers").status == 200


def test_the_status_shows_rubbish_and_goes_on(open_market: Market, redis_db: redis.Redis) -> None:
    redis_db.hset(WORKER_HEARTBEAT_KEY, mapping={b"\xff": b"\xff", b"w": b"1e3", b"x": b"1"})
    for number, rubbish in enumerate(RUBBISH):
        redis_db.hset(heartbeat_key(open_market.pk), b"\xff%d" % number, rubbish)
    (market,) = exchange_status().markets
    assert market.market_id == open_market.pk
    assert set(read_redis_service(redis_db).worker_ages_ms) == {"x"}


def test_parts_start_and_share_beside_rubbish(redis_db: redis.Redis) -> None:
    redis_db.zadd(PARTS_KEY, dict.fromkeys(RUBBISH, later_ms()))
    check_beside_others(this_process("api", CONTRACT), redis_db)
    redis_db.zadd("sharing", {b"\xff": later_ms()})
    one = Members("sharing", "one", 10.0)
    one.renew(redis_db)
    assert one.names == ("\\xff", "one")
