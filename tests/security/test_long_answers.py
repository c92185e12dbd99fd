"""Answers too long for memory: whole at their client's, in nobody's way before that."""

import json
from functools import partial
from typing import Any

import psutil
import pytest
from django.db import connection
from django.http import StreamingHttpResponse

from exchange_site.edge import apart
from tests.trading.client import Trader, make_market, make_trader
from tests.trading.test_intake_served import Served, ask, served
from trading.models import FeeTier, UserFeeTier

__all__ = ["served"]

pytestmark = pytest.mark.django_db(transaction=True)
LINES = 3_000
ROUNDS = 12
READS_PER_S = 1_000  # a statement costs many, and these shall not wait


@pytest.fixture
def trader(redis_db: Any) -> Trader:
    make_market()
    trader = make_trader(0)
    tier = FeeTier.objects.create(
        name="Reader", maker_fee_ppm=0, taker_fee_ppm=0, reads_per_s=READS_PER_S
    )
    UserFeeTier.objects.create(user=trader.user, tier=tier)
    return trader


def pay_in_often(trader: Trader) -> None:
    """As many deposits would, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH entry AS (
                INSERT INTO ledger_journalentry (kind, created_at)
                SELECT 'deposit', now() FROM generate_series(1, %(lines)s) RETURNING id
            ), paid AS (
                UPDATE ledger_wallet SET available_units = %(lines)s WHERE user_id = %(user)s
            )
            INSERT INTO ledger_posting (entry_id, account_id, amount_units)
            SELECT entry.id, a.id, CASE a.kind WHEN 'deposits' THEN -1 ELSE 1 END
              FROM entry, ledger_account a
             WHERE a.kind = 'deposits' OR (a.kind = 'available' AND a.user_id = %(user)s)
            """,
            {"lines": LINES, "user": trader.user.pk},
        )


def open_files(served: Served) -> int:
    server = psutil.Process(served.process.pid)
    return sum(one.num_fds() for one in (server, *server.children(recursive=True)))


@pytest.mark.parametrize("size", [10, 1_000_000], ids=["at its end", "on the way"])
def test_where_there_is_no_room_for_one_that_is_said(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def application(_environ: Any, start: Any) -> StreamingHttpResponse:
        start("200 OK", [("Content-Type", "application/json")])
        return StreamingHttpResponse([b"x" * size])

    monkeypatch.setattr("tempfile.TemporaryFile", partial(open, "/dev/full", "wb"))
    status, headers, body = apart._answer_of(application, {}, b"")
    assert isinstance(body, bytes)
    assert (status, json.loads(body)["code"]) == ("503 Service Unavailable", "BUSY")
    assert ("Content-Type", "application/json") in headers


def test_a_statement_is_whole_and_leaves_no_file_open(trader: Trader, served: Served) -> None:
    pay_in_often(trader)
    status, said = ask(served.connect(), trader, "GET", "/user/statement")[:2]
    assert status == 200
    said = said if isinstance(said, dict) else json.loads(said)
    assert len(said["movements"]) == LINES
    assert said["complete"] is True
    # A file left open by each statement would show as ROUNDS more; threads and connections that
    # the server takes on as it goes are few, and most of them are there after the first round.
    open_after = []
    for _ in range(2):
        for _ in range(ROUNDS):
            client = served.connect()
            assert ask(client, trader, "GET", "/user/statement?to=1")[0] == 200
            client.close()
        open_after.append(open_files(served))
    assert open_after[1] < open_after[0] + ROUNDS
