"""A trader's account on the trading page: second factors, keys, sessions, accounts, money out until
it has arrived, a statement, a new password; then signing in with what was set up. And another's:
brought by a link, with a password set by mail, and closed."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from accounts.people.resets import write_resets
from custody.addresses import keep_supply
from custody.networks import network_named
from custody.sending import send_due_payouts
from custody.tasks import ask_custody
from mails.models import Mail
from mails.secrets import with_secret
from terminal.bundle import folder
from tests.builders.factors import code_of
from tests.flow.committed import committed
from tests.flow.desk import chromium
from tests.flow.exchange import PASSWORD, Exchange, wait_for
from tests.flow.trading_page import TradingPage, retire
from tests.people.mailbox import TOKEN
from tests.withdrawals.chain import blocks, call, played_chain

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.story,
    pytest.mark.skipif(not folder().is_dir(), reason="the page was not built: make page"),
]
HOLDER, LEAVER = "page-holder", "page-leaver"
NEW_PASSWORD = "staple of my own"
CHAIN_ADDRESS = "dm1" + "c" * 40
MARKUP = "<b>cold</b>"
PARTS = (
    *("Security", "API keys", "Withdraw", "Accounts, transfers"),
    *("Referrals", "Mail and notices", "Close the account"),
)


class Holder(TradingPage):
    """Whoever has the dialog of the account open."""

    recovery: list[str]

    def part(self, name: str) -> Locator:
        self.page.locator(".account-parts").get_by_role("button", name=name, exact=True).click()
        return self.page.get_by_role("region", name=name)

    def open_account(self) -> None:
        self.page.locator(".menu summary").click()
        self.button("Account and security").click()

    def fill(self, **fields: str) -> None:
        for name, text in fields.items():
            self.page.locator(f"input[name={name.replace('_', '-')}]").fill(text)

    def shown_once(self) -> list[str]:
        return self.page.get_by_test_id("once").all_inner_texts()


@pytest.fixture(scope="module")
def visitor(holder: Holder) -> Iterator[Holder]:
    """Somebody else, at the same time."""
    page = Holder(holder.context.browser or pytest.fail("no browser"), holder.url)
    yield page
    page.close()


def _token_mailed(subject: str) -> str:
    """Of the newest mail, as its reader has it."""
    mail = committed(Mail.objects.filter(subject=subject).order_by("pk").last)
    (token,) = TOKEN.findall(with_secret(mail.body, mail.sealed))
    return str(token)


@pytest.fixture(scope="module")
def holder(exchange: Exchange) -> Iterator[Holder]:
    with pytest.MonkeyPatch.context() as patch, chromium() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        page = _signed_up(browser, exchange)
        yield page
        page.close()
        committed(retire, HOLDER, LEAVER)


def _signed_up(browser: Browser, exchange: Exchange) -> Holder:
    # A passkey is of a name, never of an address.
    page = Holder(browser, exchange.url.replace("127.0.0.1", "localhost"))
    page.open()
    page.sign_up(HOLDER)
    page.fund("10000")
    _give_authenticator(page)
    page.open_account()
    return page


def _give_authenticator(page: Holder) -> None:
    """One of the device's own, as a fingerprint reader is."""
    device = page.context.new_cdp_session(page.page)
    device.send("WebAuthn.enable")
    options: dict[str, Any] = {
        **{"protocol": "ctap2", "transport": "internal", "hasResidentKey": True},
        **{"hasUserVerification": True, "isUserVerified": True},
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def _token(exchange: Exchange, password: str = PASSWORD) -> str:
    said = {"username": HOLDER, "password": password}
    return str(exchange.http.post("/auth/signin", json=said).json()["token"])


def _status(exchange: Exchange, token: str) -> int:
    answer = exchange.http.get("/user/equity", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


def test_sessions_are_seen_and_ended(holder: Holder, exchange: Exchange) -> None:
    token = _token(exchange)
    part = holder.part("Sessions")
    rows = holder.row("Sessions")
    expect(rows).to_have_count(2)
    part.get_by_role("button", name=re.compile("^End session")).click()
    expect(rows).to_have_count(1)
    wait_for(lambda: _status(exchange, token) == 401, "the end of the session's token")


def test_a_second_factor_is_set_up(holder: Holder) -> None:
    holder.part("Security")
    holder.fill(factor_password="wrong password")
    holder.button("Set up an authenticator app").click()
    expect(holder.page.locator("input[name=factor-password]")).to_have_attribute(
        "aria-invalid", "true"
    )
    holder.fill(factor_password=PASSWORD)
    holder.button("Set up an authenticator app").click()
    expect(holder.page.get_by_role("img", name="The secret as a QR code")).to_be_visible()
    (secret,) = holder.shown_once()
    holder.fill(totp=code_of(secret))
    holder.button("Confirm").click()
    expect(holder.row("Second factors")).to_contain_text("authenticator app")
    holder.recovery = holder.shown_once()[0].split()
    assert len(set(holder.recovery)) == 10
    holder.button("Add a passkey of this device").click()
    expect(holder.row("Second factors")).to_have_count(2)


def test_keys_are_made_shown_once_and_revoked(holder: Holder, exchange: Exchange) -> None:
    part = holder.part("API keys")
    holder.fill(key_name=MARKUP, password=PASSWORD)
    part.get_by_role("checkbox", name="Trade").check()
    holder.button("Make key").click()
    row = holder.row("API keys")
    expect(row).to_contain_text(MARKUP)
    expect(row).to_contain_text("read, trade")
    key, secret = holder.shown_once()
    assert len(secret) > 20
    holder.tab("Public key").click()
    holder.fill(key_name="signs itself", password=PASSWORD, public_key="not hex")
    holder.button("Make key").click()
    expect(holder.page.locator("input[name=public-key]")).to_have_attribute("aria-invalid", "true")
    holder.fill(password=PASSWORD, public_key="d75a980182b10ab7d54bfed3c964073a" * 2)
    holder.button("Make key").click()
    expect(row).to_have_count(2)
    assert key not in holder.shown_once()
    for name in (MARKUP, "signs itself"):
        holder.button(f"Revoke {name}").click()
    expect(holder.page.get_by_text("No keys yet.")).to_be_visible()


def test_money_moves_between_own_accounts(holder: Holder) -> None:
    holder.part("Accounts, transfers")
    holder.fill(account_name="hedge")
    holder.button("Open a sub-account").click()
    expect(holder.row("Accounts")).to_have_count(2)
    holder.fill(transfer_amount="250")
    holder.button("Transfer").click()
    expect(holder.row("Transfers")).to_contain_text("250.00")
    equity = holder.page.get_by_test_id("equity")
    expect(equity).to_have_text("9,750.00")
    holder.button("Trade for hedge").click()
    expect(equity).to_have_text("250.00")
    holder.page.keyboard.press("Escape")
    holder.place_limit("Buy / Long", "0.001", "49000")
    holder.tab("Open orders").click()
    expect(holder.row("Open orders")).to_contain_text("Open")
    holder.button("Cancel all").click()
    expect(holder.page.get_by_text("No open orders.")).to_be_visible()
    holder.open_account()
    holder.part("Accounts, transfers")
    holder.button("Trade for main").click()
    expect(equity).to_have_text("9,750.00")


def test_money_leaves_by_the_address_book(holder: Holder) -> None:
    equity = holder.page.get_by_test_id("equity")
    before = equity.inner_text()
    part = holder.part("Withdraw")
    part.get_by_label("Network").select_option("manual")
    holder.fill(new_address="bank account 7", label=MARKUP)
    holder.button("Add address").click()
    expect(holder.row("Address book")).to_contain_text(MARKUP)
    expect(holder.row("Address book")).to_contain_text("now")  # nothing cools in the demo
    rows = holder.row("Withdrawals")
    holder.fill(withdrawal_amount="20000")
    part.get_by_role("button", name="Withdraw", exact=True).click()
    amount = holder.page.locator("input[name=withdrawal-amount]")
    expect(amount).to_have_attribute("aria-invalid", "true")
    holder.fill(withdrawal_amount="600")
    part.get_by_role("button", name="Withdraw", exact=True).click()
    expect(rows.first).to_contain_text("Waiting")  # for an operator
    expect(equity).to_have_text(before)  # held is still there
    part.get_by_role("button", name=re.compile("^Cancel withdrawal")).click()
    expect(rows.first).to_contain_text("Cancelled")
    holder.fill(withdrawal_amount="100")
    part.get_by_role("button", name="Withdraw", exact=True).click()
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text(re.compile("Approved|Sending|Sent"))
    assert holder.page.locator(".account b", has_text="cold").count() == 0


def test_a_withdrawal_is_sent_and_confirmed(
    holder: Holder, exchange: Exchange, settings: Any
) -> None:
    """This process takes the worker's steps, and plays the chain that the money leaves by."""
    part = holder.part("Withdraw")
    part.get_by_label("Network").select_option("demo")
    holder.fill(new_address=CHAIN_ADDRESS, label="on chain")
    holder.button("Add address").click()
    expect(holder.row("Address book")).to_have_count(2)
    part.get_by_label("To").select_option(label=f"on chain, demo: {CHAIN_ADDRESS}")
    holder.fill(withdrawal_amount="50")
    part.get_by_role("button", name="Withdraw", exact=True).click()
    row = holder.row("Withdrawals").filter(has_text="50.00")
    expect(row).to_contain_text("Approved")
    with played_chain(exchange.logs, settings) as chain:
        committed(send_due_payouts)
        expect(row).to_contain_text("Sending")
        blocks(chain)
        committed(ask_custody)
        expect(row).to_contain_text("Sent, 1 confirmations")
        expect(holder.page.get_by_test_id("equity")).to_have_text("9,750.00")
        blocks(chain, 2)
        committed(ask_custody)
        assert call(chain, "GET", f"/addresses/{CHAIN_ADDRESS}") == {"arrived": "50"}
    expect(row).to_contain_text("Confirmed")
    expect(row).to_contain_text("tx")
    expect(holder.page.get_by_test_id("equity")).to_have_text("9,700.00")


def test_deposits_fees_and_notices_are_told(holder: Holder, exchange: Exchange) -> None:
    committed(keep_supply, network_named("manual"))  # as a task does now and then
    holder.part("Deposit")
    assert all(address.strip() for address in holder.shown_once())
    expect(holder.page.get_by_text("Your address on manual")).to_be_visible()
    holder.part("Fees")
    expect(holder.row("Fees").first).to_contain_text("%")
    part = holder.part("Mail and notices")
    part.get_by_role("checkbox", name="Key made").uncheck()
    holder.fill(margin_call="70")
    holder.button("Keep").click()
    expect(holder.page.get_by_role("log")).to_contain_text("Kept")
    holder.part("Fees")
    part = holder.part("Mail and notices")
    expect(part.get_by_role("checkbox", name="Key made")).not_to_be_checked()
    expect(holder.page.locator("input[name=margin-call]")).to_have_value("70")


@pytest.mark.parametrize(("form", "end"), [("csv", "\ncomplete,"), ("json", '"complete":true}')])
def test_a_statement_is_a_file(holder: Holder, form: str, end: str) -> None:
    part = holder.part("Statement")
    part.get_by_label("As").select_option(form)
    with holder.page.expect_download() as download:
        holder.button("Download").click()
    assert download.value.suggested_filename == f"statement.{form}"
    text = download.value.path().read_text()
    assert end in text.replace(" ", "")
    assert "withdrawal_back" in text


@pytest.mark.parametrize("width", [1440, 390])
def test_anybody_can_use_each_part(holder: Holder, width: int) -> None:
    holder.page.set_viewport_size({"width": width, "height": 844})
    for name in PARTS:
        part = holder.part(name)
        expect(part.locator(".loading")).to_have_count(0)
        assert holder.serious_faults("dialog") == [], name
        assert holder.page.evaluate("document.scrollingElement.scrollWidth") <= width
    holder.page.set_viewport_size({"width": 1440, "height": 900})


def test_whoever_comes_by_a_link_is_counted(holder: Holder, visitor: Holder) -> None:
    holder.part("Referrals")
    holder.button("Make a code").click()
    expect(holder.row("Referral codes")).to_have_count(1)
    (link,) = holder.shown_once()
    visitor.page.goto(link)
    visitor.button("Sign up").first.click()
    expect(visitor.page.locator("input[name=referral-code]")).to_have_value(link.split("=")[1])
    visitor.page.keyboard.press("Escape")
    visitor.sign_up(LEAVER)
    expect(visitor.page.locator(".user")).to_have_text(LEAVER)
    holder.part("Fees")
    holder.part("Referrals")
    expect(holder.row("Referral codes").locator("[data-name='Traders who came']")).to_have_text("1")


def test_a_forgotten_password_is_set_by_mail(visitor: Holder, settings: Any) -> None:
    """From a mail that is given and verified to a sign-in with the new password."""
    page = visitor.page
    visitor.page.keyboard.press("Escape")
    visitor.open_account()
    visitor.part("Mail and notices")
    visitor.fill(mail="leaver@example.com", mail_password=PASSWORD)
    visitor.button("Send a token there").click()
    expect(page.get_by_text("waits for its verification")).to_be_visible()
    page.goto(f"{visitor.url}/verify-mail#token={_token_mailed('Is this your mail address?')}")
    assert page.url == f"{visitor.url}/"
    visitor.button("Verify").click()
    expect(page.get_by_role("log")).to_contain_text("Verified")
    page.locator(".menu summary").click()
    visitor.button("Sign out").click()
    visitor.button("Sign in").click()
    visitor.button("Forgot the password?").click()
    visitor.fill(forgotten="leaver@example.com")
    visitor.button("Mail me a link").click()
    expect(page.get_by_role("heading", name="Set a new password")).to_be_visible()
    settings.PUBLIC_URL = visitor.url
    committed(write_resets)
    token = _token_mailed("Set a new password")
    page.goto(f"{visitor.url}/reset-password#token={token}")
    visitor.fill(reset_password=NEW_PASSWORD)
    visitor.button("Set the password").click()
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    page.get_by_label("User name").fill(LEAVER)
    page.get_by_label("Password").fill(NEW_PASSWORD)
    page.locator("dialog").get_by_role("button", name="Sign in").click()
    expect(page.locator(".user")).to_have_text(LEAVER)


def test_an_account_is_closed_once_it_is_empty(holder: Holder, visitor: Holder) -> None:
    holder.part("Close the account")
    holder.fill(closing_password=PASSWORD)
    holder.button("Close the account for good").click()
    expect(holder.page.get_by_test_id("reasons")).to_contain_text("USD is in the wallet")
    visitor.open_account()
    visitor.part("Close the account")
    visitor.fill(closing_password=NEW_PASSWORD)
    visitor.button("Close the account for good").click()
    expect(visitor.page.get_by_role("log")).to_contain_text("The account is closed.")
    expect(visitor.button("Sign up").first).to_be_visible()
    cookies = partial(visitor.page.evaluate, "document.cookie")
    wait_for(lambda: "session_there" not in cookies(), "the end of its cookie")


def test_a_new_password_ends_all_else_and_asks_for_what_was_set_up(
    holder: Holder, exchange: Exchange
) -> None:
    page = holder.page
    holder.part("Security")
    holder.fill(old_password=PASSWORD, new_password=NEW_PASSWORD)
    holder.button("Change the password").click()
    expect(page.get_by_role("log")).to_contain_text("The password is changed")
    page.reload()
    expect(page.locator(".user")).to_have_text(HOLDER)
    for show in (_show_recovery_code, _show_passkey):
        page.locator(".menu summary").click()
        holder.button("Sign out").click()
        holder.button("Sign in").click()
        page.get_by_label("User name").fill(HOLDER)
        page.get_by_label("Password").fill(NEW_PASSWORD)
        page.locator("dialog").get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
        show(holder)
        expect(page.locator(".user")).to_have_text(HOLDER)


def _show_recovery_code(holder: Holder) -> None:
    holder.fill(code="aaaa-bbbb-cccc-dddd")
    holder.page.locator("dialog").get_by_role("button", name="Sign in").click()
    expect(holder.page.locator("input[name=code]")).to_have_attribute("aria-invalid", "true")
    holder.fill(code=holder.recovery[0])
    holder.page.locator("dialog").get_by_role("button", name="Sign in").click()


def _show_passkey(holder: Holder) -> None:
    holder.button("Use a passkey").click()
