"""What stands behind publishing: commands that no engine has seen are sent again.

Those that Redis did not take go out at once (`trading.commands.backlog`); this finds what was taken
and lost, or what nobody could mark.

Harmless to repeat: an engine takes each order and each outbox command once. A command counts as
unseen when the ledger has persisted the market beyond the command's time, or all there is in the
market's input stream, and it is still not among what happened. A backlog alone is no reason.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import redis
import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from markets.models import Market
from matching.messages.commands import Command
from matching.messages.streams import id_order
from matching.messages.vocabulary import OrderStatus
from trading.commands.backlog import send_backlogs
from trading.commands.order_command import command_of_order
from trading.commands.outbox import command_of_row
from trading.commands.publisher import last_published_id, publish_commands
from trading.models import Order, OutboxCommand

UNSEEN_AFTER = timedelta(seconds=5)
BATCH_MAX = 1_000  # per market and run; the next run takes the rest

AnyRow = TypeVar("AnyRow", Order, OutboxCommand)

log = structlog.get_logger(__name__)


def resend_unseen_commands() -> int:
    """Send again what was missed, oldest first; answers how many. Raises redis.RedisError and
    Django's errors of a database that is away; what fails of one market alone is logged, and the
    others' commands go."""
    return send_backlogs() + sum(map(_attempt, _waiting_markets()))


def _waiting_markets() -> QuerySet[Market]:
    """Those with anything that has waited for long enough. The others cost nothing of their own."""
    of_market: dict[str, Any] = {"market": OuterRef("pk"), "created_at__lt": Now() - UNSEEN_AFTER}
    unapplied = OutboxCommand.objects.filter(applied_seq__isnull=True, **of_market)
    pending = Order.objects.filter(status=OrderStatus.PENDING, **of_market)
    waiting = Market.objects.filter(Exists(unapplied) | Exists(pending))
    return waiting.select_related("cursor")


def _attempt(market: Market) -> int:
    try:
        return _resend(market)
    except redis.ResponseError as error:
        log.error("resending_refused", market=market.pk, why=str(error))
    except (redis.RedisError, OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("resending_failed", market=market.pk)
    return 0


def _resend(market: Market) -> int:
    unapplied = OutboxCommand.objects.filter(market=market, applied_seq__isnull=True)
    pending = Order.objects.filter(market=market, status=OrderStatus.PENDING)
    rows, orders = _unseen(unapplied, market), _unseen(pending, market)
    commands: list[tuple[datetime, Command]] = [
        *((row.created_at, command_of_row(row)) for row in rows),
        *((order.created_at, command_of_order(order)) for order in orders),
    ]
    # By time: a cancel must not overtake its order, not even into an earlier batch.
    ends = [batch[-1].created_at for batch in (rows, orders) if len(batch) == BATCH_MAX]
    commands = [command for command in commands if all(command[0] <= end for end in ends)]
    commands.sort(key=lambda command: command[0])
    if commands:
        publish_commands((market.pk, command) for _, command in commands)
        log.info("commands_sent_again", market=market.pk, commands=len(commands))
    return len(commands)


def _unseen(rows: QuerySet[AnyRow], market: Market) -> list[AnyRow]:
    old = rows.filter(created_at__lt=Now() - UNSEEN_AFTER)
    if not _all_persisted(market):
        persisted_to = datetime.fromtimestamp(market.cursor.entry_time_ms / 1_000, tz=UTC)
        old = old.filter(created_at__lt=persisted_to - UNSEEN_AFTER)
    return list(old.order_by("pk")[:BATCH_MAX])


def _all_persisted(market: Market) -> bool:
    return id_order(last_published_id(market.pk)) <= id_order(market.cursor.input_id)
