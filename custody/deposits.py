"""Deposits, from the block they are seen in to the wallet.

News comes doubled and in any order: each has a number, and a deposit follows only what is newer
than what it knows. Its row is locked meanwhile, and its network and reference are unique; so it is
credited once, whatever comes how often.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.access.obstacles import register_obstacles
from common.errors import DomainError, ErrorCode
from custody.addresses import owner_of
from custody.cases import open_case
from custody.interface import News, NewsState
from custody.models import CaseKind, ChainDeposit, ChainDepositState
from ledger.services import credit
from markets.conversions import units_text

_DUE_AT_ONCE = 100


def deposits_of(user_id: int) -> QuerySet[ChainDeposit]:
    return ChainDeposit.objects.filter(user_id=user_id)


@register_obstacles
def _coming(user_id: int) -> Iterable[str]:
    if coming := deposits_of(user_id).filter(state=ChainDepositState.SEEN).count():
        yield f"{coming} deposits are on their way: wait for them"


@transaction.atomic
def follow_deposit(network: str, needed: int, news: News) -> None:
    """``needed``: confirmations, of a deposit that is new. What can't be becomes a case."""
    row = _locked(network, news.id)
    if row is None:
        row = _heard_first(network, needed, news)
    if row is None or not _is_the_same(row, news) or news.seq <= row.seq:
        return
    row.seq = news.seq
    if news.state is NewsState.ORPHANED:
        _take_back(row, news)
    else:
        _confirm(row, news)
    row.save()
    _credit_if_due(row)


def credit_due() -> None:
    """Those that could be credited and weren't: their wallet was full."""
    due = ChainDeposit.objects.filter(
        state=ChainDepositState.SEEN, confirmations__gte=F("needed"), problem=""
    )
    for pk in due.order_by("pk").values_list("pk", flat=True)[:_DUE_AT_ONCE]:
        with transaction.atomic():
            _credit_if_due(ChainDeposit.objects.select_for_update(no_key=True).get(pk=pk))


def _locked(network: str, reference: str) -> ChainDeposit | None:
    rows = ChainDeposit.objects.select_for_update(no_key=True)
    return rows.filter(network=network, reference=reference).first()


def _heard_first(network: str, needed: int, news: News) -> ChainDeposit | None:
    """Also where it is gone already: older news of it may be on its way."""
    user_id = owner_of(network, news.address)
    if user_id is None:
        words = f"{units_text(news.amount_units)} came in at {news.address}, which is nobody's"
        open_case(network, CaseKind.STRANGER, news.id, words, _plain(news))
        return None
    row = ChainDeposit(
        network=network,
        reference=news.id,
        user_id=user_id,
        address=news.address,
        amount_units=news.amount_units,
        state=ChainDepositState.SEEN,
        needed=needed,
    )
    ChainDeposit.objects.bulk_create([row], ignore_conflicts=True)
    return _locked(network, news.id)


def _is_the_same(row: ChainDeposit, news: News) -> bool:
    if (row.amount_units, row.address) == (news.amount_units, news.address):
        return True
    words = (
        f"deposit {news.id} was {units_text(row.amount_units)} at {row.address}, and is "
        f"{units_text(news.amount_units)} at {news.address} now"
    )
    open_case(row.network, CaseKind.CHANGED, news.id, words, _plain(news))
    if row.state != ChainDepositState.CREDITED:
        row.problem = "custody changed what it is"
        row.save(update_fields=["problem"])
    return False


def _confirm(row: ChainDeposit, news: News) -> None:
    if row.state == ChainDepositState.ORPHANED:
        row.state = ChainDepositState.SEEN
    row.confirmations = news.confirmations
    row.orphaned_at = None  # in a block again; the case stays an operator's


def _take_back(row: ChainDeposit, news: News) -> None:
    row.confirmations = 0
    if row.state != ChainDepositState.CREDITED:
        row.state = ChainDepositState.ORPHANED
        return
    row.orphaned_at = timezone.now()
    words = f"deposit {row.reference} was taken back after its {units_text(row.amount_units)} were "
    words += f"credited to account {row.user_id}"
    open_case(row.network, CaseKind.TAKEN_BACK, row.reference, words, _plain(news))


def _credit_if_due(row: ChainDeposit) -> None:
    """Of a locked row."""
    is_due = row.state == ChainDepositState.SEEN and row.confirmations >= row.needed
    if not is_due or row.problem:
        return
    try:
        row.deposit = credit(row.user_id, row.amount_units)
    except DomainError as error:
        if error.code is not ErrorCode.WALLET_FULL:
            raise
        words = f"no room in the wallet of account {row.user_id} for deposit {row.reference}"
        open_case(row.network, CaseKind.FULL, row.reference, words)
        return
    row.state, row.credited_at = ChainDepositState.CREDITED, timezone.now()
    row.save()


def _plain(news: News) -> dict[str, object]:
    return {"seq": news.seq, "id": news.id, "state": news.state, "amountUnits": news.amount_units}
