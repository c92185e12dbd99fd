"""Transfers are made, and allowed to others or not. Each call is one transaction."""

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.access.credentials import require_active
from accounts.access.usernames import find_user
from accounts.factors.locks import require_unlocked
from accounts.families.services import MAIN, named_account
from accounts.models import User
from common.errors import DomainError, ErrorCode, invalid
from common.idempotency import key_reused
from common.reasons import reason_of
from ledger.models import AccountKind, EntryKind
from ledger.services import lock_wallets, require_room
from ledger.transfers.models import Transfer, TransferRule
from markets.conversions import units_text

# Both wallets are locked already.
_TRANSFER = f"""
WITH moved AS (
    UPDATE ledger_wallet
       SET available_units = available_units
                           + CASE user_id WHEN %(to)s THEN %(amount)s ELSE -%(amount)s END
     WHERE user_id IN (%(from)s, %(to)s)
), entry AS (
    INSERT INTO ledger_journalentry (kind, created_at)
    VALUES ('{EntryKind.TRANSFER}', %(now)s) RETURNING id
), posted AS (
    INSERT INTO ledger_posting (entry_id, account_id, amount_units)
    SELECT entry.id, account.id,
           CASE account.user_id WHEN %(to)s THEN %(amount)s ELSE -%(amount)s END
      FROM entry, ledger_account account
     WHERE account.user_id IN (%(from)s, %(to)s) AND account.kind = '{AccountKind.AVAILABLE}'
)
INSERT INTO ledger_transfer (sender_id, receiver_id, from_user_id, to_user_id, amount_units,
                             idempotency_key, entry_id, transferred_at)
SELECT %(sender)s, %(receiver)s, %(from)s, %(to)s, %(amount)s, %(key)s, entry.id, %(now)s FROM entry
RETURNING id
"""  # noqa: S608  words of ours


@dataclass(frozen=True)
class NewTransfer:
    """From an account of the family, by id or name, to another of it or to the main account of
    the trader of a username."""

    amount_units: int
    key: str
    from_account: str = MAIN
    to_account: str | None = None
    to_username: str | None = None


def may_send_to_others() -> bool:
    newest = TransferRule.objects.order_by("-pk").first()
    return newest is not None and newest.to_others


@transaction.atomic
def allow_to_others(allowed: bool, reason: str, by: User) -> TransferRule:
    """From now on. Raises DomainError."""
    reason = reason_of(reason)
    if may_send_to_others() == allowed:
        raise invalid("allowed", f"Transfers to others are {_words(allowed)} already.")
    now = timezone.now()
    return TransferRule.objects.create(to_others=allowed, reason=reason, set_by=by, set_at=now)


@transaction.atomic
def transfer(main_id: int, new: NewTransfer) -> Transfer:
    """The same key again returns the first transfer and moves nothing. Raises DomainError."""
    # One transfer of a family at a time, none while it is being suspended or an account archived.
    main = User.objects.select_for_update(no_key=True, of=("self",)).get(pk=main_id)
    require_active(main)
    if main.parent_id is not None:
        raise DomainError(ErrorCode.MAIN_ACCOUNT_ONLY, "The main account transfers, with its key.")
    first = Transfer.objects.filter(sender=main, idempotency_key=new.key).first()
    source = _own(main, new.from_account, "from_account", is_repeat=first is not None)
    target, receiver = _target(main, new, is_repeat=first is not None)
    if first is not None:
        if _said(first) != (source.pk, target.pk, new.amount_units):
            raise key_reused(f"a transfer of {units_text(first.amount_units)}")
        return first
    if source.pk == target.pk:
        message = "to_account must be another account than from_account."
        raise invalid("to_account", message).naming("to_account", "from_account")
    _check_wallets(source, target, new.amount_units)
    if receiver.pk != main.pk:
        require_unlocked(main.pk)
        _require_still_there(receiver)
    values: dict[str, Any] = {
        "sender": main.pk,
        "receiver": receiver.pk,
        "from": source.pk,
        "to": target.pk,
        "amount": new.amount_units,
        "key": new.key,
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRANSFER, values)
        (made,) = cursor.fetchone()
    return Transfer.objects.get(pk=made)


def _said(row: Transfer) -> tuple[int, int, int]:
    return row.from_user_id, row.to_user_id, row.amount_units


def _own(main: User, said: str, field: str, *, is_repeat: bool) -> User:
    """A retry is answered whatever became of the account since."""
    if said in (MAIN, str(main.pk)):
        return main
    try:
        account = named_account(main.pk, said, archived_too=is_repeat)
    except DomainError as error:
        error.field = field
        raise error.naming(field) from None
    if not is_repeat:
        require_active(account)
    return account


def _target(main: User, new: NewTransfer, *, is_repeat: bool) -> tuple[User, User]:
    """The account, and the main one of its family."""
    if (new.to_account is None) == (new.to_username is None):
        message = "Give either to_account or to_username."
        raise invalid("to_account", message, ErrorCode.MISSING_FIELD).naming(
            "to_account", "to_username"
        )
    if new.to_account is not None:
        return _own(main, new.to_account, "to_account", is_repeat=is_repeat), main
    if not (is_repeat or may_send_to_others()):
        message = "Transfers to other traders are not open. Transfer within your accounts."
        raise DomainError(ErrorCode.TRANSFERS_CLOSED, message)
    found = find_user(new.to_username or "")
    if found is None or found.parent_id is not None or not (is_repeat or found.is_active):
        raise _no_receiver()
    if found.pk == main.pk:
        message = "to_username is you: give to_account instead."
        raise invalid("to_username", message).naming("to_username", "to_account")
    return found, found


def _no_receiver() -> DomainError:
    """Who can't receive is answered as who isn't there."""
    message = "There is no trader of this username who could receive a transfer."
    return DomainError(ErrorCode.RECIPIENT_NOT_FOUND, message, "to_username")


def _require_still_there(receiver: User) -> None:
    """Of another family, whose row isn't locked. Closing an account locks its wallet, which is ours
    by now: it is closed already, or not before this money is in it. Raises DomainError."""
    if not User.objects.filter(pk=receiver.pk, is_active=True).exists():
        raise _no_receiver()


def _check_wallets(source: User, target: User, amount_units: int) -> None:
    """Locks both, in order. The wallet's CHECK constraint stands behind it."""
    wallets = lock_wallets([source.pk, target.pk])
    available_units = wallets[source.pk].available_units
    if amount_units > available_units:
        message = f"Only {units_text(available_units)} is available in the account it would leave."
        raise DomainError(
            ErrorCode.INSUFFICIENT_BALANCE,
            message,
            "amount",
            available=units_text(available_units),
        )
    require_room(wallets[target.pk], amount_units)


def _words(allowed: bool) -> str:
    return "allowed" if allowed else "forbidden"
