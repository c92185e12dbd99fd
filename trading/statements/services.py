"""A statement is read and written in one go, and whether it added up is kept."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from accounts.models import User
from common.postgres.windows import Window
from ledger.archive.picking import may_have
from ledger.archive.rows import POSTINGS
from ledger.archive.shadow import hold_still, shadow
from ledger.balances.sums import make_marks
from trading.statements.models import FaultyStatement
from trading.statements.reading import Statement, accounts_of
from trading.statements.writing import Writer, pieces

# Not READ ONLY: what files have comes by way of a temporary table.
ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"

log = structlog.get_logger(__name__)


def statement_of(user_id: int, window: Window) -> Statement:
    """From the account's beginning where no other is asked, and up to now where no end is, or one
    that is to come."""
    opened_at = User.objects.values_list("date_joined", flat=True).get(pk=user_id)
    end = window.end if window.end is not None and window.end <= datetime.now(UTC) else None
    return Statement(user_id, window.start or opened_at, end)


def written(statement: Statement, writer: Writer) -> Iterator[str]:
    """Piece by piece. Its first statement to Postgres is its own, so it must not be read within
    another transaction."""
    try:
        accounts = list(accounts_of(statement.user_id).values())
        for at in (statement.start, statement.end):
            if at is not None:
                make_marks(accounts, at)
        with transaction.atomic(), ExitStack() as stack:
            with connection.cursor() as cursor:
                cursor.execute(ONE_MOMENT)
            hold_still(POSTINGS)
            if may_have(accounts):
                statement.shown = stack.enter_context(shadow(POSTINGS))
            statement.open()
            yield writer.head(statement)
            for piece in pieces(statement.lines()):
                yield writer.lines(piece)
    except (OperationalError, InterfaceError) as error:
        log.warning("statement_cut_short", user=statement.user_id, error=str(error))
        yield writer.cut_short()
        return
    _keep_fault(statement)
    yield writer.tail(statement)


def _keep_fault(statement: Statement) -> None:
    """Its owner is told all the same where it can't be kept."""
    missing = statement.difference
    if not missing:
        return
    log.error("statement_faulty", user=statement.user_id, missing=missing)
    try:
        FaultyStatement.objects.create(
            user_id=statement.user_id,
            start=statement.start,
            end=statement.end,
            difference=missing,
        )
    except (OperationalError, InterfaceError) as error:
        log.error("statement_fault_not_kept", error=str(error))
