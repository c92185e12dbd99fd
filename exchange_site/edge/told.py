"""Who was told to wait and asks all the same is refused at the door: no thread looks again.

Only where a budget of theirs was empty: one that was too small for a batch may be enough for what
is less, and one of a name, a session or a mail (`accounts.throttles`) says nothing of what else is
asked. Kept per process, by who asks and what: orders, cancels and reads have budgets of their own,
and each call spends one of them.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from django.urls import Resolver404, resolve

from accounts.families.authentication import HEADER as ACCOUNT_HEADER
from accounts.keys import headers as key_headers
from common.http.addresses import address_of, origin_of
from common.limits.budgets import BUDGET_HEADER, Standing
from gateway.asking.signing import KEY_HEADER as GATEWAY_KEY_HEADER
from trading.http.limits import ASKERS_BUDGETS

KEPT_MAX = 10_000
KEY_LENGTH_MAX = 64
_ACCOUNT, _KEY, _GATEWAY_KEY = (
    name.lower().encode() for name in (ACCOUNT_HEADER, key_headers.KEY, GATEWAY_KEY_HEADER)
)

Asked = tuple[str, str, str]  # by whom, the method, the route


class Told:
    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until: dict[Asked, tuple[float, int, str]] = {}  # with the budget's size and kind

    def standing_of(self, scope: Any) -> Standing | None:
        """None for whoever needn't wait."""
        if not self._until:
            return None
        asked = _asked(scope)
        until_s, limit, kind = self._until.get(asked, (0.0, 0, ""))
        left_s = until_s - self._now()
        if left_s <= 0:
            self._until.pop(asked, None)
            return None
        wait_s = int(left_s) + 1
        return Standing(limit, 0, wait_s, wait_s, kind)

    def hear(self, scope: Any, status: str, headers: Iterable[tuple[str, str]]) -> None:
        """An answer on its way."""
        if not status.startswith("429"):
            return
        said = {name.lower(): value for name, value in headers}
        wait, limit = said.get("retry-after", ""), said.get("x-ratelimit-limit", "")
        kind = said.get(BUDGET_HEADER.lower(), "")
        is_empty = said.get("x-ratelimit-remaining") == "0"
        if is_empty and kind in ASKERS_BUDGETS and wait.isdigit() and limit.isdigit():
            if len(self._until) >= KEPT_MAX:
                self._until.clear()
            self._until[_asked(scope)] = self._now() + int(wait), int(limit), kind


def _asked(scope: Any) -> Asked:
    """Who asks, and for which call."""
    return _asker(scope), scope["method"], _route(scope["path"])


def _asker(scope: Any) -> str:
    """Whoever shows no token is an address, and each key there: a key is no secret, so it counts
    only where it comes from. A token acts for the account that is named with it."""
    said = {name: value.decode("latin-1") for name, value in reversed(scope["headers"])}
    token = said.get(b"authorization")
    if token is not None:
        return f"{said.get(_ACCOUNT, '')} {token}"
    key = said.get(_KEY) or said.get(_GATEWAY_KEY) or ""
    return f"{key[:KEY_LENGTH_MAX]} {origin_of(address_of(scope))}".strip()


def _route(path: str) -> str:
    try:
        return resolve(path).route
    except Resolver404:
        return ""
