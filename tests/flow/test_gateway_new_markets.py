"""Streams of a market that the gateway's process has yet to hear of."""

import asyncio
from collections.abc import Callable

import pytest

from tests.flow.committed import committed
from tests.flow.exchange import Exchange, Trader
from tests.flow.test_gateway_streams import connected
from tests.flow.venue import make_account

pytestmark = pytest.mark.django_db


def test_a_market_that_comes_while_a_client_listens(
    new_trader: Callable[..., Trader], exchange: Exchange
) -> None:
    """Its streams are there at once, and what happens in it to an account is all told."""
    maker, owner = new_trader("100000"), new_trader("100000")
    account = make_account(owner)
    key = account.send("POST", "/fapi/v1/listenKey").json()["listenKey"]

    async def script() -> None:
        async with connected(account, f"/private/ws/{key}") as hear:
            await asyncio.to_thread(committed, exchange.open_market, "LATE-PERP")
            async with connected(account, "/ws/nope@trade/lateusdt@trade") as hear_trades:
                maker.market_id = owner.market_id = "LATE-PERP"
                await asyncio.to_thread(maker.place, "SHORT", "0.1", "50000")
                bought = await asyncio.to_thread(owner.place, "LONG", "0.1", None)
                trade = await hear_trades()
                assert (trade["s"], trade["q"]) == ("LATEUSDT", "0.100")
                while (event := await hear())["e"] != "ORDER_TRADE_UPDATE":
                    pass
                assert (event["o"]["i"], event["o"]["x"]) == (bought, "NEW")

    asyncio.run(script())
