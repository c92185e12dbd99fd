"""Orders over a socket: answered, refused, cut and sent again."""

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import httpx
import pytest
from exchange_client import (
    ApiError,
    AsyncClient,
    Credentials,
    HmacKey,
    NewOrder,
    OrderNotOpen,
    OrderSocket,
    OutcomeUnknown,
    Tokens,
)
from exchange_client.feeds import order_socket
from exchange_client.retries import Retries
from feed_double import FeedDouble, Peer

ORDER = NewOrder.limit("X", "LONG", Decimal(1), Decimal(10), leverage=5)
PLACED = {"message": "Order received.", "orderId": 7, "status": "pending"}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_socket, "BACKOFF", Retries(first_s=0.0))


def socket_of(
    double: FeedDouble, who: Credentials | None = None, timeout_s: float = 20.0
) -> OrderSocket:
    http = httpx.AsyncClient(transport=httpx.MockTransport(double.http))
    client = AsyncClient("https://exchange.example", who or HmacKey("public", "secret"), http=http)
    return OrderSocket(client, url=double.url, timeout_s=timeout_s)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


async def acknowledge(peer: Peer) -> dict[str, Any]:
    asked = await peer.hear()
    await peer.say({"op": "ack", "id": asked["id"], "status": 202, "answer": PLACED})
    return asked


def test_answers_find_those_who_asked() -> None:
    async def act(peer: Peer) -> None:
        await peer.sign_in()
        first, second = await peer.hear(), await peer.hear()
        assert (first["op"], first["order"]["price"]) == ("place", "10")
        assert second == {"op": "cancel", "id": 2, "clientOrderId": "mine"}
        no = {"op": "error", "id": 2, "status": 409, "code": "ORDER_NOT_OPEN", "message": "no"}
        await peer.say(no, {"op": "ack", "id": 1, "status": 202, "answer": PLACED})
        await peer.stay()

    async def scenario() -> None:
        async with FeedDouble(act) as double, socket_of(double) as socket:
            placing = asyncio.create_task(socket.place(ORDER))
            await asyncio.sleep(0)
            with pytest.raises(OrderNotOpen):
                await socket.cancel(client_order_id="mine")
            assert (await placing).order_id == 7

    run(scenario())


def test_what_a_cut_leaves_unanswered_is_sent_again() -> None:
    heard: list[dict[str, Any]] = []

    async def first(peer: Peer) -> None:
        await peer.sign_in()
        heard.append(await peer.hear())
        peer.cut()

    async def second(peer: Peer) -> None:
        await peer.sign_in()
        heard.append(await acknowledge(peer))
        await peer.stay()

    async def scenario() -> None:
        async with FeedDouble(first, second) as double, socket_of(double) as socket:
            assert (await socket.place(ORDER)).order_id == 7

    run(scenario())
    assert heard[0] == heard[1]
    assert heard[0]["order"]["clientOrderId"] == ORDER.client_order_id


def test_who_is_signed_out_signs_in_again() -> None:
    over = {"op": "error", "code": "TOKEN_EXPIRED", "message": "over"}

    async def first(peer: Peer) -> None:
        await peer.sign_in()
        await peer.hear()
        await peer.say(over)
        await peer.stay()

    async def second(peer: Peer) -> None:
        assert (await peer.hear())["token"] == "t1"
        await peer.say(over)
        assert (await peer.sign_in())["token"] == "t2"
        await acknowledge(peer)
        await peer.stay()

    async def scenario() -> None:
        async with FeedDouble(first, second) as double:
            async with socket_of(double, Tokens("t1", "r1")) as socket:
                await socket.place(ORDER)
            assert double.asked == ["/auth/refresh"]

    run(scenario())


def test_a_key_that_may_not_is_told_to_all() -> None:
    async def act(peer: Peer) -> None:
        await peer.hear()
        await peer.say({"op": "error", "code": "INVALID_KEY", "message": "no"})
        await peer.stay()

    async def scenario() -> None:
        async with FeedDouble(act) as double, socket_of(double) as socket:
            for _ in range(2):
                with pytest.raises(ApiError, match="INVALID_KEY"):
                    await socket.place(ORDER)

    run(scenario())


def test_nobody_waits_for_ever() -> None:
    async def act(peer: Peer) -> None:
        await peer.sign_in()
        await peer.stay()

    async def scenario() -> None:
        async with FeedDouble(act) as double, socket_of(double, timeout_s=0.1) as socket:
            with pytest.raises(OutcomeUnknown, match="not answered"):
                await socket.place(ORDER)

    run(scenario())
