from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        # The receivers of users and markets, and the actions that take two people.
        from ledger import adjustments, signals  # noqa: F401
        from ledger.withdrawals import limits

        post_migrate.connect(signals.open_global_accounts, sender=self)
        post_migrate.connect(limits.install_limits, sender=self)
