"""Notices in words. Names in braces are facts that whoever tells must give."""

from collections.abc import Mapping

from accounts.notices.kinds import NoticeKind

_NOT_YOU = (
    "If that was not you, change your password now, end all sessions and delete the keys you don't "
    "know."
)

_SUBJECTS: Mapping[NoticeKind, str] = {
    NoticeKind.SIGN_IN_FROM_NEW_PLACE: "A sign-in from a new place",
    NoticeKind.KEY_MADE: "An API key was made",
    NoticeKind.WITHDRAWAL_ASKED: "A withdrawal was asked for",
    NoticeKind.WITHDRAWAL_SENT: "A withdrawal was sent",
    NoticeKind.WITHDRAWAL_BACK: "A withdrawal is back in your wallet",
    NoticeKind.LIQUIDATION: "A position was liquidated",
    NoticeKind.MARGIN_CALL: "A position is close to liquidation",
    NoticeKind.PASSWORD_CHANGED: "Your password was changed",
    NoticeKind.MAIL_CHANGED: "Your mail address was changed",
    NoticeKind.FACTOR_CHANGED: "Your second factor changed",
    NoticeKind.FACTOR_RESET: "Your second factor was reset",
    NoticeKind.WRONG_FACTOR: "Somebody has your password",
    NoticeKind.SIGN_IN_LOCKED: "Your sign-in is locked for a while",
    NoticeKind.ACCOUNT_CLOSED: "Your account was closed",
}

_BODIES: Mapping[NoticeKind, str] = {
    NoticeKind.SIGN_IN_FROM_NEW_PLACE: (
        "Somebody signed in from {address} with {client}, which was not there in the last 90 "
        f"days.\n\n{_NOT_YOU}"
    ),
    NoticeKind.KEY_MADE: (
        "The API key {name} was made from {address}. It may: {permissions}.\n\n" + _NOT_YOU
    ),
    NoticeKind.WITHDRAWAL_ASKED: (
        "A withdrawal of {amount} to {destination} was asked for.\n\n"
        f"{_NOT_YOU} A withdrawal can be cancelled until it is approved."
    ),
    NoticeKind.WITHDRAWAL_SENT: (
        "A withdrawal of {amount} to {destination} was sent.\n\n" + _NOT_YOU
    ),
    NoticeKind.WITHDRAWAL_BACK: (
        "A withdrawal of {amount} to {destination} {why}. The money is back in your wallet."
    ),
    NoticeKind.LIQUIDATION: (
        "In {market} {closed} of your {side} were closed at a mark price of {mark}, since its "
        "margin no longer covered what it must. Still open: {left}. Given back: {returned}."
    ),
    NoticeKind.MARGIN_CALL: (
        "Your {side} of {size} in {market} uses {ratio} of its margin at a mark price of {mark}; "
        "at 100 % it is liquidated, which would be at about {liquidation}. You asked to be told "
        "at {threshold}.\n\nAdd margin or reduce the position."
    ),
    NoticeKind.PASSWORD_CHANGED: (
        "It was changed from {address}. All sessions have ended.\n\n"
        "If that was not you, reset the password by mail at once and ask the operator to freeze "
        "the account."
    ),
    NoticeKind.MAIL_CHANGED: (
        "From now on notices go to {mail}.\n\n"
        "If that was not you, ask the operator at once to freeze the account."
    ),
    NoticeKind.FACTOR_CHANGED: "{change}.\n\n" + _NOT_YOU,
    NoticeKind.FACTOR_RESET: (
        "The second factor was reset by our support. All sessions have ended. Withdrawals are "
        "locked until {until} UTC.\n\nIf you didn't ask for it, tell us at once."
    ),
    NoticeKind.WRONG_FACTOR: (
        "Somebody gave the right password, and a wrong second factor.\n\nIf that was not you, "
        "change your password: the second factor has kept them out."
    ),
    NoticeKind.SIGN_IN_LOCKED: (
        "Somebody gave {attempts} wrong passwords in a row. Until {until} UTC nobody can sign in "
        "by this name. Sessions that are open and API keys go on.\n\n"
        "To sign in before: {way}, within 24 hours. It works once.\n\n"
        "If it wasn't you, nobody got in, and nothing needs doing; a second factor keeps out "
        "whoever guesses right."
    ),
    NoticeKind.ACCOUNT_CLOSED: (
        "You closed it. Nobody can sign in any more, and its keys are revoked.\n\n"
        "If that was not you, ask the operator to open it again."
    ),
}


def subject_of(kind: NoticeKind) -> str:
    return _SUBJECTS[kind]


def body_of(kind: NoticeKind, username: str, facts: Mapping[str, str]) -> str:
    """Raises KeyError where a fact is missing: whoever tells is at fault."""
    return f"Account {username}.\n\n{_BODIES[kind].format_map(facts)}\n"
