"""What is kept of a user, found in the models themselves.

Every key to a user either says whose a row is (`OWNERS`, or what its room registered) or who did
something (`ACTORS`); a row that is somebody's is theirs to see, what they did as an operator is
the exchange's. A key of neither kind stops the start: somebody forgot to say. What isn't found by a
key, such as postings on a user's accounts, its room registers.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.db.models import BinaryField, Field, ForeignKey, Model, Q, QuerySet

from accounts.models import Person, SignInFailure, User
from mails.models import Mail

if TYPE_CHECKING:  # generic to the type checker alone
    AnyField = Field[Any, Any]
else:
    AnyField = Field

OWNERS = frozenset({"user"})
ACTORS = frozenset(
    {
        "acknowledged_by",
        "approved_by",
        "asked_by",
        "assigned_by",
        "author",
        "by",
        "closed_by",
        "decided_by",
        "erased_by",
        "first_by",
        "frozen_by",
        "inviter",
        "lifted_by",
        "made_by",
        "moved_by",
        "opened_by",
        "operator",
        "published_by",
        "quarantined_by",
        "reopened_by",
        "requested_by",
        "resolved_by",
        "revoked_by",
        "refused_by",
        "second_by",
        "set_by",
        "snoozed_by",
    }
)
# With these, or by breaking them, somebody else could be the user.
SECRETS = frozenset(
    {
        "new_mail_digest",
        "new_mail_hash",
        "password",
        "password_digest",
        "refresh_hash",
        "session_data",
        "session_key",
        "token_hash",
        "digest",
    }
)

Rows = QuerySet[Any]
# While it is entered, rows that lie elsewhere are found, too: so many behind a key.
Beside = Callable[[int, int], AbstractContextManager[None]]
_owners: set[tuple[str, str]] = set()  # (label of a model, field)
_others_keys: set[tuple[str, str]] = set()


class KeptRows(NamedTuple):
    rows: Rows
    beside: Beside = lambda _after, _count: nullcontext()


RowsOfUser = Callable[[int], Iterable[Rows | KeptRows]]
_others: list[RowsOfUser] = []
_besides: dict[str, Callable[[int], Beside]] = {}  # by a model's label


def register_owner(label: str, field: str) -> None:
    """A key that says whose a row is, under another name than those of `OWNERS`."""
    _owners.add((label, field))


def register_other(label: str, field: str) -> None:
    """A key to somebody who did something, or whose number isn't told, under another name than
    those of `ACTORS`; it counts before `OWNERS`."""
    _others_keys.add((label, field))


def register_beside(label: str, beside_of: Callable[[int], Beside]) -> None:
    """Rows of a model that a key finds can lie elsewhere, too; of a user."""
    _besides[label] = beside_of


def register_rows(of_user: RowsOfUser) -> RowsOfUser:
    """Rows that no key of theirs leads to; each query set has an index to read it by its key."""
    _others.append(of_user)
    return of_user


def user_keys() -> Iterator[tuple[type[Model], AnyField]]:
    """Every key to a user, of every model."""
    for model in sorted(apps.get_models(), key=lambda one: one._meta.label):
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey) and field.related_model is User:
                yield model, field


def is_owner(model: type[Model], field: AnyField) -> bool:
    key = (model._meta.label, field.name)
    return key not in _others_keys and (field.name in OWNERS or key in _owners)


def is_actor(model: type[Model], field: AnyField) -> bool:
    return field.name in ACTORS or (model._meta.label, field.name) in _others_keys


def rows_of(user_id: int) -> list[KeptRows]:
    """Of the person's accounts, the main one first, and of each model in turn; in the same order
    each time. An account's own row comes first."""
    accounts = User.objects.filter(Q(pk=user_id) | Q(parent_id=user_id)).order_by("pk")
    return [rows for pk in accounts.values_list("pk", flat=True) for rows in _rows_of_account(pk)]


def _rows_of_account(user_id: int) -> list[KeptRows]:
    own = [KeptRows(User.objects.filter(pk=user_id))]
    for model, field in user_keys():
        if is_owner(model, field):
            rows = KeptRows(model._base_manager.filter(**{field.name: user_id}))
            beside_of = _besides.get(model._meta.label)
            own.append(rows._replace(beside=beside_of(user_id)) if beside_of else rows)
    others = [rows for of_user in _others for rows in of_user(user_id)]
    return own + [rows if isinstance(rows, KeptRows) else KeptRows(rows) for rows in others]


def columns_of(model: type[Model]) -> list[str]:
    """Those that are told: no secrets, nothing sealed, and nobody else's number."""
    return [
        field.attname
        for field in model._meta.concrete_fields
        if field.name not in SECRETS
        and not isinstance(field, BinaryField)
        and not (
            isinstance(field, ForeignKey)
            and field.related_model is User
            and not is_owner(model, field)
        )
    ]


def mails_of(user_id: int) -> QuerySet[Mail]:
    """Those that were written to a person as this user, not to another who has the same mail."""
    person = Person.objects.filter(user_id=user_id).first()
    if person is None:
        return Mail.objects.none()
    addresses = [address for address in (person.mail, person.new_mail) if address]
    return Mail.objects.filter(Q(to__in=addresses, key__regex=rf"^[a-z_]+-{user_id}-"))


@register_rows
def _of_accounts(user_id: int) -> Iterable[Rows]:
    username = User.objects.values_list("username", flat=True).get(pk=user_id)
    yield mails_of(user_id)
    yield SignInFailure.objects.filter(username__iexact=username)


register_other("admin.LogEntry", "user")  # of what an operator did
register_other("accounts.User", "parent")
register_other("accounts.Referral", "referrer")  # whom the referred may not know
