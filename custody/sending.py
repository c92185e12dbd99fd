"""Withdrawals on their way out: handed to custody once, however often it takes to hear of it.

A row is claimed and its withdrawal marked as being sent in transactions that end before custody is
asked. Whatever dies in between, the row is due again after its lease, and custody, asked under the
same id, answers what became of the first. Only custody's own word gives the money back.
"""

from common.outgoing.due_rows import NotSent, send_due
from custody.inbox import follow
from custody.interface import CustodyAway, Unsendable
from custody.networks import networks
from ledger.models import Payout, Withdrawal
from ledger.withdrawals.handing import Report, SendOutcome, begin, report

_LOCK = 0x7061796F  # "payo": the advisory lock of a run


def send_due_payouts() -> None:
    send_due(Payout, _LOCK, send)


def send(payout: Payout) -> None:
    """Raises NotSent."""
    row = begin(payout)
    if row is None:
        return
    network = networks().get(row.network)
    if network is None:
        raise NotSent(f"network {row.network} is not set up: see CUSTODY_NETWORKS")
    try:
        news = network.custody.send(payout.key, row.address, row.amount_units)
    except Unsendable as error:
        report(_failed(row, str(error)))
        return
    except CustodyAway as error:
        raise NotSent(str(error)) from error
    if news is None:
        return
    if news.id != payout.key:
        raise NotSent("custody answers about another withdrawal")
    follow(network, news)


def _failed(row: Withdrawal, why: str) -> Report:
    return Report(
        send_id=str(row.send_id),
        outcome=SendOutcome.FAILED,
        amount_units=row.amount_units,
        address=row.address,
        words=why,
    )
