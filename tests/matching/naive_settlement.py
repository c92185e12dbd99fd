"""What each position pays for the losses of others when a market is settled, by a definition of its
own: whoever has something is asked for one unit after the other, always the one who is furthest
behind an equal part of what it has.
"""

from collections.abc import Mapping
from fractions import Fraction


def naive_payments(worths: Mapping[int, int], fund: int) -> dict[int, int]:
    """By account, from what its position is worth: what it gives (> 0), or takes (< 0)."""
    payments = {account_id: min(0, worth) for account_id, worth in worths.items()}
    missing = max(0, -sum(payments.values()) - fund)
    able = {account_id: Fraction(worth) for account_id, worth in worths.items() if worth > 0}
    if not missing:
        return payments
    part = Fraction(missing) / sum(able.values())
    for account_id, worth in able.items():
        payments[account_id] = int(part * worth)
        missing -= payments[account_id]
    while missing:
        behind = max(able, key=lambda a: (part * able[a] - payments[a], -a))
        payments[behind] += 1
        missing -= 1
    return payments
