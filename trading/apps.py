from django.apps import AppConfig


class TradingConfig(AppConfig):
    name = "trading"
    verbose_name = "Trading"

    def ready(self) -> None:
        from trading.commands import proposals  # noqa: F401  registers what takes two people
        from trading.positions import closing  # noqa: F401  registers what keeps an account open
