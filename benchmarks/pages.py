"""Every list, filter, search and record of the admin, every list that records link to, the pages of
the console, and every read of the API, as requests on the rows of `benchmarks.history`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.db.models import Model
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from benchmarks.history import BUSY_MARKET, DORMANT_MARKET, WHALE, WHALE_NAME
from benchmarks.tokens import token_of
from common.admin.record_urls import list_url, url_of
from console.alerts.models import Alert
from console.factors.door import mark_shown
from console.incident.sources.lines import TimelineKind
from console.risk.first import PositionOrder
from console.today.ranges import RANGES
from console.why.views import KINDS
from ledger.models import Account, Withdrawal
from markets.conversions import to_ms
from matching.messages.vocabulary import OrderStatus
from trading.models import CANDLE_INTERVALS_MS, Fill, Order, Position

SMALL_TRADER, IDLE_TRADER = 500, 15_000
CHOICES_MAX = 3
WHY = {asked.model: kind for kind, asked in KINDS.items()}
RISK_BOARD = "admin risk board"  # reads every open position, once or twice
PATHS = (
    "alerts", "status", "stop", "policy", "stress", "incident", "hindsight", "exports", "launch",
    "withdrawals", "custody", "operators", "factors", "transfer-rule", "referral-rule",
)  # fmt: skip
LIST_LINK = re.compile(r'href="(/admin/\w+/\w+/\?[^"]+)"')


@dataclass(frozen=True)
class Page:
    """A GET request; ``user_id`` of a trader for the API, None for the admin and what is public."""

    group: str
    path: str
    user_id: int | None = None


class Visitor:
    """Asks over Django's test client: no sockets, but all of Django and all of the SQL."""

    def __init__(self) -> None:
        self._operator = Client()
        boss, _ = User.objects.get_or_create(username="boss", is_staff=True, is_superuser=True)
        self._operator.force_login(boss)
        request = HttpRequest()  # as after the second step of a sign-in
        request.session = self._operator.session
        mark_shown(request)
        request.session.save()
        self._traders: dict[int, Client] = {}

    def get(self, page: Page) -> Any:
        response: Any = self._client(page).get(page.path)
        assert response.status_code == 200, (page, response.status_code)
        if response.streaming:
            for _ in response.streaming_content:
                pass
        return response

    def _client(self, page: Page) -> Client:
        if page.user_id is None:
            return self._operator
        if page.user_id not in self._traders:
            token = token_of(User.objects.get(pk=page.user_id))
            self._traders[page.user_id] = Client(headers={"Authorization": f"Bearer {token}"})
        return self._traders[page.user_id]


def all_pages(visitor: Visitor) -> Iterator[Page]:
    """Each once, however many records link to it."""
    yield from dict.fromkeys(_all_pages(visitor))


def _all_pages(visitor: Visitor) -> Iterator[Page]:
    admin.autodiscover()
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label):
        yield from _lists(visitor, model)
        yield from _records(visitor, model)
    yield from _risk()
    yield from _console()
    yield from _calls()


def _risk() -> Iterator[Page]:
    """The board by each of its keys, and the exposures of those who have most and least."""
    for key in PositionOrder:
        for query in ("", f"&market={BUSY_MARKET}", "&part=body"):
            yield Page(RISK_BOARD, f"/admin/risk/?sort={key}{query}")
    for user_id in (WHALE, SMALL_TRADER, IDLE_TRADER):
        yield Page("admin exposure", f"/admin/risk/{user_id}/")


def _console() -> Iterator[Page]:
    """What an operator's jobs begin with."""
    for words in (WHALE_NAME, "30000", "nothing-like-it"):
        yield Page("admin console", f"/admin/search/?s={words}&extended=1")
    of_whale = [f"{path}/{WHALE}" for path in ("freeze", "see-as", "family")]
    of_market = [f"{path}/{BUSY_MARKET}" for path in ("rules", "launch/market")]
    for path in (*PATHS, *of_whale, *of_market, f"people/{WHALE}/export", f"operators/{WHALE + 1}"):
        yield Page("admin console", f"/admin/{path}/")
    for state in ("waiting", "confirmed"):
        newest = Withdrawal.objects.filter(state=state).latest("pk")
        yield Page("admin console", f"/admin/withdrawals/{newest.pk}/")
    yield Page("admin console", f"/admin/alerts/{Alert.objects.latest('pk').pk}/")


def sums() -> Iterator[Page]:
    """Pages that cost as much as happened in the time they are asked for, or add up all rows of a
    kind: beside `all_pages`, none of which does."""
    yield Page("admin money", "/admin/money/")
    now = timezone.now()
    for age in (timedelta(minutes=30), timedelta(days=2)):
        for of_minute in ("", ":37"):
            yield Page("admin money", f"/admin/money/?at={now - age:%Y-%m-%dT%H:%M}{of_minute}")
    for name in RANGES:
        yield Page("admin today", f"/admin/?range={name}")
        yield Page("admin today", f"/admin/today/series/?range={name}")
    hour = f"from={to_ms(now - timedelta(hours=1))}&to={to_ms(now)}"
    for query in (hour, f"{hour}&format=csv"):
        yield Page("API, statement", f"/user/statement?{query}", WHALE)
    for user_id in (WHALE, SMALL_TRADER):  # in a transaction of its own
        yield Page("API, snapshot", "/user/snapshot", user_id)
    for path in ("statement", "data"):
        yield Page("API, statement", f"/user/{path}", IDLE_TRADER)
    newest = Fill.objects.filter(market=BUSY_MARKET).latest("pk")
    asked = f"/admin/incident/?market={BUSY_MARKET}"
    kinds = "".join(f"&kind={kind}" for kind in TimelineKind)
    yield Page("admin timeline", f"{asked}&from={newest.seq - 100}&to={newest.seq}{kinds}")
    yield Page("admin timeline", f"{asked}&at={newest.executed_at:%Y-%m-%dT%H:%M:%S}&minutes=10")


def _lists(visitor: Visitor, model: type[Model]) -> Iterator[Page]:
    first = Page("admin list", list_url(model, ""))
    yield first
    shown = visitor.get(first).context_data["cl"]
    for spec in shown.filter_specs:
        choices = [choice for choice in spec.choices(shown) if not choice["selected"]]
        for choice in choices[:CHOICES_MAX]:
            yield Page("admin filter", list_url(model, choice["query_string"].removeprefix("?")))
    if shown.search_fields:
        for words in (WHALE_NAME, "trader", "30000", "mine-400", "nothing-like-it"):
            yield Page("admin search", list_url(model, f"{SEARCH_VAR}={words}"))
    yield Page("admin list", list_url(model, f"{PAGE_VAR}=1000"))


def _records(visitor: Visitor, model: type[Model]) -> Iterator[Page]:
    rows = model._default_manager
    keys = {row.pk for row in (rows.order_by("pk").first(), rows.order_by("-pk").first()) if row}
    if model is Account:  # those with the most postings: the whale's, and the fees'
        keys |= set(rows.filter(user=WHALE).values_list("pk", flat=True))
        keys |= set(rows.filter(kind="fees").values_list("pk", flat=True))
    if model is Position:
        keys |= set(rows.filter(user=WHALE).values_list("pk", flat=True))
    for key in sorted(keys, key=str):
        record = Page("admin record", url_of(model, key))
        yield record
        if kind := WHY.get(model):
            yield Page("admin why", reverse("admin:why", args=[kind, key]))
        for address in LIST_LINK.findall(visitor.get(record).content.decode()):
            yield Page("admin link", unescape(address))


def _long_ago_ms() -> int:
    """Nearly as far back as the oldest orders are."""
    placed = Order.objects.order_by("pk").values_list("created_at", flat=True)
    return int(placed[100].timestamp() * 1_000)


def _filtered() -> Iterator[str]:
    """A trader's lists by what may be asked for, where it is and where it is not."""
    long_ago = _long_ago_ms()
    for path in ("orders", "fills", "ledger", "funding", "positions/history"):
        for query in (f"to={long_ago}", f"from={long_ago}", f"from={long_ago}&to={long_ago + 1}"):
            yield f"{path}?{query}"
            yield f"{path}?{query}&marketId={DORMANT_MARKET}"
        yield f"{path}?marketId={DORMANT_MARKET}"
    yield f"orders?status=rejected,expired&to={long_ago}"
    yield from ("orders?status=open,pending", "orders?clientOrderId=mine-8", "fills?orderId=8")
    yield from ("fills?clientOrderId=mine-8", "ledger?orderId=8", "ledger?kind=deposit")
    yield from ("ledger?kind=fee", f"ledger?kind=fill&to={long_ago}")
    yield f"positions/history?ending=ADL&to={long_ago}"


def _around() -> Iterator[str]:
    """What a trader reads that is no order, fill or position."""
    yield from ("keys", "accounts", "referrals", "fees", "profile", "terms", "factors")
    for path in ("transfers", "withdrawals", "deposits"):
        yield from (path, f"{path}?limit=500", f"{path}?cursor=5000")
    yield "withdrawal-addresses"


def _calls() -> Iterator[Page]:
    for user_id in (WHALE, SMALL_TRADER, IDLE_TRADER):
        orders = [f"?status={status}" for status in OrderStatus]
        orders += ["", "?limit=500", "?cursor=5000", f"?marketId={DORMANT_MARKET}"]
        orders += [f"?status=open&marketId={DORMANT_MARKET}"]
        fills = ["", "?limit=500", "?cursor=5000", f"?marketId={DORMANT_MARKET}"]
        paths = [f"orders{query}" for query in orders] + [f"fills{query}" for query in fills]
        paths += ["ledger", "ledger?limit=500", "ledger?cursor=5000", "positions", "equity"]
        paths += ["positions?status=all", "funding", "positions/history", *_filtered()]
        paths += [*_around()]
        for path in paths:
            yield Page("API of a trader", f"/user/{path}", user_id)
        for path in ("/algos", "/algos?limit=500", "/auth/sessions", "/auth/sign-ins"):
            yield Page("API of a trader", path, user_id)
        yield Page("API of a trader", "/auth/sign-ins/failed", user_id)
    for path in ("/markets", "/tickers", "/exchange", "/announcements", "/terms", "/downloads"):
        yield Page("API, public", path)
    yield Page("API, public", f"/downloads?marketId={BUSY_MARKET}")
    for market_id in (BUSY_MARKET, DORMANT_MARKET):
        lists = ("/trades", "/funding", "/liquidations")
        windows = [f"{path}?{end}={_long_ago_ms()}" for path in lists for end in ("from", "to")]
        now = ("/prices?interval=1m", "/standings", "/depth", "/ticker")
        for path in ("", *lists, "/trades?cursor=1000", *windows, *now):
            yield Page("API, public", f"/markets/{market_id}{path}")
        for interval in CANDLE_INTERVALS_MS:
            for page in ("", "&limit=500", "&cursor=1700000000000"):
                path = f"/markets/{market_id}/candles?interval={interval}{page}"
                yield Page("API, public", path)
