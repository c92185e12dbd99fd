from django.apps import AppConfig


class PricesConfig(AppConfig):
    name = "prices"
    verbose_name = "Prices"

    def ready(self) -> None:
        from prices import services  # noqa: F401  registers what takes two people
