"""What each group of operators may do. Everyone in a group also needs to be staff."""

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import transaction

APPS = (
    "accounts",
    "markets",
    "trading",
    "prices",
    "ledger",
    "custody",
    "persistence",
    "announcements",
    "approvals",
    "mails",
    "admin",
    "auth",
    "console",
)

ACTIONS: dict[str, tuple[str, ...]] = {
    "viewer": (),
    "support": (
        "trading.cancel_order",
        "trading.stop_algo",
        "accounts.suspend_user",
        "accounts.end_session",
        "accounts.revoke_key",
        "accounts.lift_lock",
        "accounts.propose_factor_reset",
        "accounts.decide_factor_reset",
        "accounts.set_verification",
        "accounts.freeze_user",
        "accounts.see_as_trader",
        "accounts.see_person",
        "accounts.export_person",
        "accounts.reopen_account",
        "accounts.erase_person",
        "trading.export_statement",
        "announcements.add_announcement",
        "announcements.change_announcement",
        "console.handle_alert",
    ),
    "risk": (
        "trading.cancel_order",
        "trading.stop_algo",
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
        "trading.set_referral_rule",
        "persistence.resolve_fault",
        "persistence.run_reconciliation",
        "console.replay_range",
        "console.export_incident",
        "accounts.decide_factor_reset",
        "accounts.freeze_user",
        "announcements.add_announcement",
        "announcements.change_announcement",
        "console.run_stress",
        "console.run_hindsight",
        "console.handle_alert",
        "console.add_alertrule",
        "console.change_alertrule",
        "console.add_alertrecipient",
        "console.change_alertrecipient",
        "console.send_webhook_again",
        "mails.send_mail_again",
    ),
    "treasury": (
        "ledger.decide_deposit",
        "ledger.propose_adjustment",
        "ledger.decide_adjustment",
        "ledger.decide_withdrawal",
        "ledger.propose_withdrawal_limit",
        "ledger.decide_withdrawal_limit",
        "ledger.stop_sending",
        "ledger.send_payout_again",
        "custody.resolve_case",
        "custody.propose_credit",
        "custody.decide_credit",
        "custody.propose_float",
        "custody.decide_float",
        "console.export_month",
        "trading.export_statement",
        "ledger.set_transfer_rule",
        "trading.request_top_up",
        "trading.decide_top_up",
        "persistence.run_reconciliation",
        "console.handle_alert",
    ),
}


@transaction.atomic
def create_groups() -> dict[str, int]:
    """Makes the groups, or gives them exactly these permissions again: name → how many."""
    permissions = {
        f"{app_label}.{codename}": pk
        for pk, app_label, codename in Permission.objects.values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    counts = {}
    for name in ACTIONS:
        group, _ = Group.objects.get_or_create(name=name)
        held = [permissions[one] for one in names_held(name)]
        group.permissions.set(held)
        counts[name] = len(held)
    return counts


def names_held(group: str) -> frozenset[str]:
    """What `create_groups` gives it, as `app.codename`."""
    viewing = {
        f"{model._meta.app_label}.view_{model._meta.model_name}"
        for model in apps.get_models()
        if model._meta.app_label in APPS and "view" in model._meta.default_permissions
    }
    return frozenset({*viewing, *ACTIONS[group]})
