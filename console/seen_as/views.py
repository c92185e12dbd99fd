"""From a trader's page: what they see."""

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.models import Freeze, User
from common.admin import NOTHING
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError
from common.reasons import REASON_MAX, reason_of
from console.seen_as.answers import SECTIONS, SeenAnswer, answered

PERMISSION = "accounts.see_as_trader"
FIRST = ("equity", "positions")  # where the address names no section
ROWS_OF_A_PAGE = 20
_CURSOR_LENGTH_MAX = 60


def seen_as_view(request: HttpRequest, site: Any, user_id: int) -> HttpResponse:
    """Asks for a reason first. Only GET comes here: the page has no way to act."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    user = trader_of(user_id)
    context = {
        **site.each_context(request),
        "title": f"As {user} sees it",
        "trader": user,
        "reason_max": REASON_MAX,
    }
    template = "ask"
    try:
        reason = reason_of(asked_reason(request))
    except DomainError as error:
        context["wrong"] = error.message if "reason" in request.GET else ""
    else:
        template = "page"
        context |= _seen(request, user, reason)
    return TemplateResponse(request, f"console/seen_as/{template}.html", context)


def trader_of(user_id: int) -> User:
    """Raises Http404."""
    user = User.objects.filter(pk=user_id).first() if user_id < 2**63 else None
    if user is None:
        raise Http404
    return user


def asked_reason(request: HttpRequest) -> str:
    return request.GET.get("reason", "").replace("\0", "")


def refused_word(user: User) -> str:
    """Why the API refuses them; "" where it doesn't."""
    if user.is_active:
        return ""
    frozen = Freeze.objects.filter(user=user, lifted_at=None).exists()
    return "frozen" if frozen else "suspended"


def _seen(request: HttpRequest, user: User, reason: str) -> dict[str, Any]:
    show = request.GET.get("show", "")
    is_one = show in SECTIONS
    shown = (show,) if is_one else FIRST
    cursor = request.GET.get("cursor", "")[:_CURSOR_LENGTH_MAX] if is_one else ""
    words = ", ".join(SECTIONS[name].title.lower() for name in shown)
    tell(Act(verb=Verb.SEEN_AS, request=request, obj=user, words=words, reason=reason))
    return {
        "reason": reason,
        "sections": [_section(name, user, reason, cursor) for name in shown],
        "choices": [
            ("Balances and positions", _way(reason), not is_one),
            *(
                (section.title, _way(reason, show=name), name == show)
                for name, section in SECTIONS.items()
                if name not in FIRST
            ),
        ],
        "refused": refused_word(user),
        "trading_page": f"{reverse('admin:see-as-page', args=[user.pk])}{_way(reason)}",
    }


def _way(reason: str, **asked: str) -> str:
    return f"?{urlencode({'reason': reason, **asked})}"


def _section(name: str, user: User, reason: str, cursor: str) -> dict[str, Any]:
    query: dict[str, str] = {}
    if SECTIONS[name].rows:
        query = {"limit": str(ROWS_OF_A_PAGE)} | ({"cursor": cursor} if cursor else {})
    found = answered(name, user.pk, query)
    more = found.next_cursor
    return {
        "answered": found,
        "table": _table(found) if found.section.rows else None,
        "figures": [(_words(key), _cell(one)) for item in found.items for key, one in item.items()],
        "older": _way(reason, show=name, cursor=more) if more else "",
    }


def _table(found: SeenAnswer) -> tuple[list[str], list[list[tuple[str, str]]]]:
    """Columns that say something of any row, and the rows."""
    keys = list(dict.fromkeys(key for item in found.items for key in item))
    told = [key for key in keys if any(item.get(key) is not None for item in found.items)]
    rows = [[(_words(key), _cell(item.get(key))) for key in told] for item in found.items]
    return [_words(key) for key in told], rows


def _words(key: str) -> str:
    """unrealizedPnl: unrealized pnl."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in key)


def _cell(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{_words(key)} {one}" for key, one in value.items() if one is not None)
    return str(value)
