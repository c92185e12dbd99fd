"""What each group of operators may do. Everyone in a group also needs to be staff."""

from django.contrib.auth.models import Group, Permission
from django.db import transaction

APPS = (
    "accounts",
    "markets",
    "trading",
    "prices",
    "ledger",
    "persistence",
    "announcements",
    "approvals",
    "admin",
    "auth",
    "console",
)

ACTIONS: dict[str, tuple[str, ...]] = {
    "viewer": (),
    "support": (
        "trading.cancel_order",
        "accounts.suspend_user",
        "accounts.end_session",
        "accounts.revoke_key",
        "accounts.freeze_user",
        "announcements.add_announcement",
        "announcements.change_announcement",
    ),
    "risk": (
        "trading.cancel_order",
        "markets.change_market_state",
        "markets.add_market",
        "markets.change_market",
        "markets.add_leveragetier",
        "markets.change_leveragetier",
        "markets.delete_leveragetier",
        "prices.add_pricesource",
        "prices.change_pricesource",
        "prices.check_pricesource",
        "markets.settle_market",
        "trading.add_feetier",
        "trading.change_feetier",
        "trading.delete_feetier",
        "trading.add_userfeetier",
        "trading.change_userfeetier",
        "trading.delete_userfeetier",
        "persistence.resolve_fault",
        "persistence.run_reconciliation",
        "console.replay_range",
        "console.export_incident",
        "accounts.freeze_user",
        "announcements.add_announcement",
        "announcements.change_announcement",
        "console.run_stress",
        "console.run_hindsight",
    ),
    "treasury": (
        "ledger.decide_deposit",
        "ledger.propose_adjustment",
        "ledger.decide_adjustment",
        "console.export_month",
        "trading.request_top_up",
        "trading.decide_top_up",
        "persistence.run_reconciliation",
    ),
}


@transaction.atomic
def create_groups() -> dict[str, int]:
    """Makes the groups, or gives them exactly these permissions again: name → how many."""
    viewing = Permission.objects.filter(
        content_type__app_label__in=APPS, codename__startswith="view_"
    )
    counts = {}
    for name, actions in ACTIONS.items():
        group, _ = Group.objects.get_or_create(name=name)
        permissions = [*viewing, *(_permission(action) for action in actions)]
        group.permissions.set(permissions)
        counts[name] = len(permissions)
    return counts


def _permission(name: str) -> Permission:
    app_label, _, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)
