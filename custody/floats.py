"""What custody holds beside what our rows say it should.

Both are compared at one number of custody's news: all of it is polled and applied, our rows are
summed, and then custody is asked for its balance; if its number is still the same, nothing has
happened in between, and the two must be equal. A difference stops what goes by itself, and ends
when it is explained: by news that was late, or by a movement of the float that two operators enter.

The sum is kept in parts (`FloatPart`), which triggers add to as rows change. A look adds up the
parts, in one statement and so at one instant, and then makes one of those it finds. So it costs
what is new since the look before, however long the exchange has run.
"""

from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractUser
from django.db import connection

from approvals import policy
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose
from common.errors import invalid
from common.reasons import reason_of
from custody import inbox
from custody.cases import open_case
from custody.interface import CustodyBalance
from custody.models import CaseKind, FloatLook, FloatMovement
from custody.models.floats import REFERENCE_MAX
from custody.networks import Network, network_named, networks
from ledger.models import StopCause
from ledger.withdrawals.stops import settle_stop
from markets.conversions import units_text
from matching.messages.limits import MAX_MONEY_UNITS

KIND = "move_float"
LOOKS_KEPT = 1_000  # of a network
TRIES = 3
PARTS_AT_ONCE = 10_000

_COLUMNS = "float_units, credited_units, coming_units, sent_units"
_SUMS = ", ".join(f"sum({column})::bigint" for column in _COLUMNS.split(", "))
# And whether news that counts at custody is still being applied here, perhaps by another worker.
_EXPECTED = f"""
SELECT count(*), EXISTS (SELECT FROM custody_custodynews
                          WHERE network = %(network)s AND seq <= %(known)s AND applied_at IS NULL),
       {_SUMS}
  FROM custody_floatpart WHERE network = %(network)s
"""  # noqa: S608  no outside text
# Two that do this at once take different parts, and each leaves the sum of all as it is.
_PUT_TOGETHER = f"""
WITH found AS MATERIALIZED (
    SELECT id FROM custody_floatpart WHERE network = %(network)s
     ORDER BY id LIMIT %(at_once)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM custody_floatpart part USING found WHERE part.id = found.id RETURNING part.*
)
INSERT INTO custody_floatpart (network, {_COLUMNS})
SELECT network, {_SUMS} FROM gone GROUP BY network
"""  # noqa: S608  no outside text


class Expected(NamedTuple):
    """What our rows say; the columns are those of `FloatPart`, ``parts`` of them."""

    parts: int
    is_behind: bool  # news up to the number asked for isn't applied
    float_units: int
    credited_units: int
    coming_units: int
    sent_units: int


def look(network: Network) -> FloatLook | None:
    """None where custody can't say, or never rested. Raises CustodyAway."""
    for tries_left in reversed(range(TRIES)):
        known = inbox.poll(network)
        inbox.apply_waiting()
        expected = expected_at(network.name, known)
        balance = network.custody.balance()
        if balance is None:
            return None
        if balance.seq < known:
            words = f"custody knows its news up to {balance.seq}, and told us up to {known}"
            open_case(network.name, CaseKind.BACKWARDS, "seq", words)
            return None
        # News that can't be applied, try after try, is a difference.
        if balance.seq == known and not (expected.is_behind and tries_left):
            return _keep(_row_of(network.name, balance, expected))
    return None


def expected_at(network: str, known: int) -> Expected:
    """``known``: a number of custody's news."""
    values: dict[str, Any] = {"network": network, "known": known, "at_once": PARTS_AT_ONCE}
    with connection.cursor() as cursor:
        cursor.execute(_EXPECTED, values)
        parts, is_behind, *units = cursor.fetchone()
        if parts > 1:
            cursor.execute(_PUT_TOGETHER, values)
    return Expected(parts, is_behind, *(amount or 0 for amount in units))


def _row_of(network: str, balance: CustodyBalance, expected: Expected) -> FloatLook:
    return FloatLook(
        network=network,
        seq=balance.seq,
        custody_units=balance.units,
        float_units=expected.float_units,
        credited_units=expected.credited_units,
        coming_units=expected.coming_units,
        sent_units=expected.sent_units,
    )


def _keep(row: FloatLook) -> FloatLook:
    row.save()
    settle_stop(StopCause.FLOAT, _differences())
    newest = FloatLook.objects.filter(network=row.network).order_by("-pk")
    first_to_go = newest.values_list("pk", flat=True)[LOOKS_KEPT : LOOKS_KEPT + 1]
    newest.filter(pk__lte=first_to_go).delete()
    return row


def newest_looks() -> list[FloatLook]:
    """Of each network that has any."""
    found = (FloatLook.objects.filter(network=name).order_by("-pk").first() for name in networks())
    return [row for row in found if row is not None]


def _differences() -> str:
    """In words; "" where all agree."""
    wrong = [row for row in newest_looks() if row.difference_units]
    return "; ".join(
        f"{row.network} has {units_text(row.custody_units, 2)} USD, "
        f"{units_text(row.difference_units, 2)} off"
        for row in wrong
    )


def move_float(
    network: str, amount_units: int, reference: str, reason: str, by: AbstractUser
) -> FloatMovement | Proposal:
    """Where the policy asks for a second operator, this one proposes. Raises DomainError."""
    name = network_named(network).name
    reference, reason = reference.strip(), reason_of(reason)
    if not 1 <= len(reference) <= REFERENCE_MAX:
        raise invalid("reference", f"reference must be 1 to {REFERENCE_MAX} characters.")
    if not amount_units or abs(amount_units) > MAX_MONEY_UNITS:
        raise invalid("amount", "amount must not be zero, and not more than there can be.")
    if FloatMovement.objects.filter(network=name, reference=reference).exists():
        raise invalid("reference", f"There is a movement with the reference {reference} already.")
    said = {"network": name, "amount_units": amount_units, "reference": reference}
    if not policy.needs_second(KIND, abs(amount_units)):
        return FloatMovement.objects.create(**said, reason=reason, moved_by_id=by.pk)
    return propose(
        KIND,
        subject=f"{name}:{reference}",
        title=f"Float on {name}: {units_text(amount_units, 2)} USD",
        changes=[Change("float", "", f"{units_text(amount_units, 2)} USD")],
        payload=said,
        reason=reason,
        author=by,
    )


def _move(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:  # noqa: ARG001  as all of them
    said = proposal.payload
    rows = FloatMovement.objects.filter(network=said["network"], reference=said["reference"])
    if rows.exists():
        raise outdated()
    FloatMovement.objects.create(
        **said, reason=proposal.reason, moved_by_id=proposal.author_id, proposal=proposal
    )
    return ApprovalOutcome(proposal.title)


register(
    Action(
        KIND,
        "Move the float at custody",
        "custody.decide_float",
        _move,
        by_amount=True,
        proposed_by=("custody.propose_float",),
    )
)
