import gc
from types import ModuleType

from django.apps import AppConfig


class ExchangeSiteConfig(AppConfig):
    """While Django loads models and the console nothing becomes garbage: to look for it would take
    a fifth of every process's start. What is loaded by then stays, and is never looked through
    again; children share it with the process that forked them."""

    name = "exchange_site"
    verbose_name = "Exchange"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        super().__init__(app_name, app_module)
        gc.disable()

    def ready(self) -> None:
        gc.freeze()
        gc.enable()
