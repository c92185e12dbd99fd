from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Ledger"

    def import_models(self) -> None:
        """Those of rooms that have their own, too."""
        super().import_models()
        from ledger.balances import models as balances  # noqa: F401
        from ledger.transfers import models as transfers  # noqa: F401

    def ready(self) -> None:
        # The receivers of users and markets, and the action that takes two people.
        from ledger import adjustments, signals  # noqa: F401
        from ledger.transfers import selectors  # noqa: F401  registers whose transfers are

        post_migrate.connect(signals.open_global_accounts, sender=self)
