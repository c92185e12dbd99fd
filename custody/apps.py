from django.apps import AppConfig


class CustodyConfig(AppConfig):
    name = "custody"
    verbose_name = "Custody"

    def ready(self) -> None:
        # The actions that take two people, and what stands against closing an account.
        from custody import deposits, floats  # noqa: F401
        from custody.manual import crediting  # noqa: F401
