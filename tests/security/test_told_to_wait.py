"""Who is told to wait for one thing is not refused another, nor is anybody else at that address."""

import json
from typing import Any

import pytest
import redis

from tests.trading.client import make_market, make_trader
from tests.trading.test_intake_served import Served, served

__all__ = ["served"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market(transactional_db: None, redis_db: redis.Redis) -> Any:
    return make_market()


def post(
    served: Served, path: str, body: Any, token: str | None = None
) -> tuple[int, dict[str, str]]:
    to = served.connect()
    headers = {"Content-Type": "application/json"}
    to.request(
        "POST",
        path,
        json.dumps(body),
        headers | ({"Authorization": f"Bearer {token}"} if token else {}),
    )
    answer = to.getresponse()
    answer.read()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}


def test_resets_of_one_name_are_no_reason_to_refuse_another_at_that_address(
    served: Served,
) -> None:
    trader = make_trader()
    while True:
        status, headers = post(served, "/auth/password/reset", {"username": "somebody"})
        if status == 429:
            break
        assert status == 202
    assert headers["x-ratelimit-remaining"] == "0"
    assert post(served, "/auth/password/reset", {"username": "another"})[0] == 202
    assert post(served, "/auth/refresh", {"refresh": trader.refresh})[0] == 200


def test_mails_that_were_asked_for_are_no_reason_to_refuse_other_calls(served: Served) -> None:
    trader = make_trader()
    body = {"mail": "somebody@example.com", "password": "a wrong one"}
    while post(served, "/user/mail", body, trader.api.token)[0] != 429:
        pass
    preview = {"marketId": "BTC-PERP", "side": "LONG", "qty": "1", "orderType": "limit"}
    assert post(served, "/order/preview", preview, trader.api.token)[0] != 429
