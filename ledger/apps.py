from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        from ledger import signals  # also connects the receivers of users and markets

        post_migrate.connect(signals.open_global_accounts, sender=self)
