"""What waits for operators, what reconciliation found and tasks left undone, and who knocks at the
console's door.
"""

from collections import Counter
from datetime import datetime, timedelta

from accounts.models import Door, SignInFailure
from console.alerts.measures.look import Look, Reading, Readings
from ledger.models import Deposit, DepositStatus, Withdrawal
from ledger.withdrawals.selectors import on_their_way, undecided
from ledger.withdrawals.stops import open_stops
from matching.messages.limits import PPM
from persistence.downloads.models import DailyFile
from persistence.reconciliation import due_seal, newest_run
from trading.partitions import partition_rooms, partition_widths
from trading.statements.models import FaultyStatement

SIGN_INS_WITHIN = timedelta(minutes=10)
SIGN_INS_MAX = 10_000
STATEMENTS_WITHIN = timedelta(days=1)
STATEMENTS_MAX = 1_000
FILES_MAX = 1_000


def deposit_wait(look: Look) -> Readings:
    """The first to be asked for is the first by its key, and an index has those that wait."""
    waiting = Deposit.objects.filter(status=DepositStatus.REQUESTED).order_by("pk").first()
    if waiting is None:
        return {}
    return {"": Reading(_ms_since(waiting.requested_at, look), f"deposit {waiting.pk}")}


def withdrawal_wait(look: Look) -> Readings:
    return _age_of_oldest(undecided().first(), look)


def sending_stopped(_: Look) -> Readings:
    stops = list(open_stops())
    return {"": Reading(len(stops), "; ".join(map(str, stops)))}


def payout_age(look: Look) -> Readings:
    return _age_of_oldest(on_their_way().first(), look)


def _age_of_oldest(row: Withdrawal | None, look: Look) -> Readings:
    if row is None:
        return {}
    return {"": Reading(_ms_since(row.state_at, look), f"withdrawal {row.pk}")}


def reconcile_differences(_: Look) -> Readings:
    run = newest_run()
    if run is None:
        return {"": Reading(None)}
    kinds = sorted({difference[0] for difference in run.differences})
    return {"": Reading(run.difference_count, ", ".join(kinds))}


def reconcile_age(look: Look) -> Readings:
    run = newest_run()
    if run is not None:
        return {"": Reading(_ms_since(run.finished_at, look))}
    first = min((one.market.created_at for one in look.market_statuses), default=None)
    return {"": Reading(_ms_since(first, look), "there was none")} if first else {}


def seal_late(look: Look) -> Readings:
    due = due_seal()
    if due is None:
        return {"": Reading(0, "none is due")}
    words = f"seal {due.number}, up to journal entry {due.last_entry_id:,}"
    return {"": Reading(_ms_since(due.since, look), words)}


def faulty_statements(look: Look) -> Readings:
    since = look.now - STATEMENTS_WITHIN
    newest = FaultyStatement.objects.values_list("pk", "found_at")[:STATEMENTS_MAX]
    found = [pk for pk, found_at in newest if found_at > since]
    return {"": Reading(len(found), f"the newest is {found[0]}" if found else "")}


def failed_files(_: Look) -> Readings:
    failed = list(DailyFile.objects.exclude(fault="").order_by("-day")[:FILES_MAX])
    return {"": Reading(len(failed), f"{failed[0]}: {failed[0].fault}" if failed else "")}


def partitions_late(_: Look) -> Readings:
    """Of the table that lacks most."""
    widths = partition_widths()
    missing, room = max(
        (PPM * max(0, widths[table] - room.ids) // widths[table], room)
        for table, room in partition_rooms().items()
    )
    return {"": Reading(missing, f"{room.partition.name} begins {room.ids:,} ids on")}


def failed_sign_ins(look: Look) -> Readings:
    since = look.now - SIGN_INS_WITHIN
    rows = SignInFailure.objects.filter(failed_at__gt=since, door=Door.CONSOLE).order_by(
        "-failed_at"
    )
    names = Counter(rows.values_list("username", flat=True)[:SIGN_INS_MAX])
    most = ", ".join(f"{count} as {name}" for name, count in names.most_common(3))
    return {"": Reading(names.total(), most)}


def _ms_since(moment: datetime, look: Look) -> int:
    return max(0, (look.now - moment) // timedelta(milliseconds=1))
