"""Ranks of auto-deleveraging, asked of the core as its passes ask."""

from collections.abc import Iterator
from fractions import Fraction

from matching.core.market.state import Account, State
from matching.core.risk.position_index import PositionIndex
from matching.core.risk.ranking import SCORED, Candidate, Ranking


def adl_score(state: State, account: Account) -> Fraction | None:
    """Rank of a position, the highest first; None for one with no equity of its own."""
    candidate = Candidate(None, account, account.account_id)
    cost, held = account.entry_cost_units, abs(account.position_lots)
    lot_value = state.tiers.k * state.mark_price_ticks * (1 if account.position_lots > 0 else -1)
    candidate.score(lot_value, cost, held, cost - account.margin_units, held)
    if candidate.kind != SCORED:
        return None
    return Fraction(candidate.numerator, candidate.denominator)


def ranked_counterparties(state: State, bankrupt: Account) -> Iterator[Account]:
    """Opposite positions by score, those without equity last, ties by account id: what a pass asks
    for as far as it needs to, of an index made for this one question."""
    index = PositionIndex()
    state.unindexed.update(state.accounts)
    index.update(state)
    ranking = Ranking(state, index, bankrupt.position_lots < 0)
    while (account := ranking.pop()) is not None:
        yield account
