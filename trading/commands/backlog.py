"""What was committed while Redis was away goes first, in its order, as soon as Redis answers.

Theory of operation. A command that could not be published marks its market in Postgres
(`UnsentMarket`). The statement that commits the next command of that market sees the mark in
passing, and whoever runs it publishes nothing: the command waits behind the others, as a row. So
all processes know, no call asks a query more, and nobody waits for a Redis that is away.

A thread in each worker looks for marks a few times a second. As soon as Redis takes it, everything
of a marked market that no engine has answered goes out by the time it was committed at, also what
was published last before the mark: a Redis that was replaced may have lost it, and an engine takes
each command once. Then the mark is taken away. Nothing slips in between: statements hold the mark
that they saw until they commit, and the thread takes it for itself before it looks for the last
time. Whoever comes meanwhile waits until the mark is gone, and publishes after that.
"""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import redis
import structlog
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    connections,
    transaction,
)

from common.postgres.alone import alone
from matching.messages.commands import Command
from matching.messages.vocabulary import OrderStatus
from trading.commands.order_command import command_of_order
from trading.commands.outbox import command_of_row
from trading.commands.publisher import publish_promptly
from trading.models import Order, OutboxCommand, UnsentMarket

LOOK_EVERY_S = 0.2
STOP_WITHIN_S = 10.0
BATCH_MAX = 1_000  # of one call to Redis
# From the commit of a row to the mark that speaks of it, and what a Redis that was replaced may
# have lost of what it had taken.
BEFORE_MARK = timedelta(seconds=5)
# Whoever commits a command of the market waits for so long at most.
LOCK_TIMEOUT_MS = 1_000
NO_REPLICAS = "NOREPLICAS"
_LOCK = 0x626C6F67  # "blog": the advisory lock of whoever sends

Waiting = tuple[datetime, type[Order] | type[OutboxCommand], int]  # committed at, of which, id

log = structlog.get_logger(__name__)


class BacklogSender:
    """A thread in a Celery worker. Survives Postgres and Redis being away."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backlog-sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        reported = ""
        while not self._stopping.wait(LOOK_EVERY_S):
            try:
                send_backlogs()
            except Exception as error:
                kind = type(error).__name__
                if kind != reported:
                    known = isinstance(error, redis.RedisError | DatabaseError | InterfaceError)
                    why = str(error).partition("\n")[0]
                    log.warning("backlog_waits", fault=kind, why=why, exc_info=not known)
                reported = kind
                close_old_connections()
            else:
                reported = ""
        connections.close_all()


def send_backlogs() -> int:
    """Of all marked markets, as far as Redis takes it; answers how many commands. Does nothing
    while another worker is at it. Raises redis.RedisError and Django's errors of a database that
    is away; what fails of one market alone is logged, and its mark stays."""
    if not UnsentMarket.objects.exists():
        return 0
    with alone(_LOCK) as is_alone:
        marks = list(UnsentMarket.objects.order_by("since")) if is_alone else []
        return sum(_attempt(mark.market_id, mark.since) for mark in marks)


def _attempt(market_id: str, since: datetime) -> int:
    try:
        return _send_backlog(market_id, since)
    except redis.ResponseError as error:
        if NO_REPLICAS in str(error):  # it takes nothing at all, as one that is away
            raise
        log.error("backlog_refused", market=market_id, why=str(error))
    except (redis.RedisError, OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("backlog_failed", market=market_id)
    return 0


def _send_backlog(market_id: str, since: datetime) -> int:
    """Nobody waits while most of it goes out, and hardly for what came in meanwhile."""
    sent: set[Waiting] = set()
    while _send_new(market_id, since, sent) >= BATCH_MAX:
        pass
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        mark = UnsentMarket.objects.select_for_update().get(pk=market_id)
        _send_new(market_id, since, sent)
        mark.delete()
    log.info("backlog_sent", market=market_id, commands=len(sent))
    return len(sent)


def _send_new(market_id: str, since: datetime, sent: set[Waiting]) -> int:
    """What waits and was not sent yet, oldest first; answers how many."""
    new = [one for one in _waiting(market_id, since - BEFORE_MARK) if one not in sent]
    for start in range(0, len(new), BATCH_MAX):
        batch = new[start : start + BATCH_MAX]
        publish_promptly(market_id, _commands(batch))
        sent.update(batch)
    return len(new)


def _waiting(market_id: str, since: datetime) -> list[Waiting]:
    of_market = {"market_id": market_id, "created_at__gte": since}
    orders = Order.objects.filter(status=OrderStatus.PENDING, **of_market)
    rows = OutboxCommand.objects.filter(applied_seq__isnull=True, **of_market)
    found: list[Waiting] = [
        *((at, Order, pk) for pk, at in orders.order_by("pk").values_list("pk", "created_at")),
        *(
            (at, OutboxCommand, pk)
            for pk, at in rows.order_by("pk").values_list("pk", "created_at")
        ),
    ]
    return sorted(found, key=lambda one: one[0])


def _commands(batch: Sequence[Waiting]) -> list[Command]:
    """One that can't be made, of a row that nobody here wrote, holds up no other."""
    orders = Order.objects.in_bulk([pk for _, kind, pk in batch if kind is Order])
    rows = OutboxCommand.objects.in_bulk([pk for _, kind, pk in batch if kind is OutboxCommand])
    commands: list[Command] = []
    for _, kind, pk in batch:
        try:
            is_order = kind is Order
            commands.append(command_of_order(orders[pk]) if is_order else command_of_row(rows[pk]))
        except Exception:
            log.exception("command_not_made", of=kind.__name__, id=pk)
    return commands
