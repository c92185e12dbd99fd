"""python-binance and the venue's own SDK, unmodified."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from binance import AsyncClient, BinanceSocketManager, Client
from binance.exceptions import BinanceAPIException
from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)

from tests.flow.exchange import Trader
from tests.flow.venue import Account, make_account, rest_an_ask
from tests.patience import PATIENCE_S

NewTrader = Callable[..., Trader]
pytestmark = pytest.mark.django_db
SYMBOL = "BTCUSDT"


@pytest.fixture
def account(new_trader: NewTrader) -> Account:
    return make_account(new_trader("100000"))


def python_binance(kind: Any, account: Account) -> Any:
    """Of its addresses only ours are left."""
    options = {"requests_params": {"timeout": PATIENCE_S}} if kind is Client else {}
    client = kind(
        account.key, account.secret, **({"ping": False} if kind is Client else {}), **options
    )
    for name in ("API_URL", "MARGIN_API_URL", "WEBSITE_URL", "OPTIONS_URL", "FUTURES_COIN_URL"):
        setattr(client, name, f"{account.url}/not-here")
    if kind is Client:
        client._request = account.settled(client._request)
    client.FUTURES_URL = f"{account.url}/fapi"
    client.FUTURES_DATA_URL = f"{account.url}/futures/data"
    return client


def test_python_binance(account: Account, new_trader: NewTrader) -> None:
    rest_an_ask(new_trader)
    client = python_binance(Client, account)
    assert client.futures_ping() == {}
    assert client.futures_exchange_info()["symbols"][0]["symbol"] == SYMBOL
    assert client.futures_order_book(symbol=SYMBOL, limit=5)["asks"] == [["50000.0", "0.500"]]
    assert client.futures_change_leverage(symbol=SYMBOL, leverage=5)["leverage"] == 5
    order = client.futures_create_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=0.1, price=48_000
    )
    assert (order["status"], order["positionSide"]) == ("NEW", "BOTH")
    assert client.futures_get_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "NEW"
    (listed,) = client.futures_get_open_orders(symbol=SYMBOL)
    assert listed["clientOrderId"] == order["clientOrderId"]
    gone = client.futures_cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    assert gone["status"] == "CANCELED"
    bought = client.futures_create_order(
        symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.1, newOrderRespType="RESULT"
    )
    assert (bought["status"], bought["avgPrice"]) == ("FILLED", "50000")
    risk = client.futures_position_information(symbol=SYMBOL)
    assert (risk[0]["positionAmt"], risk[0]["leverage"]) == ("0.100", "5")
    account_now = client.futures_account()
    assert account_now["positions"][0]["positionAmt"] == "0.100"
    available = account.trader.equity()["available"]
    assert client.futures_account_balance()[0]["availableBalance"] == available
    stop = client.futures_create_order(
        symbol=SYMBOL, side="SELL", type="STOP_MARKET", triggerPrice=48_000, closePosition="true"
    )
    assert stop["algoStatus"] == "NEW"
    client.futures_cancel_all_algo_open_orders(symbol=SYMBOL)
    assert client.futures_account_trades(symbol=SYMBOL)[0]["orderId"] == bought["orderId"]
    with pytest.raises(BinanceAPIException) as refused:
        client.futures_cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    assert refused.value.code == -2011


def test_python_binance_async_and_sockets(account: Account, new_trader: NewTrader) -> None:
    rest_an_ask(new_trader)

    async def script() -> None:
        client = python_binance(AsyncClient, account)
        manager = BinanceSocketManager(client)
        manager.FSTREAM_URL = f"{account.streams_url}/"
        try:
            async with (
                asyncio.timeout(PATIENCE_S),
                manager.futures_user_socket() as own,
                manager.futures_multiplex_socket(["btcusdt@aggTrade"]) as market,
            ):
                order = await client.futures_create_order(
                    symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.1
                )
                trade = await market.recv()
                assert (trade["data"]["p"], trade["data"]["q"]) == ("50000.0", "0.100")
                while (event := await own.recv())["e"] != "ORDER_TRADE_UPDATE":
                    pass
                assert event["o"]["i"] == order["orderId"]
        finally:
            await client.close_connection()

    asyncio.run(script())


def test_the_venues_sdk(account: Account, new_trader: NewTrader) -> None:
    rest_an_ask(new_trader)
    settings = ConfigurationRestAPI(
        api_key=account.key,
        api_secret=account.secret,
        base_path=account.url,
        timeout=int(PATIENCE_S * 1_000),
    )
    api: Any = DerivativesTradingUsdsFutures(config_rest_api=settings).rest_api
    api.new_order, api.modify_order, api.cancel_order = map(
        account.settled, (api.new_order, api.modify_order, api.cancel_order)
    )
    info = api.exchange_information().data()
    assert info.symbols is not None
    assert info.symbols[0].symbol == SYMBOL
    assert api.order_book(symbol=SYMBOL).data().asks == [["50000.0", "0.500"]]
    bought = api.new_order(
        symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.1, new_order_resp_type="RESULT"
    ).data()
    assert (bought.status, bought.executed_qty) == ("FILLED", "0.100")
    risk = api.position_information_v3(symbol=SYMBOL).data()
    assert (risk[0].position_amt, risk[0].entry_price) == ("0.100", "50000")
    assert api.account_information_v3().data().assets[0].asset == "USDT"
    assert api.account_trade_list(symbol=SYMBOL).data()[0].order_id == bought.order_id
    resting = api.new_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", quantity=0.1, price=48_000, time_in_force="GTC"
    ).data()
    changed = api.modify_order(
        symbol=SYMBOL, side="BUY", quantity=0.1, price=47_000, order_id=resting.order_id
    ).data()
    assert changed.price == "47000.0"
    gone = api.cancel_order(symbol=SYMBOL, order_id=resting.order_id).data()
    assert gone.status == "CANCELED"
    api.change_initial_leverage(symbol=SYMBOL, leverage=20)
    assert api.start_user_data_stream().data().listen_key
