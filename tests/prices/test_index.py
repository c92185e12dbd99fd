"""The index rule: examples by hand, then what must hold whatever the venues say."""

from decimal import Decimal
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prices.index import PRICE_AGE_MAX_MS, SourcePrice, SourceState, combine, is_price

HEALTHY, OUTLIER, STALE = SourceState.HEALTHY, SourceState.OUTLIER, SourceState.STALE

Said = tuple[str, int] | tuple[str, int, int]  # price, weight, age in ms


def said(*prices: Said) -> list[SourcePrice]:
    return [
        SourcePrice(at, Decimal(price), weight, age_ms[0] if age_ms else 0)
        for at, (price, weight, *age_ms) in enumerate(prices)
    ]


@pytest.mark.parametrize(
    ("prices", "index"),
    [
        ([("100", 1)], "100"),
        ([("100", 1), ("102", 1)], "101"),  # 1 of 2 reached at 100: between the two
        ([("102", 1), ("100", 1), ("101", 1)], "101"),
        ([("100", 1), ("101", 1), ("102", 3)], "102"),  # 1, 2, 5 of 5: more than half at 102
        ([("100", 1), ("101", 1), ("102", 2)], "101.5"),  # 2 of 4 at 101: exactly half
        ([("100", 2), ("101", 1), ("102", 1)], "100.5"),
        ([("100", 2), ("101", 2), ("102", 1)], "101"),  # 2 of 5, then 4
        ([("100", 1), ("100", 1), ("101", 2)], "100.5"),
        ([("0.00001234", 1), ("0.00001235", 1)], "0.000012345"),
        # 28 digits are Decimal's own default: this sum has 31, and none is lost.
        ([("1" * 30, 1), ("1" * 29 + "2", 1)], "1" * 30 + ".5"),
    ],
)
def test_weighted_median_by_hand(prices: list[Said], index: str) -> None:
    assert combine(said(*prices), quorum=1).price == Decimal(index)


def test_exactly_five_per_cent_away_is_near_and_a_hair_more_is_not() -> None:
    """The median of 95, 100 and 105 is 100; 5 % of it is 5."""
    at_the_edge = combine(said(("95", 1), ("100", 1), ("105", 1)), quorum=3)
    assert at_the_edge.price == 100
    beyond = combine(said(("94.99999999", 1), ("100", 1), ("105.00000001", 1)), quorum=1)
    assert beyond.states == {0: OUTLIER, 1: HEALTHY, 2: OUTLIER}
    assert beyond.price == 100


def test_a_heavy_source_cannot_call_the_others_outliers() -> None:
    index = combine(said(("100", 1), ("101", 1), ("200", 1_000)), quorum=2)
    assert index.states == {0: HEALTHY, 1: HEALTHY, 2: OUTLIER}
    assert index.price == Decimal("100.5")


def test_of_two_that_disagree_neither_counts() -> None:
    """Median 105.5: 100 and 111 are 5.5 away, 5 % are 5.275."""
    index = combine(said(("100", 1), ("111", 1)), quorum=1)
    assert (index.price, set(index.states.values())) == (None, {OUTLIER})
    assert combine(said(("100", 1), ("110", 1)), quorum=2).price == 105


@pytest.mark.parametrize(
    ("age_ms", "state"),
    [(0, HEALTHY), (10_000, HEALTHY), (10_001, STALE), (-10_000, HEALTHY), (-10_001, STALE)],
)
def test_age(age_ms: int, state: SourceState) -> None:
    index = combine(said(("100", 1, age_ms)), quorum=1)
    assert index.states == {0: state}
    assert (index.price is None) == (state is STALE)


def test_a_stale_price_does_not_move_the_median_that_judges_the_others() -> None:
    index = combine(said(("100", 1), ("200", 1, 10_001), ("201", 1, 10_001)), quorum=1)
    assert index.states == {0: HEALTHY, 1: STALE, 2: STALE}
    assert index.price == 100


def test_the_quorum_counts_sources_not_weights() -> None:
    prices = said(("100", 50), ("101", 50), ("102", 1, 60_000))
    assert combine(prices, quorum=2).price == Decimal("100.5")
    assert combine(prices, quorum=3).price is None
    assert combine([], quorum=1).price is None


@pytest.mark.parametrize("text", ["0", "-1", "NaN", "Infinity", "-Infinity", "1e31", "1e-31"])
def test_what_is_no_price_is_refused(text: str) -> None:
    assert not is_price(Decimal(text))
    with pytest.raises(ValueError, match="positive prices"):
        combine([SourcePrice(1, Decimal(text), 1, 0)], quorum=1)


@pytest.mark.parametrize(("weight", "quorum"), [(0, 1), (-1, 1), (1, 0)])
def test_weights_and_quorum_are_at_least_one(weight: int, quorum: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        combine(said(("100", weight)), quorum)


# ---------------------------------------------------------------------------------- whatever comes

near = st.decimals("99", "101", places=4)
any_price = st.one_of(near, st.decimals("0.00000001", "1000000000", places=8))
weights = st.integers(1, 50)
ages = st.one_of(st.integers(0, 9_000), st.integers(-20_000, 20_000))
crowds = st.lists(st.tuples(any_price, weights, ages), max_size=9).map(
    lambda rows: [SourcePrice(at, *row) for at, row in enumerate(rows)]
)
near_crowds = st.lists(st.tuples(near, weights), min_size=1, max_size=9).map(
    lambda rows: [SourcePrice(at, price, weight, 0) for at, (price, weight) in enumerate(rows)]
)


@given(crowds, st.integers(1, 5))
def test_the_index_lies_among_prices_that_agree(crowd: list[SourcePrice], quorum: int) -> None:
    index = combine(crowd, quorum)
    healthy = [one.price for one in crowd if index.states[one.source_id] is HEALTHY]
    assert set(index.states) == {one.source_id for one in crowd}
    assert (index.price is not None) == (len(healthy) >= quorum)
    if index.price is not None:
        assert min(healthy) <= index.price <= max(healthy)
        assert max(healthy) - min(healthy) <= max(healthy) * Decimal("0.1")


@given(crowds)
def test_states_by_their_definition(crowd: list[SourcePrice]) -> None:
    fresh = [one for one in crowd if abs(one.age_ms) <= PRICE_AGE_MAX_MS]
    states = combine(crowd, quorum=1).states
    for one in crowd:
        if one not in fresh:
            assert states[one.source_id] is STALE
        else:
            middle = median(other.price for other in fresh)
            is_near = 20 * abs(one.price - middle) <= middle
            assert states[one.source_id] is (HEALTHY if is_near else OUTLIER)


@given(near_crowds)
def test_at_most_half_of_the_weight_lies_on_either_side(crowd: list[SourcePrice]) -> None:
    index = combine(crowd, quorum=1).price
    assert index is not None
    total = sum(one.weight for one in crowd)
    assert 2 * sum(one.weight for one in crowd if one.price < index) <= total
    assert 2 * sum(one.weight for one in crowd if one.price > index) <= total


@given(near_crowds)
def test_a_weight_counts_as_that_many_sources(crowd: list[SourcePrice]) -> None:
    """With every source repeated as often as its weight says it is the plain median."""
    repeated = [one.price for one in crowd for _ in range(one.weight)]
    assert combine(crowd, quorum=1).price == median(repeated)


@given(near_crowds, st.randoms(use_true_random=False))
def test_the_order_of_the_sources_does_not_matter(crowd: list[SourcePrice], rng: Random) -> None:
    shuffled = list(crowd)
    rng.shuffle(shuffled)
    assert combine(shuffled, quorum=1) == combine(crowd, quorum=1)


@given(near_crowds, any_price)
def test_one_liar_among_many_cannot_move_the_index_past_the_honest(
    crowd: list[SourcePrice], lie: Decimal
) -> None:
    honest = [SourcePrice(one.source_id, one.price, 1, 0) for one in crowd]
    liar = SourcePrice(99, lie, 1, 0)
    index = combine([*honest, liar], quorum=1).price
    if len(honest) >= 2:
        assert index is not None
        assert min(one.price for one in honest) <= index <= max(one.price for one in honest)


@given(near_crowds, st.integers(1, 9))
def test_scale_does_not_matter(crowd: list[SourcePrice], exponent: int) -> None:
    scaled = [
        SourcePrice(one.source_id, one.price.scaleb(-exponent), one.weight, 0) for one in crowd
    ]
    index, small = combine(crowd, quorum=1), combine(scaled, quorum=1)
    assert index.price is not None
    assert small.price == index.price.scaleb(-exponent)
    assert small.states == index.states
