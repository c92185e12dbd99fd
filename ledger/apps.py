from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Ledger"

    def import_models(self) -> None:
        """Those of rooms that have their own, too."""
        super().import_models()
        from ledger.archive import models as archive  # noqa: F401
        from ledger.balances import models as balances  # noqa: F401
        from ledger.transfers import models as transfers  # noqa: F401

    def ready(self) -> None:
        # The receivers of users and markets, and the actions that take two people.
        from ledger import adjustments, signals  # noqa: F401
        from ledger.transfers import selectors as transfers  # noqa: F401  whose they are
        from ledger.withdrawals import limits
        from ledger.withdrawals import selectors as withdrawals  # noqa: F401  as obstacles

        post_migrate.connect(signals.open_global_accounts, sender=self)
        post_migrate.connect(limits.install_limits, sender=self)
