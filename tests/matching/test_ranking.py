"""The index of positions and the rankings it gives, against sorting and looking at everybody."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.core.market.state import Account, State, Turn
from matching.core.risk.deleveraging import Counterparties
from matching.core.risk.position_index import NODE_SIZE, Node, PositionIndex, PositionsOfSide
from matching.core.risk.ranking import Ranking
from matching.messages.tiers import TierTable
from tests.matching.actors import RULES
from tests.matching.adl_ranks import adl_score
from tests.matching.naive_ranking import naive_ranking, naive_score
from tests.proofs import share

K = RULES.units_per_tick_lot
MARKS = (1, 700, 950, 1_000, 1_037, 1_400, 10**6)


class Market:
    """Positions that somebody else moved."""

    def __init__(self) -> None:
        self.state = State()
        self.state.tiers = TierTable(RULES)
        self.state.mark_price_ticks = 1_000
        self.index = PositionIndex()

    def hold(self, account_id: int, lots: int, cost: int, margin: int) -> None:
        turn = Turn(0, 0)
        self.state.set_position(self.state.account(account_id, turn), lots, cost, margin, turn)

    def hold_any(self, rng: random.Random, account_id: int) -> None:
        """Often like others, at times flat, and at times worth nothing."""
        lots = rng.choice((0, 1, 1, 3, 7, -1, -1, -2, -10, 10**6))
        entry = rng.choice((1_000, 1_000, rng.randint(900, 1_100), rng.randint(1, 10_000)))
        leverage = rng.choice((1, 5, 20, 20, 1_000))
        cost = K * lots * entry + rng.choice((0, 0, rng.randint(-500, 500))) * (lots != 0)
        margin = K * abs(lots) * entry // leverage + rng.choice((0, 0, rng.randint(0, 10**7)))
        self.hold(account_id, lots, cost, margin if lots else 0)

    def everybody(self) -> list[tuple[int, int, int, int]]:
        return [
            (a.account_id, a.position_lots, a.entry_cost_units, a.margin_units)
            for a in self.state.accounts.values()
        ]

    def expected(self, is_long: bool) -> list[int]:
        return naive_ranking(K, self.state.mark_price_ticks, is_long, self.everybody())

    def ranked(self, is_long: bool) -> list[int]:
        self.index.update(self.state)
        ranking = Ranking(self.state, self.index, is_long)
        found = []
        while (account := ranking.pop()) is not None:
            found.append(account.account_id)
        return found

    def check_due(self) -> None:
        self.index.update(self.state)
        mark = self.state.mark_price_ticks
        due = {
            account_id
            for account_id, lots, cost, margin in self.everybody()
            if self.state.tiers.is_liquidatable(lots, cost, margin, mark)
        }
        found = self.index.due(mark)
        assert len(found) == len(set(found))
        assert set(found) == due


def check_shape(side: PositionsOfSide) -> int:
    """Keys in order, bounds that hold; how many positions."""

    def look(node: Node, low: tuple[int, int] | None) -> int:
        assert node.keys == sorted(node.keys)
        assert len(node.keys) <= NODE_SIZE
        assert low is None or all(key >= low for key in node.keys)
        if node.is_leaf:
            assert len(node.accounts) == len(node.keys)
            for account in node.accounts:
                check_bounds(node, account)
            return len(node.keys)
        assert node.children, "an inner node is over something"
        # Below the first child there is no bound: what is lower than all goes there.
        return sum(
            look(child, key if at else low)
            for at, (key, child) in enumerate(zip(node.keys, node.children, strict=True))
        )

    return look(side.root, None)


def check_bounds(node: Node, account: Account) -> None:
    held, cost = abs(account.position_lots), account.entry_cost_units
    assert node.cost_units * held <= cost * node.cost_lots
    assert node.debt_units * held >= (cost - account.margin_units) * node.debt_lots
    assert node.least_id <= account.account_id


@pytest.mark.parametrize("seed", range(4))
def test_a_ranking_is_that_of_sorting_everybody_at_any_mark(seed: int) -> None:
    rng = random.Random(seed)
    market = Market()
    for account_id in rng.sample(range(1, 5_000), 900):
        market.hold_any(rng, account_id)
    for _ in range(6):
        for mark in rng.sample(MARKS, 2):
            market.state.mark_price_ticks = mark
            assert market.ranked(is_long=True) == market.expected(is_long=True)
            assert market.ranked(is_long=False) == market.expected(is_long=False)
            market.check_due()
        positions = check_shape(market.index.longs) + check_shape(market.index.shorts)
        assert positions == sum(1 for held in market.everybody() if held[1])
        for account_id in rng.sample(sorted(market.state.accounts), 300):
            market.hold_any(rng, account_id)
    for account_id in market.state.accounts:  # everybody leaves, one after the other
        market.hold(account_id, 0, 0, 0)
        if rng.random() < 0.1:
            market.check_due()
    assert market.ranked(is_long=True) == market.ranked(is_long=False) == []


@settings(max_examples=share(50), deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.sampled_from(MARKS))
def test_positions_that_change_during_a_pass_are_ranked_anew(
    seed: int, count: int, mark: int
) -> None:
    """Whoever is asked for next is the best of all as they are then. One that changed and is what
    it was before may be named twice."""
    rng = random.Random(seed)
    market = Market()
    state = market.state
    state.mark_price_ticks = mark
    for account_id in range(1, count + 1):
        market.hold_any(rng, account_id)
    market.index.update(state)
    counterparties = Counterparties(state, market.index)
    passed_over: set[int] = set()
    for _ in range(30):
        is_long = rng.random() < 0.5
        ranking = counterparties.ranking(is_long)
        account = ranking.pop()
        while account is not None and account.account_id in passed_over:
            account = ranking.pop()
        expected = [a for a in market.expected(is_long) if a not in passed_over]
        assert (account.account_id if account else None) == next(iter(expected), None)
        if account is not None and rng.random() < 0.3:
            passed_over.add(account.account_id)  # popped, and not put in again
        elif account is not None:
            market.hold_any(rng, account.account_id)
        while rng.random() < 0.4:
            changed = rng.randint(1, count + 3)
            passed_over.discard(changed)
            market.hold_any(rng, changed)


@given(
    st.integers(1, 10**12),
    st.integers(-(10**6), 10**6).filter(bool),
    st.integers(1, 10**9),
    st.integers(0, 10**15),
)
def test_a_score_is_the_definition(mark: int, lots: int, entry: int, margin: int) -> None:
    market = Market()
    market.state.mark_price_ticks = mark
    cost = lots * entry
    market.hold(1, lots, cost, margin)
    found = adl_score(market.state, market.state.accounts[1])
    assert found == naive_score(K, mark, lots, cost, margin)


def test_a_ranking_reads_little_of_a_large_market() -> None:
    """Alike or spread, the first few of twenty thousand cost a few nodes of a few hundred."""
    for spread in (0, 200):
        rng = random.Random(spread)
        market = Market()
        for account_id in range(1, 20_001):
            entry = 1_000 + rng.randint(-spread, spread)
            leverage = rng.choice((2, 5, 10, 20)) if spread else 10
            market.hold(account_id, 3, K * 3 * entry, K * 3 * entry // leverage)
        market.state.mark_price_ticks = 1_100
        market.index.update(market.state)
        ranking = Ranking(market.state, market.index, is_long=True)
        first = [ranking.pop() for _ in range(100)]
        assert [a and a.account_id for a in first] == market.expected(is_long=True)[:100]
        assert ranking.nodes_read < 60
