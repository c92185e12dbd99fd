"""Markets under the names that the venue's clients give them.

The default is the base asset and the settlement asset, as in BTCUSDT. An operator may name another
(`GATEWAY_SYMBOLS`), and has to where two markets have the same base: of those the first by id has
the short name, another its id without hyphens.
"""

from collections.abc import Mapping

from django.conf import settings

from common.errors import DomainError, ErrorCode
from markets.rules import (
    RULES_AGE_MAX_S,
    UNKNOWN_AGE_MAX_S,
    MarketRules,
    all_market_rules,
    market_tickers,
)
from matching.messages.vocabulary import MarketState


def asset() -> str:
    """What margin, fees and profit are in."""
    return str(settings.SETTLEMENT_ASSET)


class _Names:
    """Made anew when the rules are read anew."""

    def __init__(self) -> None:
        self._rules: Mapping[str, MarketRules] = {}
        self._by_symbol: dict[str, MarketRules] = {}
        self._by_market: dict[str, str] = {}

    def known(
        self, age_max_s: float = RULES_AGE_MAX_S
    ) -> tuple[dict[str, MarketRules], dict[str, str]]:
        rules = all_market_rules(age_max_s)
        if rules is not self._rules:
            by_symbol: dict[str, MarketRules] = {}
            for one in rules.values():
                by_symbol.setdefault(_symbol(one, by_symbol), one)
            self._by_symbol = by_symbol
            self._by_market = {one.id: symbol for symbol, one in by_symbol.items()}
            self._rules = rules
        return self._by_symbol, self._by_market


def _symbol(rules: MarketRules, taken: Mapping[str, MarketRules]) -> str:
    named: str | None = settings.GATEWAY_SYMBOLS.get(rules.id)
    short = named or f"{rules.base_asset}{asset()}".upper()
    return short if short not in taken else f"{rules.id.replace('-', '')}{asset()}"


_names = _Names()


def market_of(symbol: str) -> MarketRules:
    """Raises DomainError."""
    by_symbol, _ = _names.known()
    found = by_symbol.get(symbol.upper())
    if found is None:
        by_symbol, _ = _names.known(UNKNOWN_AGE_MAX_S)
        found = by_symbol.get(symbol.upper())
    if found is None:
        raise DomainError(ErrorCode.MARKET_NOT_FOUND, "Invalid symbol.", "market_id")
    return found


def symbol_of(market_id: str) -> str:
    _, by_market = _names.known()
    return by_market[market_id]


def listed_markets(age_max_s: float = RULES_AGE_MAX_S) -> dict[str, MarketRules]:
    """By symbol; without those that are delisted."""
    by_symbol, _ = _names.known(age_max_s)
    tickers = market_tickers([rules.id for rules in by_symbol.values()])
    return {
        symbol: rules
        for symbol, rules in by_symbol.items()
        if tickers[rules.id].state is not MarketState.DELISTED
    }
