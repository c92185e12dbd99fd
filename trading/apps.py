from django.apps import AppConfig


class TradingConfig(AppConfig):
    name = "trading"
    verbose_name = "Trading"

    def ready(self) -> None:
        from trading.commands import proposals  # noqa: F401  registers what takes two people
        from trading.positions import left  # noqa: F401  registers what is left of an account
