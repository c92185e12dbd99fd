"""Money into wallets. Each call is one transaction, and safe to repeat."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.access.credentials import require_active
from accounts.access.obstacles import register_obstacles
from accounts.families.services import require_main
from accounts.models import User
from approvals import policy
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose
from common.errors import DomainError, ErrorCode
from common.idempotency import key_reused
from ledger.models import (
    Account,
    Deposit,
    DepositStatus,
    JournalEntry,
    Posting,
    Wallet,
)
from ledger.posting_rules import Movement, Owner, PostingLine, deposit_movement
from markets.conversions import units_text
from matching.messages.limits import MAX_MONEY_UNITS

APPROVE = "approve_deposit"
REQUESTED_MAX = 5  # deposits of a user that wait for an operator


class DepositResult(NamedTuple):
    deposit: Deposit
    wallet: Wallet


@transaction.atomic
def deposit(
    user_id: int, amount_units: int, idempotency_key: str | None = None, *, approved: bool = False
) -> DepositResult:
    """Put money into the user's wallet at once, where SELF_ONRAMP (or ``approved``) says so;
    otherwise make a request for an operator, of which a user may have `REQUESTED_MAX` waiting.

    The same key again returns the first deposit and moves nothing. Raises DomainError for the same
    key with another amount, for more than a wallet may hold, and for one request too many.
    """
    wallet = lock_wallet(user_id)  # also: one deposit of a user at a time
    require_active(User.objects.get(pk=user_id))  # closing it locks the wallet, too
    if idempotency_key is not None:
        first = Deposit.objects.filter(user_id=user_id, idempotency_key=idempotency_key).first()
        if first is not None:
            _require_same_amount(first, amount_units)
            return DepositResult(first, wallet)
    require_main(user_id)
    require_room(wallet, amount_units)
    at_once = approved or settings.SELF_ONRAMP
    if not at_once:
        _require_few_requested(user_id)
    new = Deposit(user_id=user_id, amount_units=amount_units, idempotency_key=idempotency_key)
    if at_once:
        _credit(new, wallet, decided_by_id=None)
    new.save(force_insert=True)
    return DepositResult(new, wallet)


@transaction.atomic
def credit(user_id: int, amount_units: int) -> Deposit:
    """What custody has, into the wallet: once, of whose making sure is the caller's. Raises
    DomainError for more than a wallet may hold."""
    wallet = lock_wallet(user_id)
    require_room(wallet, amount_units)
    row = Deposit(user_id=user_id, amount_units=amount_units)
    _credit(row, wallet, decided_by_id=None)
    row.save(force_insert=True)
    return row


@transaction.atomic
def approve_deposit(deposit_id: int, operator_id: int) -> DepositResult:
    """Credit a requested deposit. Approving an approved one changes nothing.

    Raises Deposit.DoesNotExist, and DomainError for a refused one or the operator's own.
    """
    requested = _lock_for(operator_id, deposit_id)
    wallet = lock_wallet(requested.user_id)
    if requested.status == DepositStatus.REFUSED:
        raise _decided_otherwise(requested)
    if requested.status == DepositStatus.REQUESTED:
        require_room(wallet, requested.amount_units)
        _credit(requested, wallet, decided_by_id=operator_id)
        requested.save()
    return DepositResult(requested, wallet)


@transaction.atomic
def approve_or_propose(deposit_id: int, by: AbstractUser) -> DepositResult | Proposal:
    """Where the policy asks for a second operator, from some amount on, this one proposes. Raises
    as `approve_deposit` does."""
    requested = _lock_for(by.pk, deposit_id)
    waits = requested.status == DepositStatus.REQUESTED
    if not waits or not policy.needs_second(APPROVE, requested.amount_units):
        return approve_deposit(deposit_id, by.pk)
    amount = f"{units_text(requested.amount_units, 2)} USD"
    who = requested.user.get_username()
    return propose(
        APPROVE,
        subject=str(deposit_id),
        title=f"Deposit {deposit_id}: {amount} to {who}",
        changes=[Change("deposit", DepositStatus.REQUESTED, DepositStatus.APPROVED)],
        payload={"deposit": deposit_id},
        reason="as large as to take two people",
        author=by,
        beneficiary_ids=[requested.user_id],
    )


def _approve(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:
    """The second of two operators is who decided."""
    deposit_id = proposal.payload["deposit"]
    if _lock_for(by.pk, deposit_id).status != DepositStatus.REQUESTED:
        raise outdated()
    approve_deposit(deposit_id, by.pk)
    return ApprovalOutcome(f"deposit {deposit_id} approved")


@transaction.atomic
def refuse_deposit(deposit_id: int, operator_id: int) -> Deposit:
    """Close a requested deposit without money. Refusing a refused one changes nothing.

    Raises Deposit.DoesNotExist, and DomainError for an approved one or the operator's own.
    """
    requested = _lock_for(operator_id, deposit_id)
    if requested.status == DepositStatus.APPROVED:
        raise _decided_otherwise(requested)
    if requested.status == DepositStatus.REQUESTED:
        requested.status = DepositStatus.REFUSED
        requested.decided_at = timezone.now()
        requested.decided_by_id = operator_id
        requested.save()
    return requested


def _lock_for(operator_id: int, deposit_id: int) -> Deposit:
    requested = Deposit.objects.select_for_update().get(pk=deposit_id)
    if requested.user_id == operator_id:
        message = "This deposit is your own: another operator decides it."
        raise DomainError(ErrorCode.OWN_REQUEST, message)
    return requested


@register_obstacles
def _money_left(user_id: int) -> Iterable[str]:
    """Nothing comes in meanwhile: the wallet is locked."""
    wallet = lock_wallet(user_id)
    for amount_units, where in (
        (wallet.available_units, "in the wallet: withdraw or transfer it"),
        (wallet.held_units, "held by orders or withdrawals: cancel them"),
    ):
        if amount_units:
            yield f"{units_text(amount_units)} USD is {where}"
    waiting = Deposit.objects.filter(user_id=user_id, status=DepositStatus.REQUESTED).count()
    if waiting:
        yield f"{waiting} deposits wait for an operator"


def lock_wallet(user_id: int) -> Wallet:
    """Raises DomainError where there is none."""
    return lock_wallets([user_id])[user_id]


def lock_wallets(user_ids: Collection[int]) -> dict[int, Wallet]:
    """By user; locked in the order of users, as by whoever locks several. Raises DomainError where
    one has none."""
    rows = Wallet.objects.select_for_update(no_key=True).filter(user_id__in=user_ids)
    return all_wallets(rows.order_by("user_id"), user_ids)


def all_wallets(rows: QuerySet[Wallet], user_ids: Collection[int]) -> dict[int, Wallet]:
    """``rows`` by user. Raises DomainError where one of these isn't among them."""
    wallets = {wallet.user_id: wallet for wallet in rows}
    if len(wallets) < len(set(user_ids)):
        raise DomainError(ErrorCode.WALLET_NOT_FOUND, "This user has no wallet here.")
    return wallets


def _credit(row: Deposit, wallet: Wallet, decided_by_id: int | None) -> None:
    """Wallet and journal now; the deposit's row is the caller's to save."""
    now = timezone.now()
    row.entry = post(deposit_movement(row.user_id, row.amount_units), now)
    row.status = DepositStatus.APPROVED
    row.decided_at = now
    row.decided_by_id = decided_by_id
    wallet.available_units += row.amount_units
    wallet.save(update_fields=["available_units"])


def post(movement: Movement, now: datetime) -> JournalEntry:
    return post_all([movement], now)[0]


def post_all(movements: Sequence[Movement], now: datetime) -> list[JournalEntry]:
    """One entry each, in as many statements as for one."""
    entries = JournalEntry.objects.bulk_create(
        JournalEntry(kind=movement.kind, created_at=now) for movement in movements
    )
    lines = [
        (entry, line)
        for entry, movement in zip(entries, movements, strict=True)
        for line in movement.lines
    ]
    account_ids = _account_ids([line for _, line in lines])
    Posting.objects.bulk_create(
        Posting(
            entry=entry,
            account_id=account_ids[line.kind, line.owner],
            amount_units=line.amount_units,
        )
        for entry, line in lines
    )
    return entries


def _account_ids(lines: Sequence[PostingLine]) -> dict[tuple[str, Owner], int]:
    """By kind and owner: of users, and the exchange's own."""
    user_ids = {line.owner for line in lines if isinstance(line.owner, int)}
    owned = Q(user_id__in=user_ids) | Q(user=None, market=None)
    rows = Account.objects.filter(owned, kind__in={line.kind for line in lines})
    found = rows.values_list("kind", "user_id", "pk")
    return {(kind, user_id): account_id for kind, user_id, account_id in found}


def _require_same_amount(first: Deposit, amount_units: int) -> None:
    if first.amount_units != amount_units:
        raise key_reused(f"a deposit of {units_text(first.amount_units)}")


def require_room(wallet: Wallet, amount_units: int) -> None:
    room = MAX_MONEY_UNITS - wallet.available_units - wallet.held_units
    if amount_units > room:
        raise DomainError(
            ErrorCode.WALLET_FULL,
            f"A wallet holds at most {units_text(MAX_MONEY_UNITS)}: "
            f"this one has room for {units_text(max(0, room))}.",
            "amount",
        )


def _require_few_requested(user_id: int) -> None:
    waiting = Deposit.objects.filter(user_id=user_id, status=DepositStatus.REQUESTED)
    if waiting.count() >= REQUESTED_MAX:
        message = f"{REQUESTED_MAX} deposits of yours wait for an operator already. Ask again then."
        raise DomainError(ErrorCode.TOO_MANY_REQUESTED, message)


def _decided_otherwise(row: Deposit) -> DomainError:
    return DomainError(
        ErrorCode.DEPOSIT_ALREADY_DECIDED,
        f"Deposit {row.pk} is {row.status} already and can't be changed.",
    )


register(
    Action(
        APPROVE,
        "Approve a deposit",
        "ledger.decide_deposit",
        _approve,
        usual=False,  # its trader asked, an operator decides
        by_amount=True,
    )
)
