"""What the API answers a trader who reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest, QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access.authentication import TokenUser
from common.errors import DomainError
from ledger.api import LedgerView
from trading.http.history import FillsView, FundingPaymentsView
from trading.http.orders import OrdersView
from trading.http.positions import ClosedPositionsView, EquityView, PositionsView

NO_SESSION = 0  # an id that no session has


@dataclass(frozen=True)
class Section:
    """``call``: as a trader would ask; ``rows``: the member of the answer that lists; none where
    the answer is one thing."""

    title: str
    call: str
    view: Any
    rows: str = ""


SECTIONS: Mapping[str, Section] = {
    "equity": Section("Balances", "/user/equity", EquityView),
    "positions": Section("Positions", "/user/positions", PositionsView, "positions"),
    "orders": Section("Orders", "/user/orders", OrdersView, "orders"),
    "fills": Section("Fills", "/user/fills", FillsView, "fills"),
    "funding": Section("Funding payments", "/user/funding", FundingPaymentsView, "payments"),
    "closed": Section(
        "Closed positions", "/user/positions/history", ClosedPositionsView, "positions"
    ),
    "ledger": Section("Movements of money", "/user/ledger", LedgerView, "ledger"),
}


@dataclass(frozen=True)
class SeenAnswer:
    """``items``: of a list its rows, else the answer alone; ``refused``: in words, instead."""

    section: Section
    items: list[dict[str, Any]]
    next_cursor: str | None = None
    refused: str = ""


def answered(name: str, user_id: int, query: Mapping[str, str]) -> SeenAnswer:
    """Of a name in `SECTIONS`."""
    section = SECTIONS[name]
    try:
        response = asked_as(user_id, section.view(), urlencode(query))
    except DomainError as error:
        return SeenAnswer(section, [], refused=error.message)
    said = msgspec.to_builtins(response.data)
    if not section.rows:
        return SeenAnswer(section, [said])
    return SeenAnswer(section, said[section.rows], said["nextCursor"])


def asked_as(user_id: int, view: Any, query: str, **named: Any) -> Response:
    """Never more than a GET, with a user that a token would speak for. Raises as the view does."""
    plain = HttpRequest()
    plain.method = "GET"
    plain.GET = QueryDict(query)
    request = Request(plain)
    request.user = TokenUser(user_id, NO_SESSION)  # type: ignore[assignment]
    response: Response = view.get(request, **named)
    return response
