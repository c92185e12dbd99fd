"""What a trader is told of."""

from enum import StrEnum


class NoticeKind(StrEnum):
    SIGN_IN_FROM_NEW_PLACE = "sign_in_from_new_place"
    KEY_MADE = "key_made"
    WITHDRAWAL_ASKED = "withdrawal_asked"
    WITHDRAWAL_SENT = "withdrawal_sent"
    WITHDRAWAL_BACK = "withdrawal_back"
    LIQUIDATION = "liquidation"
    MARGIN_CALL = "margin_call"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  a word
    MAIL_CHANGED = "mail_changed"
    FACTOR_CHANGED = "factor_changed"
    FACTOR_RESET = "factor_reset"
    WRONG_FACTOR = "wrong_factor"
    SIGN_IN_LOCKED = "sign_in_locked"
    ACCOUNT_CLOSED = "account_closed"


MUTABLE = (
    NoticeKind.SIGN_IN_FROM_NEW_PLACE,
    NoticeKind.KEY_MADE,
    NoticeKind.WITHDRAWAL_ASKED,
    NoticeKind.WITHDRAWAL_SENT,
    NoticeKind.WITHDRAWAL_BACK,
    NoticeKind.LIQUIDATION,
    NoticeKind.MARGIN_CALL,
)
ALWAYS = frozenset(NoticeKind) - frozenset(MUTABLE)
