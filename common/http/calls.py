"""What a call knows: its query parameters, and whether it has a body. Anything else is refused.

A parameter that a call dropped in silence would be worse than an error: ``DELETE
/orders?market=ETH-PERP``, where ``marketId`` is meant, must not cancel the orders of every market.
Methods of views are told what they know by `knowing`; `common.http.schema.documented` does it for
those of the API from the very parameters it describes.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from rest_framework.request import Request

from common.errors import DomainError, unknown
from common.scopes import Scope

AnyCallable = TypeVar("AnyCallable", bound=Callable[..., Any])

NAME_SHOWN_MAX = 64


def knowing(*known: str, takes_body: bool = False) -> Callable[[AnyCallable], AnyCallable]:
    """A view's method that is called only with these query parameters, each once at most, and
    without a body unless it takes one."""

    def decorate(method: AnyCallable) -> AnyCallable:
        @wraps(method)
        def checked(view: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
            _check_query(request, known)
            if not takes_body:
                _check_no_body(request, known)
            return method(view, request, *args, **kwargs)

        return cast(AnyCallable, checked)

    return decorate


def needing(scope: Scope | None) -> Callable[[AnyCallable], AnyCallable]:
    """A view's method that keys with this scope may call; None for no key at all, as where
    nothing is said."""

    def decorate(method: AnyCallable) -> AnyCallable:
        method.key_scope = scope  # type: ignore[attr-defined]
        return method

    return decorate


def scope_of(view: Any, request: Request) -> Scope | None:
    """What a key needs for this call."""
    method = getattr(view, str(request.method).lower(), None)
    return getattr(method, "key_scope", None)


def _check_query(request: Request, known: Sequence[str]) -> None:
    for name, values in request.query_params.lists():
        if name not in known:
            raise _refused(name, "Unknown parameter", known)
        if len(values) > 1:
            raise _refused(name, f"{name} is given {len(values)} times", known)


def _refused(name: str, what: str, known: Sequence[str]) -> DomainError:
    if not known:
        what = "This call takes no parameters: leave it out"
    return unknown(name[:NAME_SHOWN_MAX], what, known)


def _check_no_body(request: Request, known: Sequence[str]) -> None:
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.strip("0") or request.META.get("HTTP_TRANSFER_ENCODING"):
        instead = ": give parameters in its address" if known else ": leave it out"
        raise unknown("body", f"This call takes no body{instead}", known)
