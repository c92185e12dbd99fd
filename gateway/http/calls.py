"""What calls there are, and what each is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common.scopes import Scope
from gateway.asking.params import Params
from trading.http.limits import CallKind


@dataclass(frozen=True, slots=True)
class VenueAsk:
    """``user_id`` is 0 where nobody has to say who asks. ``key``: what the request was signed
    with."""

    params: Params
    user_id: int = 0
    key: str = ""
    is_blocked: bool = False  # the country it comes from


Answer = Callable[[VenueAsk], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """``scope`` None: anybody may ask. ``by_key``: the key says who asks, and nothing is signed.
    ``kind``: whose budget it costs; ``is_cancel``: an order that isn't
    there is told as to who cancels."""

    answer: Answer
    scope: Scope | None = None
    by_key: bool = False
    kind: CallKind = CallKind.READS
    is_cancel: bool = False


Routes = Mapping[tuple[str, str], Route]


def public(answer: Answer) -> Route:
    return Route(answer)


def reading(answer: Answer) -> Route:
    return Route(answer, Scope.READ)


def trading(answer: Answer, kind: CallKind = CallKind.ORDERS) -> Route:
    return Route(answer, Scope.TRADE, kind=kind)


def cancelling(answer: Answer) -> Route:
    return Route(answer, Scope.TRADE, kind=CallKind.CANCELS, is_cancel=True)
