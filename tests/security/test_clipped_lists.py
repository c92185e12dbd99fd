"""Lists of the admin fit a laptop: nothing is cut off or scrolled for sideways at 1440 px."""

from accounts.models import User
from common.admin.record_urls import list_url
from ledger.models import Deposit
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import (
    MarketState,
    OrderStatus,
    RejectCode,
    TriggerBy,
    TriggerKind,
)
from prices.models import PriceSource
from tests.admin.factories import make_market, make_order, make_user
from tests.admin.test_browser import Watched, pytestmark, watched
from trading.models import InsuranceTopUp, Order, Position

__all__ = ["pytestmark", "watched"]

# What is cut off or has to be scrolled sideways for.
CLIPPED = """() => [document.documentElement, ...document.querySelectorAll(".results, .scrolling")]
    .filter(e => e.scrollWidth > e.clientWidth)
    .map(e => `${e.className || e.tagName}: ${e.scrollWidth} > ${e.clientWidth}`)"""


def make_wide_rows() -> None:
    """Orders and a market whose every figure is as long as in a busy market, with long names."""
    market = make_market("1000SHIB-PERP")
    trader = make_user("market-maker-frankfurt-2")
    for kind in (TriggerKind.STOP, TriggerKind.TRAILING_STOP, None):
        for status in (OrderStatus.REJECTED, OrderStatus.OPEN):
            make_order(
                trader,
                market,
                status=status,
                reason=RejectCode.MAX_OPEN_INTEREST if status is OrderStatus.REJECTED else "",
                trigger_kind=kind,
                trigger_by=TriggerBy.MARK if kind else None,
                trigger_price_ticks=1_234_567 if kind else 0,
                held_units=0 if status is OrderStatus.REJECTED else 125_625_000,
                trigger_callback_ppm=12_345 if kind is TriggerKind.TRAILING_STOP else 0,
                price_ticks=1_234_567,
                size_lots=1_234_567,
                filled_lots=123_456,
                filled_cost_units=123_456 * 123_456_700,
            )
    MarketStatus.objects.filter(pk=market.pk).update(
        state=MarketState.REDUCE_ONLY,
        mark_price_ticks=1_234_567,
        last_price_ticks=1_234_567,
        insurance_units=1_234_567_891_230,
        applied_config_version=12,
    )
    Market.objects.filter(pk=market.pk).update(config_version=13, maker_fee_ppm=-125)


def test_wide_lists_fit_a_laptop(watched: Watched) -> None:
    make_wide_rows()
    page = watched.page
    page.set_viewport_size({"width": 1440, "height": 900})
    for model in (Order, Market, Deposit, InsuranceTopUp, PriceSource, User, Position):
        watched.visit(list_url(model, ""))
        assert page.evaluate(CLIPPED) == [], model
    watched.visit(list_url(Order, ""))
    page.locator("input.action-select").nth(0).check()
    page.locator("select[name=action]").select_option("cancel_selected")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("heading", name="Cancel these orders?").wait_for()
    assert page.evaluate(CLIPPED) == []
