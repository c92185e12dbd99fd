"""How often a trader may place, cancel and read; an address may read without signing in.

A batch costs what it holds. The limits are those of the trader's fee tier, or the default's where
it has none; each process keeps a trader's for `KEPT_S`, so that orders don't ask Postgres.
"""

import time
from collections.abc import Collection
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.views import APIView

from common.errors import DomainError, ErrorCode
from common.limits.askers import origin_of
from common.limits.budgets import BUDGET, Ask, Rate, Standing, spend
from trading.http.items import BATCH_MAX
from trading.models import UserFeeTier

OF_ADDRESS = "address"

KEPT_S = 10.0
KEPT_MAX = 50_000  # traders
BURST_S = 3  # a budget holds what this time brings, and a batch at least

log = structlog.get_logger(__name__)


class CallKind(StrEnum):
    ORDERS = "orders"
    CANCELS = "cancels"
    READS = "reads"


PER_S = {CallKind.ORDERS: 100, CallKind.CANCELS: 200, CallKind.READS: 50}
OF_AN_ADDRESS_PER_S = 100  # what needs no signing in, for all behind the address

Rates = dict[CallKind, Rate]


def rate_of(per_s: int) -> Rate:
    return Rate(per_s, 1, burst=max(BATCH_MAX, per_s * BURST_S))


ADDRESS_RATE = rate_of(OF_AN_ADDRESS_PER_S)
DEFAULT_RATES: Rates = {kind: rate_of(per_s) for kind, per_s in PER_S.items()}


class _Known:
    """Traders' limits, as of this process."""

    def __init__(self) -> None:
        self._rates: dict[int, tuple[Rates, float]] = {}

    def rates_of(self, user_ids: Collection[int]) -> dict[int, Rates]:
        """In one query for all that are not known."""
        now_s = time.monotonic()
        known = {
            user_id: kept[0]
            for user_id in user_ids
            if (kept := self._rates.get(user_id)) is not None and now_s < kept[1]
        }
        asked = [user_id for user_id in user_ids if user_id not in known]
        if asked:
            known |= self._read(asked, now_s + KEPT_S)
        return known

    def _read(self, user_ids: list[int], until_s: float) -> dict[int, Rates]:
        found = dict.fromkeys(user_ids, DEFAULT_RATES)
        columns = [f"tier__{kind}_per_s" for kind in CallKind]
        members = UserFeeTier.objects.filter(user_id__in=user_ids)
        try:
            for user_id, *per_s in members.values_list("user_id", *columns):
                found[user_id] = {
                    kind: DEFAULT_RATES[kind] if own is None else rate_of(own)
                    for kind, own in zip(CallKind, per_s, strict=True)
                }
        except (OperationalError, InterfaceError) as error:
            log.warning("limits_of_tiers_unread", error=str(error))
            return found
        if len(self._rates) + len(found) > KEPT_MAX:
            self._rates.clear()
        self._rates |= {user_id: (rates, until_s) for user_id, rates in found.items()}
        return found

    def forget(self) -> None:
        self._rates.clear()


_known = _Known()
forget_limits = _known.forget


def spend_of(asked: Collection[tuple[int, CallKind, int]]) -> list[Standing | None]:
    """Of each trader, kind and cost, in their order; None where nothing is limited. Two round trips
    at most for all, usually one."""
    if not settings.LIMITS:
        return [None] * len(asked)
    rates = _known.rates_of({user_id for user_id, _, _ in asked})
    asks = [Ask(f"{kind}:{user_id}", rates[user_id][kind], cost) for user_id, kind, cost in asked]
    return list(spend(asks))


def spend_of_strangers(origins: Collection[str]) -> list[Standing | None]:
    """Of the address of each request that nobody signed; None where nothing is limited."""
    if not settings.LIMITS:
        return [None] * len(origins)
    return list(spend([Ask(_budget_of(origin), ADDRESS_RATE) for origin in origins]))


def _budget_of(origin: str) -> str:
    return f"address:{origin}"


def too_many(what: str, standing: Standing) -> DomainError:
    message = f"Too many {what}: wait {standing.retry_s} s. At most {standing.limit} at once."
    return DomainError(ErrorCode.TOO_MANY_REQUESTS, message)


# --- in Django's views ----------------------------------------------------------------------------

_KINDS = {
    "GET": CallKind.READS,
    "HEAD": CallKind.READS,
    "OPTIONS": CallKind.READS,
    "DELETE": CallKind.CANCELS,
}


def kind_of(method: str) -> CallKind:
    """Of calls that don't say otherwise."""
    return _KINDS.get(method, CallKind.ORDERS)


def spend_further(request: Request, view: APIView, count: int) -> None:
    """What a batch costs beyond one. Raises Throttled."""
    if settings.LIMITS and 1 < count <= BATCH_MAX:
        standing = spend_request(request, view, count - 1)
        if not standing.granted:
            raise Throttled(wait=standing.retry_s - 1)


def spend_request(request: Request, view: Any, cost: int) -> Standing:
    """Of a view's call, whose answer will say how the budget stands. A view whose calls are of
    another kind than their method says names it as ``limited_as``."""
    user_id = getattr(request.user, "pk", None)
    if isinstance(user_id, int):
        kind = getattr(view, "limited_as", None) or kind_of(str(request.method))
        rate = _known.rates_of([user_id])[user_id][kind]
        budget, named = f"{kind}:{user_id}", str(kind)
    else:
        rate, budget, named = ADDRESS_RATE, _budget_of(origin_of(request)), OF_ADDRESS
    (standing,) = spend([Ask(budget, rate, cost)])
    view.headers |= standing.headers() | {BUDGET: named}
    return standing
