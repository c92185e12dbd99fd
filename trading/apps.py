from django.apps import AppConfig


class TradingConfig(AppConfig):
    name = "trading"
    verbose_name = "Trading"

    def import_models(self) -> None:
        """Those of rooms that have their own, too."""
        super().import_models()
        from trading.algos import models as algos  # noqa: F401
        from trading.archive import models as archive  # noqa: F401
        from trading.fees import models as fees  # noqa: F401
        from trading.statements import models as statements  # noqa: F401

    def ready(self) -> None:
        from trading import fee_tiers  # noqa: F401  new sub-accounts join their family's
        from trading.algos import left as left_algos  # noqa: F401  registers that they are in the way
        from trading.archive import shown  # noqa: F401  registers where old fills of a person are
        from trading.commands import proposals  # noqa: F401  registers what takes two people
        from trading.positions import left  # noqa: F401  registers what is left of an account
