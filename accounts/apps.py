from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def import_models(self) -> None:
        """Those of rooms that have their own, too."""
        super().import_models()
        from accounts.referrals import models  # noqa: F401

    def ready(self) -> None:
        from accounts import checks, signals  # noqa: F401  registers them
        from accounts.factors import resets  # noqa: F401  registers what takes two people
        from accounts.people import erasing  # noqa: F401  likewise
        from accounts.staff import groups, invitations, powers  # noqa: F401  likewise
