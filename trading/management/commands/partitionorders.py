"""Orders into partitions, once no part of the release before runs any more."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.partitions import PartitionsRefused, orders_are_partitioned, partition_orders


class Command(BaseCommand):
    help = (
        "Make orders a table of partitions by their ids, while the exchange runs. No row is copied."
        " Every part must be of this release before: one of the release before takes no order"
        " afterwards."
    )
    requires_system_checks: list[str] = []

    def handle(self, **_: Any) -> None:
        if orders_are_partitioned():
            self.stdout.write("orders are in partitions already")
            return
        try:
            partition_orders()
        except PartitionsRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write("orders are in partitions")
