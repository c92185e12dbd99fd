"""Reads of transfers: each page is one look."""

from collections.abc import Iterable

from django.db.models import QuerySet

from accounts.people.kept import register_other, register_owner, register_rows
from common.postgres import keysets
from ledger.transfers.models import Transfer


def transfers_of(user_id: int, limit: int, before: int | None) -> list[Transfer]:
    """Of a family, where the main account asks; of a sub-account, its own. Newest first, with ids
    below ``before`` only."""
    runs = [
        Transfer.objects.filter(**{name: user_id})
        for name in ("sender", "receiver", "from_user", "to_user")
    ]
    if before is not None:
        runs = [run.filter(pk__lt=before) for run in runs]
    found = Transfer.objects.filter(pk__in=keysets.newest_keys(runs, limit))
    return list(_with_users(found).order_by("-pk"))


def transfer_of(transfer_id: int) -> Transfer:
    return _with_users(Transfer.objects.filter(pk=transfer_id)).get()


def _with_users(rows: QuerySet[Transfer]) -> QuerySet[Transfer]:
    # Joined four times, Postgres would rather read all users.
    return rows.prefetch_related("from_user", "to_user", "sender", "receiver")


@register_rows
def _received(user_id: int) -> Iterable[QuerySet[Transfer]]:
    yield Transfer.objects.filter(receiver_id=user_id).exclude(sender_id=user_id)


register_owner("ledger.Transfer", "sender")
for _name in ("receiver", "from_user", "to_user"):
    register_other("ledger.Transfer", _name)
