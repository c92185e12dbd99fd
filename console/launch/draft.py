"""A new market as it stands in the form: what was typed, with what is suggested for the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from django.utils.duration import duration_string

from common import decimals
from console.launch.defaults import Liquidity, Suggestion, suggested, suggested_like
from console.launch.forms import (
    TIER_ROWS,
    BasicsForm,
    NewMarketForm,
    NewTierFormSet,
    SourceFormSet,
)
from markets.conversions import units_text
from markets.display import percent_of_ppm
from markets.models import LeverageTier, Market
from matching.messages.limits import highest_price_ticks
from trading.admin.catalogue.form import MarketForm

TIERS = "tiers"
_TIER_FIELDS = ("floor", "max_leverage", "maintenance_percent")
_NOT_SUGGESTED = ("id", "reason", "version")


@dataclass(frozen=True)
class Draft:
    """``suggested``: the texts put into fields, by name, and "tiers" as rows of three."""

    basics: BasicsForm
    market: NewMarketForm
    tiers: Any
    sources: Any
    suggested: dict[str, Any]

    def is_valid(self) -> bool:
        """All are asked, so that each says what is wrong with it."""
        parts = (self.basics, self.market, self.sources, self.tiers)
        valid = [part.is_valid() for part in parts]
        return all(valid) and self._price_is_sayable()

    def _price_is_sayable(self) -> bool:
        """In ticks of the market, and not so high that its engine would take it for stale."""
        market, price = self.market.instance, self.basics.cleaned_data["reference_price"]
        highest = highest_price_ticks(market.units_per_tick_lot, 0)
        if price <= highest * market.tick_size:
            return True
        most = decimals.text(highest * market.tick_size)
        message = f"With this tick and lot a price is at most {most}: take a smaller lot."
        self.basics.add_error("reference_price", message)
        return False

    @property
    def price(self) -> Decimal | None:
        """Where what was typed is one."""
        return self.basics.cleaned_data.get("reference_price") if self.basics.is_valid() else None


def empty_draft(*, is_demo: bool) -> Draft:
    """With nothing typed. A demo's prices are made up."""
    sources = SourceFormSet(prefix="sources", initial=[{"kind": "synthetic"}] if is_demo else None)
    tiers = NewTierFormSet(instance=Market(), prefix=TIERS)
    return Draft(BasicsForm(), NewMarketForm(None, 0), tiers, sources, {})


def draft_of(posted: QueryDict, *, fill: str = "") -> Draft:
    """``fill`` "untouched": a suggestion takes the place of what nobody typed; "empty": it fills
    what is empty; else nothing is suggested."""
    data = posted.copy()
    basics = BasicsForm(data)
    sources: Any = SourceFormSet(data, prefix="sources")
    count = len(sources.sources) if sources.is_valid() else 0
    texts = _suggestion(basics, data, count) if fill else {}
    if fill:
        _fill(data, texts, set(data.get("touched", "").split(",")), only_empty=fill == "empty")
        basics = BasicsForm(data)
    market = NewMarketForm(data, count)
    market.is_valid()  # the tiers are judged beside it
    tiers = NewTierFormSet(data, instance=market.instance, prefix=TIERS)
    return Draft(basics, market, tiers, sources, texts)


def _suggestion(basics: BasicsForm, data: QueryDict, sources: int) -> dict[str, Any]:
    """Nothing while there is no price to go by. The name alone says the asset."""
    texts: dict[str, Any] = {"base_asset": data.get("id", "").partition("-")[0][:16]}
    if not basics.is_valid():
        return texts
    said = basics.cleaned_data
    other, price = said["copy_from"], said["reference_price"]
    if other is None:
        made = suggested(price, Liquidity(said["liquidity"]), basics.daily_move_ppm)
    else:
        mark = other.status.mark_price_ticks * other.tick_size
        made = suggested_like(other, list(other.tiers.all()), mark, price)
    # Of three two, of five three: one venue may fail or be wrong.
    made.market.price_quorum = max(1, (sources + 1) // 2)
    return texts | texts_of(made)


def texts_of(made: Suggestion) -> dict[str, Any]:
    """As the fields show it."""
    form = MarketForm(instance=made.market)
    names = [n for n in form.fields if n not in _NOT_SUGGESTED and n != "base_asset"]
    texts: dict[str, Any] = {
        name: _text(form.get_initial_for_field(form.fields[name], name)) for name in names
    }
    texts[TIERS] = [
        (
            units_text(tier.floor_units),
            str(tier.max_leverage),
            decimals.text(percent_of_ppm(tier.maintenance_ppm)),
        )
        for tier in made.tiers
    ]
    return texts


def _text(value: Any) -> str:
    if isinstance(value, timedelta):
        return duration_string(value)
    return decimals.text(value) if isinstance(value, Decimal) else str(value)


def _fill(
    data: QueryDict, texts: Mapping[str, Any], touched: set[str], *, only_empty: bool
) -> None:
    for name, text in texts.items():
        if name == TIERS:
            continue
        if not data.get(name) or (not only_empty and name not in touched):
            data[name] = text
    rows = texts.get(TIERS)
    typed = any(
        data.get(f"{TIERS}-{at}-{name}") for at in range(TIER_ROWS) for name in _TIER_FIELDS
    )
    if rows is None or (typed if only_empty else TIERS in touched):
        return
    data[f"{TIERS}-TOTAL_FORMS"] = str(max(TIER_ROWS, len(rows)))
    data[f"{TIERS}-INITIAL_FORMS"] = "0"
    for at in range(max(TIER_ROWS, len(rows))):
        row = rows[at] if at < len(rows) else ("", "", "")
        for name, text in zip(_TIER_FIELDS, row, strict=True):
            data[f"{TIERS}-{at}-{name}"] = text


def tiers_typed(draft: Draft) -> list[LeverageTier]:
    """Of a form set that is in order."""
    found: list[LeverageTier] = draft.tiers.tiers
    return found
