from django.apps import AppConfig


class CustodyConfig(AppConfig):
    name = "custody"
    verbose_name = "Custody"

    def ready(self) -> None:
        from custody import floats  # noqa: F401  the actions that take two people
        from custody.manual import crediting  # noqa: F401
