"""The leverage tiers of a market, edited with it and judged as a whole."""

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from common.admin.base import RecordAdmin, shown
from common.admin.widgets import dress
from common.errors import DomainError
from markets import conversions
from markets.columns import market_column, money_column, rate_column
from markets.display import money, percent, plain_percent
from markets.models import LeverageTier, Market
from matching.messages.limits import MAX_LEVERAGE, PPM
from trading import services

if TYPE_CHECKING:  # generic to the type checker alone
    _ModelForm = forms.ModelForm[LeverageTier]
    _FormSet = forms.BaseInlineFormSet[LeverageTier, Market, forms.ModelForm[LeverageTier]]
    _Inline = admin.TabularInline[LeverageTier, Market]
else:
    _ModelForm = forms.ModelForm
    _FormSet = forms.BaseInlineFormSet
    from unfold.admin import TabularInline as _Inline

TIERS_MAX = 32


class TierForm(_ModelForm):
    floor = forms.DecimalField(
        label="From a position value of",
        help_text="In the settlement currency; the first tier begins at 0.",
        min_value=Decimal(0),
        max_digits=30,
        decimal_places=10,
    )
    max_leverage = forms.IntegerField(
        label="Largest leverage",
        help_text="Falls from tier to tier.",
        min_value=1,
        max_value=MAX_LEVERAGE,
    )
    maintenance_percent = forms.DecimalField(
        label="Maintenance margin, %",
        help_text="Of the value above the tier's beginning. Rises from tier to tier; below "
        "100 % / largest leverage.",
        min_value=Decimal("0.0001"),
        max_value=Decimal("99.9999"),
        max_digits=9,
        decimal_places=4,
    )

    class Meta:
        model = LeverageTier
        fields = ("floor", "max_leverage", "maintenance_percent")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self.fields.values())
        for field in self.fields.values():  # what heads a column labels no control
            field.widget.attrs["aria-label"] = field.label
        if self.instance.pk:
            self.initial["floor"] = Decimal(conversions.units_text(self.instance.floor_units))
            self.initial["maintenance_percent"] = plain_percent(self.instance.maintenance_ppm)

    def unit_of(self, name: str) -> str:
        return {"floor": "USD", "max_leverage": "×"}.get(name, "")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own, unknown to the stubs
        if self.errors:
            return
        floor, tier = self.cleaned_data["floor"], self.instance
        tier.maintenance_ppm = int(self.cleaned_data["maintenance_percent"] * PPM / 100)
        try:
            tier.floor_units = conversions.to_units(floor, "The beginning") if floor else 0
        except DomainError as error:
            self.add_error("floor", error.message)
        if tier.maintenance_ppm * tier.max_leverage >= PPM:
            initial = percent(PPM // tier.max_leverage)
            self.add_error(
                "maintenance_percent",
                "Maintenance margin must be below the initial margin, "
                f"{initial} at {tier.max_leverage}× leverage.",
            )


class TierFormSet(_FormSet):
    """``tiers``: what the market is to have, by floor; of a valid form set."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        complaints = _complaints(self.tiers, self.instance) or self._complaint_of_two()
        if complaints:
            raise ValidationError(complaints)

    def _complaint_of_two(self) -> list[str]:
        if not self.instance.pk or not services.takes_two(self.instance, self.tiers):
            return []
        if not self.data.get("reason", "").strip():
            return ["Another operator approves more leverage or less margin: say why, at the end."]
        if waiting := services.waiting_rules(self.instance):
            return [waiting.in_the_way_words]
        return []

    @property
    def tiers(self) -> list[LeverageTier]:
        deleted = self.deleted_forms
        kept = [
            form.instance
            for form in self.forms
            if form not in deleted and (form.instance.pk or form.has_changed())
        ]
        return sorted(kept, key=lambda tier: tier.floor_units)


def _complaints(tiers: list[LeverageTier], market: Market) -> list[str]:
    """What is wrong with the tiers as a whole, in words; they are in order of their floors."""
    if not tiers:
        return ["A market needs at least one leverage tier, beginning at 0."]
    found = []
    if tiers[0].floor_units:
        found.append("The first leverage tier must begin at a position value of 0.")
    for lower, higher in pairwise(tiers):
        at = money(higher.floor_units)
        if higher.floor_units == lower.floor_units:
            found.append(f"Two leverage tiers begin at {at}.")
            continue
        if higher.max_leverage > lower.max_leverage:
            found.append(f"Leverage must fall: the tier from {at} allows more than the one below.")
        if higher.maintenance_ppm <= lower.maintenance_ppm:
            found.append(
                f"Maintenance margin must rise: the tier from {at} needs more than "
                f"{percent(lower.maintenance_ppm)}, which the one below asks."
            )
    if tiers[-1].maintenance_ppm + market.liquidation_fee_ppm >= PPM:
        found.append("Maintenance margin and liquidation fee together must be below 100 %.")
    return found


class TierInline(_Inline):
    model = LeverageTier
    form = TierForm
    formset = TierFormSet
    fields = ("floor", "max_leverage", "maintenance_percent")
    ordering = ("floor_units",)
    max_num = TIERS_MAX
    verbose_name_plural = "leverage tiers"

    # Shown under the names of the form's fields to those who may not edit them.
    floor = money_column("floor_units", "from a position value of")
    maintenance_percent = rate_column("maintenance_ppm", "maintenance margin")

    def get_extra(
        self,
        request: HttpRequest,  # noqa: ARG002  Django passes it
        obj: Market | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> int:
        return 0 if obj else 1


@admin.register(LeverageTier)
class LeverageTierAdmin(RecordAdmin):
    ordering = ("market", "floor_units")
    list_display = ("market_name", "floor", "leverage", "initial", "maintenance")
    list_filter = ("market",)
    search_texts = ("market",)
    search_help_text = "Market, as in BTC-PERP."
    fieldsets = (
        (None, {"fields": ("market_link", "floor", "leverage", "initial", "maintenance")}),
    )

    market_name = shown("market", lambda tier: tier.market_id)
    market_link = market_column()
    floor = money_column("floor_units", "from a position value of")
    leverage = shown("largest leverage", lambda tier: f"{tier.max_leverage}×")
    initial = shown("initial margin", lambda tier: percent(-(-PPM // tier.max_leverage)))
    maintenance = rate_column("maintenance_ppm", "maintenance margin")
