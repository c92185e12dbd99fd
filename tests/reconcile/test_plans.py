"""What a run goes through grows with what is new, also where Postgres guesses few rows.

A guess of a few rows makes it join by going through one side for each row of the other. Here it has
no other way for a plain join, so whatever is left to its guesses shows as a square.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from django.db import connection, transaction

from benchmarks.history import Size, make_history
from ledger.balances.kinds import add_new_entries
from persistence.reconciliation.checks import (
    ALL_CHECKS,
    check_values,
    in_one_snapshot,
    read_by_index,
)
from persistence.reconciliation.differences import run_check
from persistence.reconciliation.figures import read_figures
from persistence.sealing.contents import contents_of
from persistence.sealing.scope import EVERYTHING, ProofScope, behind
from tests.flow.demo import empty_database

ORDERS = 5_000  # and accounts, fills and journal entries of the same magnitude
TOUCHED = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")


def _rows_of(plan: Mapping[str, Any]) -> Iterator[float]:
    """Of each step, each time it was gone through: what came, and what was thrown away."""
    yield plan["Actual Loops"] * sum(plan.get(name, 0) for name in TOUCHED)
    for part in plan.get("Plans", ()):
        yield from _rows_of(part)


class Touched:
    """Rows that statements go through, by what they are for and their number in it."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.name = ""

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params, many, context)
        ((told,),) = context["cursor"].fetchall()
        of_name = sum(name.startswith(self.name) for name in self.rows)
        self.rows[f"{self.name} {of_name}"] = round(sum(_rows_of(told[0]["Plan"])))
        return execute(sql, params, many, context)


def _touched(scope: ProofScope) -> Counter[str]:
    """By all that a run, and a seal of the same, ask of so long a history."""
    empty_database()  # its ids are from 1 on
    make_history(Size(orders=ORDERS, users=ORDERS // 5))
    while add_new_entries():
        pass  # as the worker does while they come
    touched = Touched()
    with transaction.atomic(durable=True):
        in_one_snapshot()
        read_by_index()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        with connection.execute_wrapper(touched):
            for check in ALL_CHECKS:
                touched.name = check.name
                run_check(check, check_values(None), scope)
            touched.name = "figures"
            read_figures(scope)
            touched.name = "seal"
            contents_of(scope)
    return touched.rows


@pytest.mark.parametrize("scope", [behind(None), EVERYTHING], ids=["behind", "everything"])
@pytest.mark.django_db(transaction=True)
def test_nothing_goes_through_one_side_for_each_row_of_another(scope: ProofScope) -> None:
    touched = _touched(scope)
    assert len(touched) >= len(ALL_CHECKS) + 6
    assert min(touched[f"{name} 0"] for name in ("wallet", "position's life", "seal")) > ORDERS
    assert not {name: rows for name, rows in touched.items() if rows > 150 * ORDERS}
