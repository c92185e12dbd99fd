"""`clients/python` on real processes: money out and back again, statements, daily files."""

import asyncio
import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange_client import AsyncClient, Client, NotFound, Tokens, calls
from exchange_client.errors import ApiError, BrokenFile
from exchange_client.models.money import DailyFile as FileToldOf
from exchange_client.models.money import Withdrawal
from msgspec.structs import replace

from custody.sending import send_due_payouts
from custody.tasks import ask_custody
from persistence.downloads.day_lines import HEADS
from persistence.downloads.models import DailyFile, FileKind
from tests.flow.committed import committed
from tests.flow.daily_file import TRADED, file_of_today
from tests.flow.exchange import Exchange, Trader
from tests.withdrawals.chain import blocks, call, played_chain

__all__ = ["file_of_today"]

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db

D = Decimal
ON_CHAIN = "dm1" + "p" * 40


@pytest.fixture
def trader(new_trader: NewTrader) -> Trader:
    return new_trader()


def client_of(trader: Trader) -> Client:
    return Client(trader.exchange.url, Tokens(trader.token))


def put_in_book(trader: Trader) -> None:
    """As a person does; nothing cools in the demo."""
    entry = {"network": "demo", "address": ON_CHAIN, "label": "mine"}
    answer = trader.send("POST", "/user/withdrawal-addresses", json=entry)
    assert answer.status_code == 201, answer.text


def available(trader: Trader) -> Decimal:
    return D(trader.equity()["available"])


def test_what_waits_for_an_operator_is_cancelled(trader: Trader) -> None:
    with client_of(trader) as client:
        assert client.withdrawals().withdrawals == []
        with pytest.raises(ApiError) as refused:
            client.withdraw(D(1), "demo", ON_CHAIN)
        assert 400 <= refused.value.status < 500
        put_in_book(trader)
        (known,) = client.withdrawal_addresses().addresses
        assert (known.network, known.address) == ("demo", ON_CHAIN)
        asked = client.withdraw(D(600), "demo", ON_CHAIN, idempotency_key="once")
        assert (asked.status, asked.amount) == ("waiting", D(600))
        again = client.withdraw(D(600), "demo", ON_CHAIN, idempotency_key="once")
        assert again == asked
        assert available(trader) == D(9400)
        assert client.cancel_withdrawal(asked.id).status == "cancelled"
        assert available(trader) == D(10_000)
        assert [one.status for one in client.withdrawals().withdrawals] == ["cancelled"]
        with pytest.raises(NotFound):
            client.cancel_withdrawal(987_654)


def test_a_withdrawal_arrives(trader: Trader, settings: Any, tmp_path: Path) -> None:
    """This process takes the worker's steps, and plays the chain that the money leaves by."""
    put_in_book(trader)

    async def sent() -> Withdrawal:
        async with AsyncClient(trader.exchange.url, Tokens(trader.token)) as client:
            return await client.withdraw(D("120.5"), "demo", ON_CHAIN)

    asked = asyncio.run(sent())
    assert asked.status == "approved"  # so little goes by itself
    with client_of(trader) as client, played_chain(trader.exchange.logs, settings) as chain:

        def now() -> Withdrawal:
            (one,) = client.withdrawals(limit=1).withdrawals
            return one

        committed(send_due_payouts)
        assert now().status == "sending"
        blocks(chain)
        committed(ask_custody)
        assert (now().status, now().confirmations) == ("sent", 1)
        blocks(chain, 2)
        committed(ask_custody)
        assert call(chain, "GET", f"/addresses/{ON_CHAIN}") == {"arrived": "120.5"}
        last = now()
        assert (last.id, last.status, bool(last.reference)) == (asked.id, "confirmed", True)
        path = client.save(calls.money.statement(), tmp_path / "statement.csv")
    assert available(trader) == D("9879.5")
    lines = path.read_text().splitlines()
    assert lines[0].startswith("record,")
    for kind in ("deposit", "withdrawal_hold", "withdrawal"):
        assert any(line.startswith("movement,") and f",{kind}," in line for line in lines), kind
    assert lines[-1].startswith("complete,")


def test_a_daily_file_is_listed_and_saved_whole(
    exchange: Exchange, file_of_today: DailyFile, tmp_path: Path
) -> None:
    with Client(exchange.url) as client:
        (told,) = client.daily_files(market_id=TRADED, kind=["trades", "candles"]).downloads
        assert (told.rows, told.bytes) == (file_of_today.row_count, file_of_today.size_bytes)
        path = client.save(calls.money.daily_file(told), tmp_path / "trades.csv.gz")
        head, *_, trade = gzip.decompress(path.read_bytes()).decode().splitlines()
        assert head == HEADS[FileKind.TRADES]
        assert trade.endswith(",LONG,50010,0.01,TRADE")
        other: FileToldOf = replace(told, sha256="0" * 64)
        with pytest.raises(BrokenFile):
            client.save(calls.money.daily_file(other), tmp_path / "other.csv.gz")
    assert [one.name for one in tmp_path.iterdir()] == ["trades.csv.gz"]
