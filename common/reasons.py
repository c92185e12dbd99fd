"""Why an operator does something, as services take it and rows keep it."""

from common.errors import invalid

REASON_MAX = 500


def reason_of(text: str, field: str = "reason") -> str:
    """Without blanks around it. Raises DomainError for none, and for one that no row could keep."""
    reason = text.strip()
    if not 1 <= len(reason) <= REASON_MAX:
        raise invalid(field, f"{field} must be 1 to {REASON_MAX} characters.")
    return reason
