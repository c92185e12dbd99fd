"""What differs between two versions of a market's rules, in the words of the market's form."""

from typing import Any

from approvals.services import Change
from common.admin.changes import changed_words
from markets.models import Market
from trading.admin.catalogue.form import CONVERTED, MarketForm
from trading.services import Rules, tier_changes, tiers_of


def rule_changes(market: Market, before: Rules, after: Rules) -> list[Change]:
    """Of the market's own rules, in the order of its form. A rule one of them doesn't know yet is
    nothing there."""
    form = MarketForm(instance=market)
    found = []
    for name in form.fields:
        column = CONVERTED[name].column if name in CONVERTED else name
        if before.get(column) == after.get(column):
            continue
        values = (_shown(name, rules.get(column), market) for rules in (before, after))
        found.append(Change(*changed_words(form, name, *values)))
    return found


def all_changes(market: Market, before: Rules, after: Rules) -> list[Change]:
    """With those of the tiers."""
    tiers = tier_changes(tiers_of(before), tiers_of(after))
    return [*rule_changes(market, before, after), *tiers]


def _shown(name: str, value: Any, market: Market) -> Any:
    if value is None or name not in CONVERTED:
        return value
    return CONVERTED[name].outward(value, market)
