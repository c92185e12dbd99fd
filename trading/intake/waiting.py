"""An answer completed with what engines decided (`trading.intake.decisions`)."""

import asyncio
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from django.db import connection

from markets.rules import MarketRules, market_rules
from trading.http.answers.results import (
    ChangeResult,
    OrderResult,
    change_of_entry,
    result_of_entry,
)
from trading.http.answers.waits import Results, put_in
from trading.intake.decisions import Decision, Decisions
from trading.intake.tongue import WrittenAnswer

log = structlog.get_logger(__name__)


def may_wait(body: bytes) -> bool:
    """Whether it may ask to; JSON can spell a name in many ways, each with a backslash."""
    return b'"wait"' in body or b"\\" in body


Awaited = Mapping[int, MarketRules]  # by order


async def results_of(
    decisions: Decisions, awaited: Awaited, known: Results
) -> dict[int, OrderResult]:
    """Of the orders as far as they come in time, with those known."""
    entries = await decisions.of(Decision.PLACED, awaited.keys())
    return dict(known) | {
        order_id: result_of_entry(entry, order_id, awaited[order_id])
        for order_id, entry in entries.items()
    }


async def changes_of(
    decisions: Decisions, decision: Decision, order_ids: Collection[int]
) -> dict[int, ChangeResult]:
    """Of orders that are cancelled or amended, as far as they come in time."""
    entries = await decisions.of(decision, order_ids)
    return {order_id: change_of_entry(entry, order_id) for order_id, entry in entries.items()}


async def with_rules(market_of: Mapping[int, str]) -> dict[int, MarketRules]:
    """Of orders that a view names with their markets. The rules are in memory for the most part,
    which no process can be sure of."""

    def read() -> dict[int, MarketRules]:
        try:
            return {order_id: market_rules(market) for order_id, market in market_of.items()}
        finally:
            connection.close()

    return await asyncio.to_thread(read)


async def waited_for(
    decisions: Decisions, awaited: Awaited, known: Results, answer: WrittenAnswer
) -> WrittenAnswer:
    """The answer with the results; as it is if that fails, as the orders are on their way."""
    try:
        results = await results_of(decisions, awaited, known)
        if not results:
            return answer
        body: dict[str, Any] = msgspec.json.decode(answer.body)
        is_complete = put_in(body, results)
    except Exception:
        log.exception("waited_in_vain", orders=list(awaited))
        return answer
    status = int(HTTPStatus.OK) if is_complete else answer.status
    return WrittenAnswer(status, msgspec.json.encode(body), answer.headers)
