"""What traders are told of their money, byte by byte."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client

from accounts.models import User
from gateway.asking.params import Params
from gateway.http import history
from gateway.http.calls import VenueAsk
from ledger.models import JournalEntry
from tests.trading.client import token_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAGES_MAX = 200


def traders() -> list[User]:
    return list(User.objects.filter(wallet__isnull=False, parent=None).order_by("pk"))


def get(user: User, path: str) -> bytes:
    client = Client(HTTP_AUTHORIZATION=f"Bearer {token_of(user.pk)}")
    answer = client.get(path)
    body = answer.getvalue()
    assert answer.status_code == 200, body
    return body


def user_trades(user: User, query: str) -> Any:
    """Of the gateway."""
    asked = VenueAsk(Params.read(f"symbol=ETHUSDT&{query}".encode(), b""), user.pk)
    return history.user_trades(asked)


def pages(user: User, query: str) -> list[bytes]:
    """All pages of a list, following its cursors."""
    found, cursor = [], ""
    for _ in range(PAGES_MAX):
        found.append(get(user, f"/user/ledger?{query}{cursor}"))
        following = json.loads(found[-1])["nextCursor"]
        if following is None:
            return found
        cursor = f"&cursor={following}"
    raise AssertionError("the list has no end")


def moments() -> list[int]:
    times = sorted({at for (at,) in JournalEntry.objects.values_list("created_at")})
    chosen = times[0], times[len(times) // 3], times[2 * len(times) // 3], times[-1]
    return [(at - EPOCH) // timedelta(milliseconds=1) for at in chosen]


def all_told(one_in: int = 1) -> dict[str, bytes | list[bytes]]:
    """To each trader, or to one in so many: lists by their filters, statements of stretches of
    time."""
    told: dict[str, bytes | list[bytes]] = {}
    order_ids = JournalEntry.objects.filter(order_id__isnull=False).order_by("order_id")
    orders = list(order_ids.values_list("order_id", flat=True).distinct())[::25]
    stretches = list(itertools.combinations(moments(), 2))
    for user in traders()[::one_in]:
        queries = [
            "limit=23",
            "limit=500",
            "limit=9&kind=fee",
            "limit=3&kind=deposit",
            "limit=19&marketId=ETH-PERP",
            f"limit=16&from={stretches[1][0]}&to={stretches[1][1]}",
            *(f"limit=2&orderId={order}" for order in orders),
        ]
        for query in queries:
            told[f"{user} {query}"] = pages(user, query)
        for start, end in stretches:
            path = f"/user/statement?from={start}&to={end}"
            told[f"{user} {path}"] = get(user, path)
        for path in ("/user/statement", "/user/statement?format=csv"):
            told[f"{user} {path}"] = get(user, path)
    return told
