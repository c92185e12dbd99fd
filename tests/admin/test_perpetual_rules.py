"""What the perpetual rules did, explained; and what only some operators may do about it."""

import re
from collections.abc import Callable
from http import HTTPStatus

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from common.admin.record_urls import list_url, url_of
from ledger.models import JournalEntry
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import ExecutionType, OrderStatus, OrderType, Role, Side
from tests.admin.factories import make_funding, make_liquidation, make_order, make_user
from tests.reads.test_query_plans import plan_nodes
from trading.models import (
    FeeTier,
    Fill,
    FundingPayment,
    FundingSettlement,
    InsuranceTopUp,
    Liquidation,
    Order,
    OutboxCommand,
    UserFeeTier,
)

ClientOf = Callable[[str], Client]

pytestmark = pytest.mark.usefixtures("alone")


def get(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == HTTPStatus.OK, (url, response.status_code)
    return response.content.decode()


def act(client: Client, action: str, markets: list[Market], **fields: str) -> str:
    data = {"action": action, "_selected_action": [market.pk for market in markets], **fields}
    response = client.post(list_url(Market, ""), data, follow=True)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


# --- explanations ---------------------------------------------------------------------------------


def test_a_liquidation_explains_itself(client_of: ClientOf, world: Market) -> None:
    liquidation = Liquidation.objects.get()
    page = get(client_of("viewer"), url_of(Liquidation, liquidation.pk))
    for text in (
        "+75.00 USD",  # margin
        "+675.00 USD",  # 0.3 BTC at 2,250
        "-750.00 USD",  # entry cost
        "0.00 USD &lt; 6.75 USD + 3.375 USD = 10.125 USD: short of 10.125 USD",
        "1 cancelled, their holds back",
        "to the edge of the price band, 2,025.00 USD",
        "0.1 BTC closed at 2,250.00 USD on average",
        "0.2 BTC closed against the positions ranked first",
        "0.50 USD out",
        "flat; 0.00 USD of margin returned",
        f"Postings of sequence {liquidation.seq}",
    ):
        assert text in page, text
    fills = list(Fill.objects.filter(seq=liquidation.seq))
    adl = [fill for fill in fills if fill.execution == ExecutionType.ADL]
    cancelled = Order.objects.get(reason="LIQUIDATION")
    entries = JournalEntry.objects.filter(seq=liquidation.seq)
    assert (len(fills), len(adl), len(entries)) == (4, 2, 2)
    linked: list[Model] = [*fills, cancelled, *entries, liquidation.user]
    linked += [fill.user for fill in adl]
    for row in linked:
        assert f'href="{url_of(type(row), row.pk)}"' in page, row


def test_a_solvent_liquidation_names_its_bankruptcy_price(
    client_of: ClientOf, market: Market
) -> None:
    liquidation = make_liquidation(
        market, make_user(), make_user(), equity_units=5_000_000, deleveraged_lots=0, left_lots=200
    )
    page = get(client_of("viewer"), url_of(Liquidation, liquidation.pk))
    for text in ("the bankruptcy price", "not while equity is above zero", "next mark price"):
        assert text in page, text
    assert "5.125 USD" in page  # short of


@pytest.mark.parametrize(
    ("equity_units", "ratio"),
    [
        (10_124_999, "100.0001 %"),
        (4_000_000, "253.125 %"),
        (1, "1012500000 %"),
        (0, "–"),
        (-5, "–"),
    ],
)
def test_the_margin_ratio_of_a_liquidation(
    client_of: ClientOf, market: Market, equity_units: int, ratio: str
) -> None:
    """10.125 were needed; the ratio that the feed says, in percent as on a position."""
    liquidation = make_liquidation(market, make_user(), make_user(), equity_units=equity_units)
    page = get(client_of("viewer"), url_of(Liquidation, liquidation.pk))
    row = page.partition("Margin ratio")[2].partition("</tr>")[0]
    cells = re.findall(r">\s*([^<>\s][^<>]*?)\s*<", row)
    assert cells == [ratio, "maintenance margin + fee reserve, over equity"]


def make_trades(market: Market, user: User, count: int) -> None:
    """Taken by the user, one an entry, after all others, and known to the planner."""
    Fill.objects.bulk_create(
        Fill(
            market=market,
            trade_id=1_000_000 + number,
            role=Role.TAKER,
            user=user,
            side=Side.LONG,
            price_ticks=25_000,
            size_lots=1,
            fee_units=0,
            realized_pnl_units=0,
            seq=1_000_000 + number,
            executed_at=timezone.now(),
        )
        for number in range(count)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE trading_fill")


def test_the_fills_of_a_liquidation_are_found_by_their_sequence(
    client_of: ClientOf, world: Market
) -> None:
    """By an index, however many fills the market and the trader have."""
    liquidation = Liquidation.objects.get()
    make_trades(world, liquidation.user, 3_000)
    client = client_of("viewer")
    with CaptureQueriesContext(connection) as queries:
        page = get(client, url_of(Liquidation, liquidation.pk))
    of_sequence = [
        query["sql"]
        for query in queries.captured_queries
        if 'FROM "trading_fill"' in query["sql"] and f'"seq" = {liquidation.seq}' in query["sql"]
    ]
    assert of_sequence
    for sql in of_sequence:
        assert "fill_forced_of_entry" in {node.get("Index Name") for node in plan_nodes(sql)}
    forced = f"seq={liquidation.seq}&execution__in=LIQUIDATION,ADL"
    assert forced.replace("&", "&amp;") in page
    listed = get(client, list_url(Fill, f"market__id__exact={world.pk}&{forced}"))
    fills = Fill.objects.filter(seq=liquidation.seq)
    assert fills
    assert all(url_of(Fill, fill.pk) in listed for fill in fills)


def test_liquidations_take_no_more_queries_with_more_fills(
    client_of: ClientOf, world: Market
) -> None:
    client = client_of("viewer")
    liquidation = Liquidation.objects.get()
    url = url_of(Liquidation, liquidation.pk)
    few = _queries(client, url)
    for number in range(20):
        other = make_liquidation(world, liquidation.user, make_user(), ordinal=number + 1)
        Fill.objects.filter(seq=other.seq).update(seq=liquidation.seq)
    assert _queries(client, url) == few
    listed = _queries(client, list_url(Liquidation, ""))
    make_liquidation(world, make_user(), make_user())
    assert _queries(client, list_url(Liquidation, "")) == listed


def test_funding_takes_no_more_queries_with_more_payments(
    client_of: ClientOf, world: Market
) -> None:
    client = client_of("viewer")
    settlement = FundingSettlement.objects.get()
    url = url_of(FundingSettlement, settlement.pk)
    few = _queries(client, url)
    for _ in range(20):
        FundingPayment.objects.create(
            settlement=settlement, user=make_user(), position_lots=1, amount_units=-251
        )
    assert _queries(client, url) == few


def _queries(client: Client, url: str) -> int:
    get(client, url)
    with CaptureQueriesContext(connection) as queries:
        get(client, url)
    return len(queries)


def test_funding_shows_who_paid_what(client_of: ClientOf, market: Market) -> None:
    settlement = make_funding(market, make_user("longy"), make_user("shorty"))
    client = client_of("viewer")
    page = get(client, url_of(FundingSettlement, settlement.pk))
    for text in ("+0.01 %", "longs paid shorts", "-0.0753 USD", "+0.0753 USD", "longy", "shorty"):
        assert text in page, text
    entry = JournalEntry.objects.get(seq=settlement.seq)
    assert f'href="{url_of(JournalEntry, entry.pk)}"' in page
    assert "+0.01 %" in get(client, url_of(Market, market.pk))
    payer = User.objects.get(username="longy")
    assert "-0.0753 USD" in get(client, url_of(User, payer.pk))


def test_waiting_orders_say_what_for(client_of: ClientOf, world: Market) -> None:
    client = client_of("viewer")
    order = Order.objects.get(status=OrderStatus.WAITING)
    page = get(client, url_of(Order, order.pk))
    for text in (
        "when the mark price falls to 2,400.00 USD",
        "the whole position",
        "STOP limit GTC",
    ):
        assert text in page, text
    listed = get(client, list_url(Order, "status__exact=waiting"))
    assert "STOP limit GTC" in listed
    of_trader = get(client, url_of(User, order.user_id))
    for text in (page, listed, of_trader):
        assert "the whole position" in text
    assert "the whole position left, 0.00 USD still held" in page
    assert "0.5 BTC" not in page + listed  # the row's size, which means nothing


def test_a_market_order_shows_its_worst_price(client_of: ClientOf, market: Market) -> None:
    client = client_of("viewer")
    trader = make_user()
    order = make_order(trader, market, order_type=OrderType.MARKET, price_ticks=27_500)
    limit = make_order(trader, market)
    urls = (url_of(Order, order.pk), list_url(Order, ""), url_of(User, trader.pk))
    for page in (get(client, url) for url in urls):
        assert page.count("worst price 2,750.00 USD") == 1
    assert "worst price" not in get(client, url_of(Order, limit.pk))


def test_forced_fills_say_so(client_of: ClientOf, world: Market) -> None:
    client = client_of("viewer")
    forced = Fill.objects.filter(execution=ExecutionType.ADL).earliest("pk")
    assert "-0.50 USD" in get(client, url_of(Fill, forced.pk))
    page = get(client, list_url(Fill, "execution__exact=ADL"))
    assert "2 fills" in page


# --- actions --------------------------------------------------------------------------------------


def test_only_risk_settles_markets(client_of: ClientOf, market: Market) -> None:
    fields = {"price": "2500", "confirmation": "BTC-PERP", "reason": "it ends"}
    for other in ("viewer", "support", "treasury"):
        client = client_of(other)
        assert 'value="settle"' not in get(client, list_url(Market, ""))
        act(client, "settle", [market], confirmed="yes", **fields)
        assert not OutboxCommand.objects.exists()
    act(client_of("risk"), "settle", [market], confirmed="yes", **fields)
    assert OutboxCommand.objects.count() == 1


def test_only_treasury_asks_for_top_ups(client_of: ClientOf, market: Market) -> None:
    fields = {"amount": "5", "reason": "as agreed"}
    for other in ("viewer", "support", "risk"):
        client = client_of(other)
        assert 'value="request_top_up"' not in get(client, list_url(Market, ""))
        act(client, "request_top_up", [market], confirmed="yes", **fields)
        assert not InsuranceTopUp.objects.exists()
    client = client_of("treasury")
    assert "The fund has 12.50 USD." in act(client, "request_top_up", [market])
    page = act(client, "request_top_up", [market], confirmed="yes", **fields)
    assert "asked for 5.00 USD into its insurance fund" in page
    asked = InsuranceTopUp.objects.get()
    assert (asked.amount_units, asked.reason, asked.status) == (5_000_000, "as agreed", "requested")
    assert asked.requested_by.username == "treasury-op"
    assert LogEntry.objects.get().object_id == market.pk
    assert not OutboxCommand.objects.exists()


@pytest.mark.parametrize("amount", ["", "0", "-5", "NaN", "1e400", "0.0000001", "9" * 25])
def test_amounts_that_cannot_be_are_refused(
    client_of: ClientOf, market: Market, amount: str
) -> None:
    fields = {"confirmed": "yes", "amount": amount, "reason": "why not"}
    page = act(client_of("treasury"), "request_top_up", [market], **fields)
    assert "text-red-600" in page
    assert not InsuranceTopUp.objects.exists()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_top_up_needs_a_reason(client_of: ClientOf, market: Market, reason: str) -> None:
    fields = {"confirmed": "yes", "amount": "5", "reason": reason}
    assert "text-red-600" in act(client_of("treasury"), "request_top_up", [market], **fields)
    assert not InsuranceTopUp.objects.exists()


def test_risk_settles_a_market_by_typing_its_name(client_of: ClientOf, market: Market) -> None:
    client, said = client_of("risk"), {"confirmed": "yes", "reason": "it ends"}
    assert "The mark price is 2,510.00 USD" in act(client, "settle", [market])
    for price, typed, complaint in (
        ("2500", "btc-perp", "Type BTC-PERP, the name of the market."),
        ("2500", "", "This field is required."),
        ("2500.05", "BTC-PERP", "must be a multiple of the tick 0.1"),
        ("0", "BTC-PERP", "must be above zero"),
    ):
        page = act(client, "settle", [market], price=price, confirmation=typed, **said)
        assert complaint in page
    assert not OutboxCommand.objects.exists()
    act(client, "settle", [market], price="2500.5", confirmation="BTC-PERP", **said)
    command = OutboxCommand.objects.get()
    assert (command.command_type, command.payload["price_ticks"]) == ("SettleMarket", 25_005)


def test_a_settled_market_is_not_settled_again(client_of: ClientOf, market: Market) -> None:
    MarketStatus.objects.update(state="SETTLED")
    fields = {"price": "2500", "confirmation": "BTC-PERP", "reason": "it ends"}
    page = act(client_of("risk"), "settle", [market], confirmed="yes", **fields)
    assert "settled already" in page
    assert not OutboxCommand.objects.exists()


def test_only_a_settled_market_is_delisted(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    assert "settle it before" in act(client, "delist", [market], confirmed="yes")
    assert not OutboxCommand.objects.exists()
    MarketStatus.objects.update(state="SETTLED")
    assert "There is no way back" in act(client, "delist", [market])
    act(client, "delist", [market], confirmed="yes")
    command = OutboxCommand.objects.get()
    assert (command.command_type, command.payload["state"]) == ("SetMarketState", "DELISTED")


# --- fee tiers ------------------------------------------------------------------------------------


def test_risk_makes_fee_tiers_and_puts_traders_in_and_out(client_of: ClientOf) -> None:
    client, trader = client_of("risk"), make_user("maker")
    data = {"name": "Makers", "maker_fee_percent": "-0.01", "taker_fee_percent": "0.03"}
    add = reverse("admin:trading_feetier_add")
    for change, complaint in (
        ({"maker_fee_percent": "-0.04"}, "A rebate must be at most the taker fee."),
        ({"maker_fee_percent": "0.04"}, "The taker fee must be at least the maker fee."),
        ({"taker_fee_percent": "0.00001"}, "no more than 4 decimal places"),
    ):
        assert complaint in client.post(add, data | change, follow=True).content.decode()
    assert not FeeTier.objects.exists()
    assert client.post(add, data).status_code == HTTPStatus.FOUND
    tier = FeeTier.objects.get()
    assert (tier.maker_fee_ppm, tier.taker_fee_ppm) == (-100, 300)
    add = reverse("admin:trading_userfeetier_add")
    for nobody in ("x", "-1", "9" * 30, "2030-01-02", ""):
        answer = client.post(add, {"user": nobody, "tier": tier.pk})
        assert answer.status_code == HTTPStatus.OK, nobody
    assert not UserFeeTier.objects.exists()
    assert client.post(add, {"user": trader.pk, "tier": tier.pk}).status_code == HTTPStatus.FOUND
    assert "-0.01 %" in get(client, list_url(UserFeeTier, ""))
    url = reverse("admin:trading_userfeetier_delete", args=[trader.pk])
    assert client.post(url, {"post": "yes"}).status_code == HTTPStatus.FOUND
    assert not UserFeeTier.objects.exists()


@pytest.mark.parametrize("group", ["viewer", "support", "treasury"])
def test_others_only_look_at_fee_tiers(client_of: ClientOf, group: str) -> None:
    tier = FeeTier.objects.create(name="Makers", maker_fee_ppm=0, taker_fee_ppm=300)
    client = client_of(group)
    assert "0.03 %" in get(client, url_of(FeeTier, tier.pk))
    assert client.post(url_of(FeeTier, tier.pk), {}).status_code == HTTPStatus.FORBIDDEN
    add = reverse("admin:trading_feetier_add")
    assert client.post(add, {}).status_code == HTTPStatus.FORBIDDEN
