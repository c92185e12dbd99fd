"""① Answers that wait for engines: what is put into them, and how a view says what to wait for.

A view holds a thread, so it doesn't wait. It answers at once and names the orders in a header,
which order intake takes away again after it has waited on the loop (`trading.intake.app`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import to_builtins
from rest_framework.response import Response

from common.errors import DomainError
from matching.messages.vocabulary import OrderStatus
from trading.http.answers.answer import Answer
from trading.http.answers.results import OrderResult, results_of_rows
from trading.orders.place import PlacedOrder

HEADER = "X-Awaits"

Results = Mapping[int, OrderResult]


def known_results(placed: Iterable[PlacedOrder | DomainError]) -> dict[int, OrderResult]:
    """Of those that were placed before and decided since."""
    decided = [
        one.order_id
        for one in placed
        if isinstance(one, PlacedOrder) and one.repeated and one.status is not OrderStatus.PENDING
    ]
    return results_of_rows(decided) if decided else {}


def awaited(placed: Iterable[PlacedOrder | DomainError], known: Results) -> dict[int, str]:
    """Orders whose engines have yet to decide, with their markets."""
    return {
        one.order_id: one.market_id
        for one in placed
        if isinstance(one, PlacedOrder) and one.order_id not in known
    }


def put_in(answer: dict[str, Any], results: Results) -> bool:
    """Into the answer of an order or of a batch; whether that is all it waits for."""
    items = [item for item in answer.get("results", [answer]) if item.get("orderId")]
    for item in items:
        if result := results.get(item["orderId"]):
            item |= {"status": result.status, "result": to_builtins(result)}
    return all("result" in item for item in items)


def waiting_answer(
    placed: Iterable[PlacedOrder | DomainError], answer: Answer, status: int
) -> Response:
    """Of a view: with what is known, and what order intake is to wait for."""
    results = list(placed)
    known = known_results(results)
    body = to_builtins(answer)
    put_in(body, known)
    response = Response(body, status=status)
    if waiting := awaited(results, known):
        response[HEADER] = ",".join(f"{order}:{market}" for order, market in waiting.items())
    return response


def read_header(value: str) -> dict[int, str]:
    named = (one.partition(":") for one in value.split(",") if one)
    return {int(order_id): market_id for order_id, _, market_id in named}
