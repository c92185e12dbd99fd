"""Every call, as data: what is sent, what the answer is, and whether it may be sent twice.

No call does anything by itself. `exchange_client.Client` and `AsyncClient` have a method for each,
which sends it; both send the same.
"""

from exchange_client.calls import account, algos, markets, money, orders, sessions

__all__ = ["account", "algos", "markets", "money", "orders", "sessions"]
