"""What operators do, said once to whoever keeps it.

The floors below the console tell of every act through `tell`; the console's audit listens and
writes its row in the transaction that is open, so that an act that fails leaves none. Whoever
listens may raise: the act fails with it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Model
from django.dispatch import Signal
from django.http import HttpRequest

operator_acted = Signal()
_MAIL_ADDRESS = re.compile(r"[^\s=&]+(?:@|%40)[^\s&]+")


class Verb(StrEnum):
    """Of acts that aren't an action of a list, whose verb is the action's name."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"
    VIEWED = "viewed"
    LISTED = "listed"
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  a word
    PROPOSED = "proposed"
    WALLET_ADJUSTED = "adjust_wallet"
    STOPPED = "stop"
    RESUMED = "resume"
    FROZEN = "freeze"
    LIFTED = "lift"
    RECONCILED = "reconcile"
    STRESSED = "stress"
    STRESS_CANCELLED = "cancel_stress"
    REPLAYED = "replayed"
    EXPORTED = "exported"
    RECKONED = "reckoned"
    ALERT_ACKNOWLEDGED = "acknowledge_alert"
    ALERT_SNOOZED = "snooze_alert"
    ALERT_UNSNOOZED = "end_snooze"
    PRICES_ASKED = "check_now"
    ROLLED_BACK = "roll_back"
    LAUNCHED = "launch_market"
    OPENED = "open_market"
    INVITED = "invite"
    LINK_MADE = "make_link"
    INVITATION_WITHDRAWN = "withdraw_invitation"
    JOINED = "join"
    SESSIONS_ENDED = "end_sessions"
    RETIRED = "retire"
    SEEN_AS = "see_as"
    FACTOR_ADDED = "add_factor"
    FACTOR_REMOVED = "remove_factor"
    FACTOR_RESET = "reset_factor"
    RECOVERY_CODES_MADE = "make_recovery_codes"
    PERSON_EXPORTED = "export_person"
    WITHDRAWAL_APPROVED = "approve_withdrawal"
    WITHDRAWAL_REFUSED = "refuse_withdrawal"
    WITHDRAWAL_ENTERED = "enter_withdrawal"
    SENDING_STOPPED = "stop_sending"
    SENDING_RESUMED = "resume_sending"
    CASE_RESOLVED = "resolve_case"
    FLOAT_MOVED = "move_float"
    CREDITED = "credit_by_hand"


@dataclass(frozen=True, kw_only=True)
class Act:
    """``request`` None: the exchange did what ``operator`` had planned. ``words``: from what to
    what, in human units. ``command_id``: of the outbox command that the act became."""

    verb: str
    request: HttpRequest | None = None
    operator: Any = None
    obj: Model | None = None
    words: str = ""
    reason: str = ""
    market_id: str = ""
    command_id: int | None = None


def tell(act: Act) -> None:
    operator_acted.send(sender=Act, act=act)


def listing(request: HttpRequest, name: str) -> Act:
    """A look at a list of personal rows. Everybody reads the audit, for good: whose mail was asked
    for is not in it."""
    asked = _MAIL_ADDRESS.sub("(a mail address)", request.META.get("QUERY_STRING", ""))
    return Act(verb=Verb.LISTED, request=request, words=f"{name} {asked}".strip())
