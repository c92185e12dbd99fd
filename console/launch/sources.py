"""What price sources say right now, beside each other. Whoever asks waits for seconds at most."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from prices.index import SourcePrice, SourceState, combine
from prices.models import PriceSource, PriceSourceKind
from prices.reports import price_text
from prices.services import ask_price_sources
from prices.sources.quote import PriceUnavailable, Quote, wall_clock_ms

WITHIN_S = 4.0
_TONES = {SourceState.HEALTHY: "ok"}


@dataclass(frozen=True)
class SourceAnswer:
    name: str
    state: str
    tone: str
    price: str
    age: str
    off: str  # from the middle of all


@dataclass(frozen=True)
class SourcesChecked:
    """``middle``: the index that these sources would make, if one of them is enough."""

    answers: list[SourceAnswer]
    middle: Decimal | None


def ask(sources: Sequence[PriceSource]) -> SourcesChecked:
    """Of rows that are in order (`SourceForm`), saved or not."""
    said = ask_price_sources(sources, WITHIN_S)
    now_ms = wall_clock_ms()
    prices = [
        SourcePrice(at, answer.price, sources[at].weight, now_ms - answer.observed_at_ms)
        for at, answer in enumerate(said)
        if isinstance(answer, Quote)
    ]
    index = combine(prices, 1)
    return SourcesChecked(
        [
            _answered(source, answer, index.states.get(at), index.price, now_ms)
            for at, (source, answer) in enumerate(zip(sources, said, strict=True))
        ],
        index.price,
    )


def _answered(
    source: PriceSource,
    answer: Quote | PriceUnavailable,
    state: SourceState | None,
    middle: Decimal | None,
    now_ms: int,
) -> SourceAnswer:
    if source.kind == PriceSourceKind.SYNTHETIC:
        return SourceAnswer("made up", "ready", "ok", "around the price above", "", "")
    if isinstance(answer, PriceUnavailable) or state is None:
        return SourceAnswer(source.name, str(answer), "bad", "", "", "")
    age_s = max(0, now_ms - answer.observed_at_ms) / 1_000
    off = f"{(answer.price - middle) * 100 / middle:+.3f} %" if middle else ""
    return SourceAnswer(
        source.name,
        state,
        _TONES.get(state, "warn"),
        price_text(answer.price),
        f"{age_s:,.1f} s",
        off,
    )
