from tests.recovery.exchange import exchange

__all__ = ["exchange"]
