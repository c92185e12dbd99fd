"""Questions of an operator, each answered from the first page in at most five clicks,
on a running exchange and in a real browser.

With `PICTURES=FOLDER` the answers are photographed, and how many clicks and seconds each took is
written beside them.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User
from approvals.models import Proposal
from ledger.adjustments import AdjustmentCause, Due, propose_adjustments
from ledger.models import Adjustment, AdjustmentCategory
from markets.models import Market
from matching.messages.vocabulary import MarketState
from tests.flow.committed import committed
from tests.flow.desk import PICTURES, Answered, Desk, chromium
from tests.flow.exchange import MARK_TICKS, Exchange, Trader, wait_for
from trading.models import Liquidation
from trading.services import Why, configure_market

pytestmark = pytest.mark.django_db
MARKET = "TOUR-PERP"
Ask = Callable[[str, Callable[[], None]], None]


class Scene:
    """What happened before the operator sits down: Alice was liquidated, Bob's order vanished."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        exchange.open_market(MARKET, mark_clamp_ppm=1)
        self.alice, self.bob = exchange.trader(), exchange.trader()
        self.alice.market_id = self.bob.market_id = MARKET
        short = self.alice.place("SHORT", "0.1", "50000", margin="500")
        self.alice.wait_until(short, "open")
        self.bob.wait_until(self.bob.place("LONG", "0.1", "50000", margin="2000"), "filled")
        self.bob.wait_until(self.bob.place("SHORT", "0.2", "54000", margin="2000"), "open")
        exchange.set_mark(MARKET, MARK_TICKS + 60_000, "56000")
        wait_for(lambda: self.liquidation, "a liquidation")
        exchange.set_mark(MARKET, MARK_TICKS, "50000")
        self.vanished = self.bob.place("LONG", "0.1", "48000", timeInForce="IOC", leverage=5)
        self.bob.wait_until(self.vanished, "expired")
        exchange.restart_engine()  # which keeps a snapshot as it ends
        wait_for(lambda: exchange.ticker(MARKET)["state"] == "ACTIVE", "the engine")

    @property
    def liquidation(self) -> Liquidation | None:
        return Liquidation.objects.filter(user_id=self.alice.user_id).first()


@pytest.fixture(scope="module")
def scene(exchange: Exchange) -> Scene:
    return Scene(exchange)


@pytest.fixture(scope="module")
def desk(exchange: Exchange) -> Iterator[Desk]:
    operator = User.objects.create(username="tour-operator", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(operator)
    with (
        pytest.MonkeyPatch.context() as patch,
        chromium() as browser,
    ):
        # Playwright keeps an event loop on this thread; the ORM takes that for an async view.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield Desk(browser, exchange.url, client.cookies["sessionid"].value)


@pytest.fixture(scope="module")
def folder() -> Path | None:
    path = os.environ.get("PICTURES")
    return Path(path) if path else None


@pytest.fixture(scope="module")
def answers(folder: Path | None) -> Iterator[list[Answered]]:
    found: list[Answered] = []
    yield found
    if folder is not None:
        (folder / "questions.md").write_text(written(found))


@pytest.fixture
def ask(
    desk: Desk, scene: Scene, folder: Path | None, answers: list[Answered]
) -> Callable[[str, Callable[[], None]], None]:
    """The question, by the name of its pictures, and what answers it."""

    def asked(question: str, answer: Callable[[], None]) -> None:
        desk.sit_down()
        answer()
        answers.append(desk.answered(question))
        if folder is not None:
            desk.take_pictures(folder, name_of(question))

    return asked


def name_of(question: str) -> str:
    """Of its pictures."""
    return re.sub(r"[^a-z0-9]+", "-", question.lower()).strip("-")


def written(found: list[Answered]) -> str:
    """A table with the pictures of each answer."""
    sizes = [size for size, *_ in PICTURES]
    head = ["question", "clicks", "seconds", *(size.replace("-", " px, ") for size in sizes)]
    rows = [
        [
            one.question,
            str(one.clicks),
            f"{one.seconds:.1f}",
            *(f"[picture]({name_of(one.question)}-{size}.jpg)" for size in sizes),
        ]
        for one in found
    ]
    lines = [" | ".join(cells) for cells in (head, ["---"] * len(head), *rows)]
    return "# An operator's questions\n\n" + "".join(f"| {line} |\n" for line in lines)


def test_why_was_she_liquidated(ask: Ask, desk: Desk, scene: Scene) -> None:
    def answer() -> None:
        desk.menu("/admin/trading/liquidation/")
        desk.click(desk.page.locator("#result_list tbody a").first)
        desk.link("Why?")
        desk.sees("maintenance")
        assert scene.alice.username in desk.reads()

    ask("Why was this trader liquidated?", answer)


def test_is_the_money_right(ask: Ask, desk: Desk) -> None:
    def answer() -> None:
        desk.menu("/admin/money/")
        desk.sees("Trial balance")
        assert "balanced" in desk.reads()

    ask("Is the money right?", answer)


def test_stop_and_resume(ask: Ask, desk: Desk, exchange: Exchange) -> None:
    def stop() -> None:
        desk.link("Stop or resume markets")
        desk.choose("market", MARKET)
        desk.choose("state", MarketState.HALTED)
        desk.type("reason", "a venue fails")
        desk.button("Do it now")
        wait_for(lambda: exchange.ticker(MARKET)["state"] == "HALTED", "a halted market")

    def resume() -> None:
        desk.link("Stop or resume markets")
        desk.choose("market", MARKET)
        desk.choose("state", MarketState.ACTIVE)
        desk.type("reason", "the venue is back")
        desk.button("Do it now")
        wait_for(lambda: exchange.ticker(MARKET)["state"] == "ACTIVE", "an open market")

    ask("Stop a market", stop)
    ask("Resume a market", resume)


def test_what_if_the_price_fell_ten_per_cent(ask: Ask, desk: Desk) -> None:
    def answer() -> None:
        desk.menu("/admin/stress/")
        desk.type("moves", "-10")
        desk.type("reason", "the weekly look")
        desk.button("Run it")
        desk.sees("Digest, equal")
        assert MARKET in desk.reads()

    ask("What if prices fell 10 %?", answer)


def test_who_changed_this_fee(ask: Ask, desk: Desk, exchange: Exchange) -> None:
    committed(_dearer)

    def answer() -> None:
        desk.find(MARKET, "market")
        desk.link("Rules over time")
        desk.sees("taker fee")
        words = desk.reads()
        assert "→ 0.06 %" in words
        assert "tour-risk" in words
        assert "a poorer fund" in words

    ask("Who changed this fee?", answer)


def _dearer() -> None:
    market = Market.objects.get(pk=MARKET)
    market.taker_fee_ppm = 600
    by = User.objects.create(username="tour-risk", is_staff=True)
    configure_market(market, by=by, why=Why("a poorer fund"))


def test_list_a_market(ask: Ask, desk: Desk, exchange: Exchange) -> None:
    def answer() -> None:
        desk.menu("/admin/launch/")
        desk.type("id", "SOL-PERP")
        desk.type("base_asset", "SOL")
        desk.type("reference_price", "150")
        desk.choose("sources-0-kind", "synthetic")
        desk.button("Fill in what is empty")
        desk.button("Create the market")
        desk.sees("SOL-PERP is made.")

    ask("List a market", answer)
    wait_for(lambda: "SOL-PERP" in exchange.http.get("/markets").text, "the new market")


def test_where_did_this_order_go(ask: Ask, desk: Desk, scene: Scene) -> None:
    def answer() -> None:
        desk.find(str(scene.vanished), "order")
        desk.link("Why?")
        desk.sees("immediate")

    ask("Where did this order go?", answer)


def test_freeze_a_trader(ask: Ask, desk: Desk, exchange: Exchange) -> None:
    mallory = exchange.trader()

    def answer() -> None:
        desk.find(mallory.username, "user")
        desk.link("Freeze this trader")
        desk.type("reason", "a stolen session")
        desk.button("Freeze now")
        desk.sees("is frozen")

    ask("Freeze a trader", answer)
    assert mallory.send("GET", "/user/equity").status_code in (401, 403)
    exchange.traders.remove(mallory)  # whose orders are cancelled, and who can't cancel more


def test_second_eyes(ask: Ask, desk: Desk, scene: Scene) -> None:
    proposal = committed(_proposed, scene.bob)

    def answer() -> None:
        desk.menu("/admin/approvals/proposal/")
        desk.click(desk.page.locator("#result_list tbody a").first)
        assert proposal.title in desk.reads()
        desk.button("Approve")
        desk.button("Yes")
        desk.sees("approved")

    ask("Be the second pair of eyes", answer)
    assert Adjustment.objects.filter(user_id=scene.bob.user_id).exists()


def _proposed(trader: Trader) -> Proposal:
    """By another operator."""
    first = User.objects.create(username="tour-first", is_staff=True, is_superuser=True)
    user = User.objects.get(pk=trader.user_id)
    cause = AdjustmentCause(AdjustmentCategory.REFUND, "tour 1", "a fee taken twice")
    return propose_adjustments([Due(user, 2_000_000)], cause, first)


def test_figures_of_today(ask: Ask, desk: Desk) -> None:
    def answer() -> None:
        desk.sees("Figures")
        assert "Volume" in desk.reads()
        assert MARKET in desk.reads()

    ask("What are today's figures?", answer)


def test_correct_a_wallet(ask: Ask, desk: Desk, scene: Scene) -> None:
    def answer() -> None:
        desk.find(scene.bob.username, "wallet")
        desk.button("Propose an adjustment")
        desk.type("amount", "1.50")
        desk.choose("category", AdjustmentCategory.REFUND)
        desk.type("reference", "tour 2")
        desk.type("reason", "a fee taken twice")
        desk.button("Yes")
        desk.sees("for another operator to approve")

    ask("Correct a wallet", answer)


def test_export_a_month(ask: Ask, desk: Desk) -> None:
    def answer() -> None:
        desk.menu("/admin/exports/")
        desk.type("reason", "month end")
        desk.button("Export it")
        link = desk.page.get_by_role("link", name=re.compile(r"\.csv\.gz"))
        link.wait_for()
        with desk.page.expect_download() as download:
            link.click()
        desk.clicks += 1
        assert download.value.suggested_filename.endswith(".csv.gz")

    ask("Export a month", answer)


def test_put_up_a_banner(ask: Ask, desk: Desk, exchange: Exchange) -> None:
    def answer() -> None:
        desk.menu("/admin/announcements/announcement/")
        desk.click(desk.page.locator('a[href$="/announcement/add/"]').first)
        desk.type("text", "Withdrawals are slow today.")
        desk.button("Save")
        desk.sees("Withdrawals are slow today.")

    ask("Put up a banner", answer)
    assert "slow today" in exchange.http.get("/announcements").text


def test_what_happened_at_this_sequence(ask: Ask, desk: Desk, scene: Scene) -> None:
    found = scene.liquidation
    assert found is not None

    def answer() -> None:
        desk.menu("/admin/incident/")
        desk.choose("market", MARKET)
        desk.type("from", str(found.seq))
        desk.type("to", str(found.seq))
        desk.button("Show")
        desk.sees(f"{found.seq:,}")
        assert "liquidat" in desk.reads().lower()

    ask("What happened at this sequence?", answer)


def test_rotate_an_operator(ask: Ask, desk: Desk) -> None:
    committed(User.objects.create, username="tour-leaver", is_staff=True)

    def answer() -> None:
        desk.menu("/admin/operators/")
        desk.link("tour-leaver")
        desk.type("retire-reason", "leaves the house")
        desk.button("Let go now")
        desk.sees("no operator any more")

    ask("Let an operator go", answer)
    assert not User.objects.get(username="tour-leaver").is_staff


def test_what_alarmed_last_night(ask: Ask, desk: Desk) -> None:
    def answer() -> None:
        desk.menu("/admin/alerts/")
        desk.sees("History")

    ask("What alarmed last night?", answer)
