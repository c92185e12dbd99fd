"""The way around the console: by what an operator has to do, not by app.

An item is a page of the console (a name of a url) or the list of a model; it is there for those who
may open it. Where one is open, its item is marked.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse

from common.admin.record_urls import list_path


@dataclass(frozen=True)
class Item:
    """``target``: the name of a url of the site, or a model as in "trading.Order". ``query`` goes
    to the list as it is. ``permission``: what a page asks for, if anything; several in one text."""

    title: str
    target: str
    icon: str
    query: str = ""
    permission: str = ""


JOBS: dict[str, tuple[Item, ...]] = {
    "Today": (
        Item("Today", "index", "dashboard"),
        Item("Status", "status", "monitor_heart"),
        Item("Stop", "stop", "front_hand", permission="markets.change_market_state"),
        Item("Announcements", "announcements.Announcement", "campaign"),
    ),
    "Markets": (
        Item("Markets", "markets.Market", "storefront"),
        Item(
            "New market",
            "launch",
            "add_business",
            permission="markets.add_market markets.add_leveragetier prices.add_pricesource",
        ),
        Item("Market states", "markets.MarketStatus", "swap_vert"),
        Item("Price sources", "prices.PriceSource", "sensors"),
        Item("Funding", "trading.FundingSettlement", "percent"),
        Item("Settlements", "trading.Settlement", "flag"),
    ),
    "Traders": (
        Item("Traders", "accounts.User", "group"),
        Item("Sessions", "accounts.Session", "devices"),
        Item("API keys", "accounts.ApiKey", "key"),
        Item("People", "accounts.Person", "person"),
        Item("Closed accounts", "accounts.Closure", "person_off"),
        Item("Verification", "accounts.Verification", "verified_user"),
        Item("Orders", "trading.Order", "receipt_long"),
        Item("Fills", "trading.Fill", "handshake"),
        Item("Fee tiers", "trading.FeeTier", "sell"),
        Item("Traders' tiers", "trading.UserFeeTier", "loyalty"),
        Item("Moves between tiers", "trading.TierMove", "moving"),
        Item("Referral codes", "accounts.ReferralCode", "qr_code"),
        Item("Referrals", "accounts.Referral", "group_add"),
        Item(
            "Share of referrals",
            "referral-rule",
            "percent",
            permission="trading.view_referralrule",
        ),
        Item("Leverage chosen", "trading.TraderLeverage", "speed"),
        Item("Cancel countdowns", "trading.Countdown", "timer"),
        Item("Terms of service", "accounts.TermsVersion", "gavel"),
        Item("Terms accepted", "accounts.TermsAcceptance", "signature"),
        Item("Identity events", "accounts.IdentityEvent", "verified_user"),
    ),
    "Risk": (
        Item("Risk board", "risk", "crisis_alert", permission="trading.view_position"),
        Item("Positions", "trading.Position", "stacked_line_chart"),
        Item("Closed positions", "trading.PositionLife", "history"),
        Item("Liquidations", "trading.Liquidation", "gavel"),
        Item("Stress ladder", "stress", "ssid_chart", permission="console.run_stress"),
        Item("Leverage tiers", "markets.LeverageTier", "stairs"),
    ),
    "Money": (
        Item("Is it right?", "money", "verified", permission="ledger.view_journalentry"),
        Item("Withdrawals", "withdrawals", "outbound", permission="ledger.view_withdrawal"),
        Item("All withdrawals", "ledger.Withdrawal", "north_east"),
        Item("Custody", "custody", "lock", permission="custody.view_floatlook"),
        Item("Deposits by custody", "custody.ChainDeposit", "south_west"),
        Item("Deposits", "ledger.Deposit", "savings"),
        Item("Adjustments", "ledger.Adjustment", "tune"),
        Item("Transfers", "ledger.Transfer", "swap_horiz"),
        Item(
            "Transfers to others",
            "transfer-rule",
            "move_up",
            permission="ledger.view_transferrule",
        ),
        Item("Referral payments", "trading.ReferralPayment", "redeem"),
        Item("Insurance top-ups", "trading.InsuranceTopUp", "shield"),
        Item("Wallets", "ledger.Wallet", "account_balance_wallet"),
        Item("Journal", "ledger.JournalEntry", "menu_book"),
        Item("Postings", "ledger.Posting", "list_alt"),
        Item("Accounts", "ledger.Account", "account_balance"),
        Item("Funding payments", "trading.FundingPayment", "payments"),
        Item("Export a month", "exports", "download", permission="console.export_month"),
        Item("Reconciliation", "persistence.ReconcileRun", "balance"),
        Item("Daily files", "persistence.DailyFile", "folder_zip"),
        Item("Faulty statements", "trading.FaultyStatement", "warning"),
    ),
    "Incidents": (
        Item("Alerts", "alerts", "notifications_active", permission="console.view_alert"),
        Item(
            "Timeline",
            "incident",
            "timeline",
            permission="trading.view_outboxcommand ledger.view_journalentry",
        ),
        Item(
            "What should have happened",
            "hindsight",
            "alt_route",
            permission="console.view_hindsightrun",
        ),
        Item("Cases of custody", "custody.CustodyCase", "gpp_bad"),
        Item("Persistence faults", "persistence.PersistenceFault", "report"),
        Item("Dead letters", "persistence.DeadLetter", "unsubscribe"),
        Item("Quarantine", "persistence.QuarantinedEntry", "coronavirus"),
        Item("Failed sign-ins", "accounts.SignInFailure", "lock_person"),
        Item("Locks", "accounts.GuessLock", "lock_clock"),
    ),
    "Operators": (
        Item("Approvals", "approvals.Proposal", "how_to_reg"),
        Item("Two people", "policy", "rule", permission="approvals.view_proposal"),
        Item("Operators", "operators", "badge", permission="accounts.view_user"),
        Item("Groups", "auth.Group", "groups"),
        Item("Your second factor", "factors", "passkey"),
        Item("Second factors reset", "accounts.FactorReset", "lock_reset"),
        Item("Audit", "console.AuditRow", "manage_search"),
    ),
    "System": (
        Item("Commands", "trading.OutboxCommand", "outbox"),
        Item("Cursors", "persistence.MarketCursor", "bookmark"),
        Item("Snapshots kept", "persistence.EngineSnapshotArchive", "inventory_2"),
        Item("Alert rules", "console.AlertRule", "rule_settings"),
        Item("Alert recipients", "console.AlertRecipient", "contact_mail"),
        Item("Mails", "mails.Mail", "mail"),
        Item("Webhooks", "console.WebhookDelivery", "webhook"),
        Item("Payouts", "ledger.Payout", "send_money"),
    ),
}


def sidebar(site: AdminSite, request: HttpRequest) -> list[dict[str, Any]]:
    """As the template of unfold's name reads it; a job of which one may see nothing is left out."""
    groups = []
    for job, items in JOBS.items():
        shown = [_entry(site, request, item) for item in items if _may(site, request, item)]
        if shown:
            groups.append({"title": job, "items": shown})
    return groups


def _entry(site: AdminSite, request: HttpRequest, item: Item) -> dict[str, Any]:
    path = _path(site, item)
    return {
        "title": item.title,
        "icon": item.icon,
        "link": f"{path}?{item.query}" if item.query else path,
        "active": _is_open(request, item, path),
    }


def _is_open(request: HttpRequest, item: Item, path: str) -> bool:
    """A record belongs to its list; of two items on one list, the one whose query is asked."""
    if item.target == "index":
        return request.path == path
    if "." not in item.target:
        return request.path.startswith(path)
    if not request.path.startswith(path):
        return False
    asked = request.META.get("QUERY_STRING", "")
    queries = {other.query for other in _items_of(item.target)} - {""}
    return item.query in asked if item.query else not any(query in asked for query in queries)


def _items_of(target: str) -> list[Item]:
    return [item for items in JOBS.values() for item in items if item.target == target]


def _may(site: AdminSite, request: HttpRequest, item: Item) -> bool:
    if "." not in item.target:
        return all(map(request.user.has_perm, item.permission.split()))
    registered = site._registry.get(apps.get_model(item.target))
    return registered is not None and registered.has_view_permission(request)


@cache
def _path(site: AdminSite, item: Item) -> str:
    """Every page has all of them."""
    if "." not in item.target:
        return reverse(f"{site.name}:{item.target}")
    return list_path(item.target)
