"""Sub-accounts are made, named, archived and opened again by whoever signs in to their main one."""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.access.credentials import require_active
from accounts.access.obstacles import obstacles_of, register_obstacles
from accounts.families.known import known_families
from accounts.models import ApiKey, User
from common.errors import DomainError, ErrorCode, invalid

OPEN_MAX = 20
MADE_MAX = 100  # archived ones, too: their history stays
MAIN = "main"  # in place of a name
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}", re.ASCII)
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
REVOKED_BY_ARCHIVING = "its account was archived"


def members(main_id: int) -> QuerySet[User]:
    """The main account and its sub-accounts, oldest first; of a sub-account itself."""
    return User.objects.filter(Q(pk=main_id) | Q(parent_id=main_id)).order_by("pk")


def family_ids(user_id: int) -> list[int]:
    """Of a main account: its own and those of its sub-accounts; of a sub-account its own."""
    return list(members(user_id).values_list("pk", flat=True))


def main_id_of(user_id: int) -> int:
    """Of the family that a user is in."""
    parent_id = User.objects.values_list("parent_id", flat=True).get(pk=user_id)
    return user_id if parent_id is None else parent_id


def who_gain(user_ids: Collection[int]) -> list[int]:
    """By what these accounts gain: they, and the main accounts of sub-accounts."""
    subs = User.objects.filter(pk__in=user_ids, parent__isnull=False)
    return sorted({*user_ids, *subs.values_list("parent_id", flat=True)})


def require_main(user_id: int) -> None:
    """For what belongs to the person, such as money from outside. Raises DomainError."""
    if User.objects.filter(pk=user_id, parent__isnull=False).exists():
        message = "This is the main account's to do. Transfer to the sub-account afterwards."
        raise DomainError(ErrorCode.MAIN_ACCOUNT_ONLY, message)


@transaction.atomic
def open_account(main_id: int, name: str) -> User:
    """Raises DomainError."""
    main = _locked_main(main_id)
    own = User.objects.filter(parent=main)
    if own.count() >= MADE_MAX:
        message = f"You made {MADE_MAX} sub-accounts, which is the most. Open an archived one."
        raise DomainError(ErrorCode.TOO_MANY_ACCOUNTS, message)
    _check_room(main)
    account = User(parent=main, username=_free_username(main, name), password=make_password(None))
    account.save(force_insert=True)
    transaction.on_commit(lambda: known_families.forget(main_id))
    return account


@transaction.atomic
def rename_account(main_id: int, account_id: int, name: str) -> User:
    """Raises DomainError."""
    main = _locked_main(main_id)
    account = own_account(main_id, account_id)
    account.username = _free_username(main, name, account_id)
    account.save(update_fields=["username"])
    transaction.on_commit(lambda: known_families.forget(main_id))
    return account


@transaction.atomic
def archive_account(main_id: int, account_id: int) -> User:
    """One that is flat and empty; its keys are revoked. Nothing can act for it, or pay into it,
    until it is opened again. Raises DomainError."""
    _locked_main(main_id)
    account = own_account(main_id, account_id)
    if account.archived_at is not None:
        return account
    if reasons := obstacles_of(account_id):
        message = f"{account.account_name} can't be archived yet: {'; '.join(reasons)}."
        raise DomainError(ErrorCode.ACCOUNT_IN_USE, message, reasons=reasons)
    now = datetime.now(UTC)
    account.archived_at = now
    account.save(update_fields=["archived_at"])
    ApiKey.objects.filter(user=account, revoked_at=None).update(
        revoked_at=now, revoked_by_id=main_id, revoke_reason=REVOKED_BY_ARCHIVING
    )
    transaction.on_commit(lambda: known_families.forget(main_id))
    return account


@transaction.atomic
def reopen_account(main_id: int, account_id: int) -> User:
    """Raises DomainError."""
    main = _locked_main(main_id)
    account = own_account(main_id, account_id)
    if account.archived_at is not None:
        _check_room(main)
        account.archived_at = None
        account.save(update_fields=["archived_at"])
        transaction.on_commit(lambda: known_families.forget(main_id))
    return account


@register_obstacles
def _open_sub_accounts(user_id: int) -> Iterable[str]:
    """Of a main account. None is made meanwhile: its row is locked."""
    rows = User.objects.filter(parent_id=user_id, archived_at=None).order_by("pk")
    for account in rows:
        yield f"the sub-account {account.account_name} is open: archive it"


def own_account(main_id: int, account_id: int) -> User:
    """A sub-account of this very family. Raises DomainError."""
    account = User.objects.filter(pk=account_id, parent_id=main_id).first()
    if account is None:
        raise no_such_account()
    return account


def named_account(main_id: int, said: str, *, archived_too: bool = False) -> User:
    """A sub-account by id or name. Raises DomainError."""
    by = {"pk": int(said)} if _ID.fullmatch(said) else {"username__iexact": f"{main_id}/{said}"}
    account = User.objects.filter(parent_id=main_id, **by).first()
    if account is None:
        raise no_such_account()
    if account.archived_at is not None and not archived_too:
        raise archived(account.account_name)
    return account


def no_such_account() -> DomainError:
    """Or one of another family: nobody is told which."""
    message = "You have no sub-account of this id or name. GET /user/accounts lists them."
    return DomainError(ErrorCode.SUB_ACCOUNT_NOT_FOUND, message)


def archived(name: str) -> DomainError:
    message = f"The account {name} is archived. Open it again with PATCH /user/accounts/<id>."
    return DomainError(ErrorCode.ACCOUNT_ARCHIVED, message)


def _locked_main(main_id: int) -> User:
    """One change of a family at a time, and none while it is being suspended."""
    main = User.objects.select_for_update(no_key=True, of=("self",)).get(pk=main_id)
    require_active(main)
    if main.parent_id is not None:
        raise DomainError(ErrorCode.MAIN_ACCOUNT_ONLY, "A sub-account has no sub-accounts.")
    return main


def _check_room(main: User) -> None:
    if User.objects.filter(parent=main, archived_at=None).count() >= OPEN_MAX:
        message = f"You have {OPEN_MAX} sub-accounts, which is the most. Archive one first."
        raise DomainError(ErrorCode.TOO_MANY_ACCOUNTS, message)


def _free_username(main: User, name: str, but: int = 0) -> str:
    if not _NAME.fullmatch(name) or name.lower() == MAIN:
        message = (
            "name must begin with a letter and have 1 to 32 letters, digits and any of _ . - "
            f"in all; not {MAIN}."
        )
        raise invalid("name", message)
    username = f"{main.pk}/{name}"
    if User.objects.filter(parent=main, username__iexact=username).exclude(pk=but).exists():
        message = f"You have a sub-account named {name}. Choose another name."
        raise DomainError(ErrorCode.ACCOUNT_NAME_TAKEN, message, "name")
    return username
