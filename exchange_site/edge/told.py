"""Who was told to wait and asks all the same is refused at the door: no thread looks again.

Only where a budget was empty: one that was too small for a batch may be enough for what is less.
And only of a budget that all calls of a method spend: a name that is locked, a mailbox that had
enough mails, are no reason to refuse others at the same address, or other calls.
Kept per process, by who asks and how: orders, cancels and reads have budgets of their own, and a
method spends one of them.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from common.http.addresses import address_of, origin_of
from common.limits.budgets import BUDGET, Standing
from trading.http.limits import OF_ADDRESS, kind_of

KEPT_MAX = 10_000


class Told:
    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until: dict[tuple[str, str], tuple[float, int]] = {}  # with the budget's size

    def standing_of(self, scope: Any) -> Standing | None:
        """None for whoever needn't wait."""
        asker = _asker(scope)
        until_s, limit = self._until.get(asker, (0.0, 0))
        left_s = until_s - self._now()
        if left_s <= 0:
            self._until.pop(asker, None)
            return None
        wait_s = int(left_s) + 1
        return Standing(limit, 0, wait_s, wait_s)

    def hear(self, scope: Any, status: str, headers: Iterable[tuple[str, str]]) -> None:
        """An answer on its way."""
        if not status.startswith("429"):
            return
        said = {name.lower(): value for name, value in headers}
        if said.get(BUDGET.lower()) not in (OF_ADDRESS, kind_of(scope["method"])):
            return
        wait, limit = said.get("retry-after", ""), said.get("x-ratelimit-limit", "")
        if said.get("x-ratelimit-remaining") == "0" and wait.isdigit() and limit.isdigit():
            if len(self._until) >= KEPT_MAX:
                self._until.clear()
            self._until[_asker(scope)] = self._now() + int(wait), int(limit)


def _asker(scope: Any) -> tuple[str, str]:
    """Whoever shows no token is an address, and each key there: a key is no secret, so it counts
    only where it comes from."""
    tokens = [value for name, value in scope["headers"] if name == b"authorization"]
    if tokens:
        return tokens[0].decode("latin-1"), scope["method"]
    keys = [value for name, value in scope["headers"] if name == b"x-api-key"]
    key = keys[0].decode("latin-1") if keys else ""
    return f"{key[:64]} {origin_of(address_of(scope))}".strip(), scope["method"]
