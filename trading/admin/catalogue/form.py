"""A market's rules as an operator thinks of them: sizes in the base asset, rates in per cent."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator

from common.admin.reasons import ReasonedForm
from common.errors import DomainError
from markets import conversions
from markets.config import market_config
from markets.display import plain_percent
from markets.models import LeverageTier, Market
from matching.messages.limits import PPM
from trading.commands.markets import rules_changed

if TYPE_CHECKING:  # generic to the type checker alone
    _ModelForm = forms.ModelForm[Market]
else:
    _ModelForm = forms.ModelForm

PERCENT_DECIMALS = 4  # one part per million
_MILLISECOND = timedelta(milliseconds=1)
_BEYOND_MICROSECONDS = re.compile(r"[.,][0-9]{6}[0-9]*[1-9]")


@dataclass(frozen=True)
class Converted:
    """A column in the engine's units that the form shows in others.

    inward   (what was typed, the market) → the column; raises DomainError
    outward  (the column, the market) → what the field shows, as what it makes of what is typed:
             "0.0500" is no change of 0.05
    unit     (the market) → what the values are in
    """

    column: str
    inward: Callable[[Any, Market], int]
    outward: Callable[[int, Market], Decimal | timedelta]
    unit: Callable[[Market], str] = lambda _: ""


def _lots(field: str, column: str) -> Converted:
    return Converted(
        column,
        lambda value, market: conversions.to_lots(value, market.lot_size, field),
        lambda lots, market: Decimal(conversions.lots_text(lots, market.lot_size)),
        lambda market: market.base_asset,
    )


def _rate(column: str) -> Converted:
    return Converted(
        column,
        lambda value, _: int(value * PPM / 100),
        lambda ppm, _: plain_percent(ppm),
    )


def _money(field: str, column: str) -> Converted:
    return Converted(
        column,
        lambda value, _: conversions.to_units(value, field) if value else 0,
        lambda units, _: Decimal(conversions.units_text(units)),
        lambda market: market.quote_asset,
    )


def _duration(column: str) -> Converted:
    return Converted(
        column,
        lambda value, _: value // _MILLISECOND,
        lambda ms, _: timedelta(milliseconds=ms),
    )


CONVERTED = {
    "min_size": _lots("Minimum size", "min_size_lots"),
    "max_size": _lots("Maximum size", "max_size_lots"),
    "max_open_interest": _lots("Maximum open interest", "max_open_interest_lots"),
    "min_notional": _money("Minimum order value", "min_notional_units"),
    "price_band_percent": _rate("price_band_ppm"),
    "max_slippage_percent": _rate("max_slippage_ppm"),
    "maker_fee_percent": _rate("maker_fee_ppm"),
    "taker_fee_percent": _rate("taker_fee_ppm"),
    "liquidation_fee_percent": _rate("liquidation_fee_ppm"),
    "mark_clamp_percent": _rate("mark_clamp_ppm"),
    "circuit_breaker_percent": _rate("circuit_breaker_ppm"),
    "index_stale_after": _duration("index_stale_ms"),
    "funding_interval": _duration("funding_interval_ms"),
    "funding_interest_percent": _rate("funding_interest_ppm"),
    "funding_cap_percent": _rate("funding_cap_ppm"),
    "impact_notional": _money("Impact order value", "impact_notional_units"),
}
# The tiers are judged by their own forms, together with the market.
_ANY_TIER = LeverageTier(floor_units=0, max_leverage=1, maintenance_ppm=1)
_FIELD_OF_COLUMN = {converted.column: name for name, converted in CONVERTED.items()}


class _Duration(forms.DurationField):
    def to_python(self, value: Any) -> timedelta | None:
        duration = super().to_python(value)
        # Of what is finer than a microsecond Django's field has dropped the digits.
        if duration and (duration % _MILLISECOND or _BEYOND_MICROSECONDS.search(str(value))):
            raise ValidationError("Must be a multiple of 0.001 seconds.")
        return duration


def _percent(
    label: str, smallest: str, largest: str, help_text: str = "", *, required: bool = True
) -> forms.DecimalField:
    return forms.DecimalField(
        required=required,
        label=label,
        help_text=help_text,
        min_value=Decimal(smallest),
        max_value=Decimal(largest),
        max_digits=9,
        decimal_places=PERCENT_DECIMALS,
    )


def _time(label: str, smallest: timedelta, largest: timedelta, help_text: str) -> forms.Field:
    return _Duration(
        label=label,
        help_text=help_text,
        validators=[MinValueValidator(smallest), MaxValueValidator(largest)],
    )


def _amount(label: str, help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label, help_text=help_text, min_value=Decimal(0), max_digits=30, decimal_places=10
    )


class MarketForm(ReasonedForm, _ModelForm):
    min_size = _amount("Minimum size", "Of an order, in the base asset: a multiple of the lot.")
    max_size = _amount("Maximum size", "Of an order, in the base asset.")
    max_open_interest = _amount(
        "Maximum open interest", "Sum of all long positions, in the base asset."
    )
    min_notional = _amount("Minimum order value", "Price × size, in the settlement currency.")
    price_band_percent = _percent(
        "Price band, %", "0.0001", "99.9999", "No fill further than this from the mark price."
    )
    max_slippage_percent = _percent(
        "Slippage of market orders, %",
        "0.0001",
        "99.9999",
        "How far from the mark price a market order that names no other limit may fill; at most "
        "the price band. Left empty it stays, 1 % for a new market.",
        required=False,
    )
    maker_fee_percent = _percent(
        "Maker fee, %", "-100", "100", "Of the value of a resting fill; below zero a rebate."
    )
    taker_fee_percent = _percent(
        "Taker fee, %",
        "0",
        "100",
        "Of the value of an arriving fill; at least the maker's, and at least a rebate. "
        "Traders with a fee tier pay its fees instead of both.",
    )
    liquidation_fee_percent = _percent(
        "Liquidation fee, %", "0", "10", "Of the value closed by force, to the insurance fund."
    )
    mark_clamp_percent = _percent(
        "Mark price within, %", "0.0001", "99.9999", "Of the index price, either way."
    )
    circuit_breaker_percent = _percent(
        "Circuit breaker, %",
        "0",
        "100",
        "A mark price that jumps further than this halts the market; 0: never.",
    )
    index_stale_after = _time(
        "Index stale after",
        timedelta(seconds=1),
        timedelta(hours=1),
        "Hours:minutes:seconds without an index price; nothing is liquidated on a stale one.",
    )
    funding_interval = _time(
        "Funding every", timedelta(minutes=1), timedelta(days=1), "Hours:minutes:seconds."
    )
    funding_interest_percent = _percent(
        "Interest per 8 hours, %", "0", "100", "What funding tends to."
    )
    funding_cap_percent = _percent(
        "Largest funding rate, %", "0", "100", "Of one interval, either way."
    )
    impact_notional = _amount(
        "Impact order value",
        "Value of the orders whose average price measures the premium, in the settlement currency.",
    )

    version = forms.IntegerField(
        required=False, widget=forms.HiddenInput, help_text="The rules this page began with."
    )

    class Meta:
        model = Market
        fields = ("id", "base_asset", "tick_size", "lot_size", "max_open_orders", "price_quorum")
        help_texts = {
            "id": "Its name everywhere, for good: BTC-PERP.",
            "tick_size": "Smallest step of a price. Can't be changed later.",
            "lot_size": "Smallest step of a size. Can't be changed later.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["version"] = self.instance.config_version
        for name, converted in CONVERTED.items():
            column = getattr(self.instance, converted.column)
            known = name in self.fields and column is not None
            if known and (self.instance.lot_size or not converted.column.endswith("_lots")):
                self.initial.setdefault(name, converted.outward(column, self.instance))

    @property
    def changed_data(self) -> list[str]:
        return [name for name in super().changed_data if name != "version"]

    def unit_of(self, name: str) -> str:
        return CONVERTED[name].unit(self.instance) if name in CONVERTED else ""

    def _post_clean(self) -> None:
        """Model rules are checked on the converted columns, and complain about form fields."""
        super()._post_clean()  # type: ignore[misc]  # Django's own, unknown to the stubs
        self._refuse_what_is_outdated()
        for name, converted in CONVERTED.items():
            value = self.cleaned_data.get(name)
            by_lot = converted.column.endswith("_lots")
            if value is None or (by_lot and not self.instance.lot_size):
                continue
            try:
                setattr(self.instance, converted.column, converted.inward(value, self.instance))
            except DomainError as error:
                self.add_error(name, error.message)
        if not self.errors:
            self._check_together()

    def _refuse_what_is_outdated(self) -> None:
        """What others changed since the page was opened isn't written over."""
        began_with = self.cleaned_data.get("version")
        if self.instance.pk and began_with not in (None, self.instance.config_version):
            self.add_error(None, rules_changed(self.instance).message)

    def _check_together(self) -> None:
        market = self.instance
        if market.min_size_lots > market.max_size_lots:
            self.add_error("max_size", "The maximum size must be at least the minimum size.")
        if market.max_slippage_ppm > market.price_band_ppm:
            self.add_error("max_slippage_percent", "The slippage must be at most the price band.")
        if market.maker_fee_ppm > market.taker_fee_ppm:
            self.add_error("taker_fee_percent", "The taker fee must be at least the maker fee.")
        if -market.maker_fee_ppm > market.taker_fee_ppm:
            self.add_error("maker_fee_percent", "A rebate must be at most the taker fee.")
        if self.errors:
            return
        try:
            market.full_clean()
            market_config(market, [_ANY_TIER])
        except ValidationError as error:
            self._add_model_errors(error)

    def _add_model_errors(self, error: ValidationError) -> None:
        for column, problems in error.message_dict.items():
            name = _FIELD_OF_COLUMN.get(column, column)
            self.add_error(name if name in self.fields else None, problems)
