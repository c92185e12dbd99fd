"""Orders in partitions."""
import pytest
from common.postgres.partitions import partitions_of
from tests.builders.partitions import ORDERS
from django.db import connection

@pytest.mark.django_db
def test_x():
    print(partitions_of(ORDERS))
    with connection.cursor() as c:
        for q in ("SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE confrelid IN ('trading_order'::regclass,'trading_order_from_0'::regclass)",
          "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid='trading_order'::regclass", "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid='trading_ordername'::regclass"):
            c.execute(q)
            for r in c.fetchall(): print(r)
    assert 0
