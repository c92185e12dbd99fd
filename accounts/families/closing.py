"""What keeps an account from being archived or closed: asked of the rooms that know.

Money and positions are kept above this room. Each room registers what looks for its own; all are
asked within the transaction that closes the account.
"""

from collections.abc import Callable

# Locks what would change the answer; why the account must stay, or None.
Reason = Callable[[int], str | None]

_reasons: list[Reason] = []


def register(reason: Reason) -> None:
    _reasons.append(reason)


def why_open(user_id: int) -> str | None:
    """The first reason, in the order of the rooms from the floor up."""
    return next((why for reason in _reasons if (why := reason(user_id)) is not None), None)
