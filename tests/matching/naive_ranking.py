"""Who is deleveraged first, by the definition and by sorting everybody (BitMEX, "ADL ranking")."""

from collections.abc import Iterable
from fractions import Fraction

# (account, lots, entry cost, margin)
Held = tuple[int, int, int, int]


def naive_score(k: int, mark: int, lots: int, cost: int, margin: int) -> Fraction | None:
    """Profit % × effective leverage, or ÷ for a loss; None without equity."""
    value = k * lots * mark
    profit = value - cost
    equity = margin + profit
    if equity <= 0 or not cost:
        return None
    profit_share = Fraction(profit, abs(cost))
    leverage = Fraction(abs(value), equity)
    return profit_share * leverage if profit > 0 else profit_share / leverage


def naive_ranking(k: int, mark: int, is_long: bool, everybody: Iterable[Held]) -> list[int]:
    """Accounts of the side, the first to be deleveraged first."""
    ranks = []
    for account_id, lots, cost, margin in everybody:
        if lots and (lots > 0) is is_long:
            score = naive_score(k, mark, lots, cost, margin)
            ranks.append((score is None, -(score or 0), account_id))
    return [account_id for _, _, account_id in sorted(ranks)]
