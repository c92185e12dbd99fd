import gc

from django.apps import AppConfig


class ExchangeSiteConfig(AppConfig):
    """While Django loads models and the console nothing becomes garbage: to look for it would take
    a fifth of every process's start. What is loaded by then stays, and is never looked through
    again; children share it with the process that forked them."""

    name = "exchange_site"
    verbose_name = "Exchange"

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        gc.disable()

    def ready(self) -> None:
        gc.freeze()
        gc.enable()
