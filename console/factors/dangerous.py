"""What asks for a fresh second factor: whatever moves money, says who decides, lets somebody in or
lets something go on that was stopped, speaks to traders, or says when operators are told.

Everything of the console that writes is in one of two tables, so that whoever adds a page, an
action of a list or a record that can be edited has to decide. What protects is never slowed down:
stopping, suspending, revoking, ending sessions, refusing.
"""

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest

from matching.messages.vocabulary import MarketState

# Names of urls of the site.
ASKING_PAGES = frozenset(
    {
        "custody",
        "exports",
        "factors",
        "family-statement",
        "freeze",
        "invitation-link",
        "launch",
        "launch-market",
        "market-versions",
        "operator",
        "operator-invite",
        "password_change",
        "person-export",
        "policy",
        "referral-rule",
        "transfer-rule",
        "withdrawal",
    }
)
FREE_PAGES = frozenset(
    {
        "alert",
        "alerts",
        "factor",
        "factor-enrol",
        "factor-enrol-options",
        "factor-options",
        "hindsight",
        "hindsight-run",
        "incident",
        "invitation-withdraw",
        "join",
        "launch-check",
        "launch-preview",
        "login",
        "logout",
        "money",
        "stop",
        "stress",
        "stress-run",
        "unlock",
        "withdrawals",
    }
)
# Of a free page what asks all the same: a field that is posted, and its value, "" for any.
ASKING_FORMS = frozenset(
    {
        ("hindsight-run", "propose", ""),
        ("incident", "act", "export"),
        ("stop", "state", MarketState.ACTIVE.value),
        ("withdrawals", "resume", ""),
    }
)
# Models whose rows can be added, edited or deleted.
ASKING_RECORDS = frozenset(
    {
        "accounts.termsversion",
        "announcements.announcement",
        "accounts.user",
        "auth.group",
        "console.alertrecipient",
        "console.alertrule",
        "markets.market",
        "prices.pricesource",
        "trading.feetier",
        "trading.userfeetier",
    }
)
FREE_RECORDS = frozenset[str]()
# Actions of lists: a model, and the action's name.
ASKING_ACTIONS = frozenset(
    {
        ("accounts.closure", "erase"),
        ("accounts.closure", "reopen"),
        ("accounts.user", "propose_reset"),
        ("accounts.user", "resume"),
        ("accounts.user", "set_level"),
        ("approvals.proposal", "approve"),
        ("console.alertrecipient", "renew_secret"),
        ("ledger.adjustment", "propose_reversal"),
        ("ledger.deposit", "approve"),
        ("ledger.deposit", "refuse"),
        ("ledger.wallet", "propose_adjustment"),
        ("markets.market", "delist"),
        ("markets.market", "settle"),
        ("markets.market", "request_top_up"),
        ("markets.market", "resume"),
        ("persistence.persistencefault", "quarantine"),
        ("prices.pricesource", "disable"),
        ("prices.pricesource", "enable"),
        ("trading.insurancetopup", "approve"),
        ("trading.insurancetopup", "refuse"),
    }
)
FREE_ACTIONS = frozenset(
    {
        ("accounts.apikey", "revoke"),
        ("accounts.guesslock", "lift"),
        ("accounts.session", "end"),
        ("accounts.user", "suspend"),
        ("announcements.announcement", "take_back"),
        ("approvals.proposal", "refuse"),
        ("approvals.proposal", "withdraw"),
        ("console.alertrecipient", "send_test"),
        ("console.webhookdelivery", "send_again"),
        ("ledger.payout", "send_again"),
        ("mails.mail", "send_again"),
        ("markets.market", "cancel_only"),
        ("markets.market", "pause"),
        ("markets.market", "post_only"),
        ("markets.market", "reduce_only"),
        ("persistence.persistencefault", "retry_now"),
        ("prices.pricesource", "check_now"),
        ("trading.algo", "cancel_selected"),
        ("trading.algo", "pause_selected"),
        ("trading.order", "cancel_selected"),
    }
)
_DELETE = "delete_selected"
_RECORD_KINDS = ("add", "change", "delete")


def is_dangerous(request: HttpRequest) -> bool:
    """Of a post: by the url's name, and of a list by the action that was chosen."""
    match = request.resolver_match
    name = match.url_name if match is not None else None
    if request.method != "POST" or not name:
        return False
    if name in ASKING_PAGES or name == "auth_user_password_change":
        return True
    if any(
        name == page and field in request.POST and value in ("", request.POST[field])
        for page, field, value in ASKING_FORMS
    ):
        return True
    model, _, kind = name.rpartition("_")
    label = ".".join(model.split("_", 1))
    if kind in _RECORD_KINDS:
        return label in ASKING_RECORDS
    if kind != "changelist" or ACTION_CHECKBOX_NAME not in request.POST:
        return False
    chosen = request.POST.getlist("action")
    return any(
        (label, action) in ASKING_ACTIONS or (action == _DELETE and label in ASKING_RECORDS)
        for action in chosen
    )
