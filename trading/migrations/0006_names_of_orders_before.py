"""Orders that were there get their keys, part by part, while others are taken.

The index that held client order ids until now stays, as the release before names it in its
statements. It goes as orders get into partitions (`trading.orders.partitioning`); this release
knows the keys alone.
"""

from typing import Any

from django.db import migrations

from trading.migrations.rules.names import NAMES_OF_BEFORE

_AT_ONCE = 10_000


def name_orders(apps: Any, schema_editor: Any) -> None:  # noqa: ARG001  Django's signature
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(id), 0) FROM trading_order")
        (last,) = cursor.fetchone()
        for first in range(0, last, _AT_ONCE):
            cursor.execute(NAMES_OF_BEFORE, [first, first + _AT_ONCE])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("trading", "0005_order_names")]

    operations = [
        migrations.RunPython(name_orders, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("order", "order_client_order_id_once_per_user")
            ]
        ),
    ]
