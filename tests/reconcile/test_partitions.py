"""A session whose journal and fills lie in several partitions is proven, sealed and told as
any other."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
from django.db import connection
from django.utils import timezone

from accounts.access.refusals import refusals
from accounts.models import User
from common.postgres.partitions import Partition
from ledger.models import Posting
from markets.rules import forget_markets
from persistence.reconciliation import reconcile
from persistence.reconciliation.seal_proof import CHECK
from persistence.reconciliation.sealer import seal_stretches
from persistence.sealing.models import JournalSeal
from tests.builders.partitions import ENTRIES, FILLS, POSTINGS, cut_behind
from tests.families.test_statements import EPOCH, ask, check
from tests.reconcile.planting import checks_of, plant
from tests.reconcile.sealed import everything, last_entry, seal_half
from tests.reconcile.session import make_session


@pytest.fixture
def parts(transactional_db: None, redis_db: redis.Redis) -> Iterator[list[Partition]]:
    """Of its hundreds of postings some are in each, but for the newest; so are its entries and
    fills."""
    forget_markets()
    refusals.forget()
    with (
        cut_behind(POSTINGS, 50, 101, 1_000_000) as partitions,
        cut_behind(ENTRIES, 17, 30, 1_000_000),
        cut_behind(FILLS, 7, 10, 1_000_000) as of_fills,
    ):
        make_session(redis_db, seed=11, orders=40)
        assert min(rows_of(of_fills[:3], FILLS)) > 6
        yield partitions[:3]
    forget_markets()
    refusals.forget()


def rows_of(parts: list[Partition], table: str = POSTINGS) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1")
        found = dict(cursor.fetchall())
    return [found.get(part.name, 0) for part in parts]


def test_it_is_proven_and_sealed(parts: list[Partition]) -> None:
    assert rows_of(parts)[0] == 50
    assert min(rows_of(parts)) > 10
    assert reconcile().differences == everything().differences == []
    first = seal_half()
    assert seal_stretches(last_entry() - first.last_entry_id)
    assert JournalSeal.objects.count() == 2
    assert reconcile().differences == everything().differences == []


@pytest.mark.parametrize("place", range(3))
def test_what_was_changed_in_any_of_them_is_found(parts: list[Partition], place: int) -> None:
    assert seal_stretches(last_entry())
    where = f"id >= {parts[place].first} AND id < {parts[place].end}"
    newest = Posting.objects.extra(where=[where]).latest("pk")
    plant("UPDATE ledger_posting SET amount_units = amount_units + 1 WHERE id = %s", newest.pk)
    assert CHECK in checks_of(everything().differences)


def test_a_statement_goes_through_all_of_them(parts: list[Partition]) -> None:
    for user in User.objects.filter(wallet__isnull=False, parent=None):
        said = ask(user.pk)
        assert said["movements"]
        check(user, said, EPOCH, timezone.now() + timedelta(days=1))
