"""What is asked of a new market: its form, its tiers, its price sources."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms import formset_factory, inlineformset_factory

from common.admin.widgets import dress
from console.launch.defaults import DAILY_MOVE_MAX_PPM, DAILY_MOVE_MIN_PPM, Liquidity
from markets.display import plain_percent
from markets.models import LeverageTier, Market
from matching.messages.limits import PPM
from prices.models import PriceSource, PriceSourceKind
from prices.services import check_where_it_leads
from trading.admin.catalogue.form import MarketForm
from trading.admin.catalogue.tiers import TierForm, TierFormSet

TIER_ROWS, SOURCE_ROWS = 6, 4
ROWS_MAX = 32
_CLASSES = {
    Liquidity.MAJOR: "major: moves some 4 % a day, deep books",
    Liquidity.LIQUID: "liquid: moves some 7 % a day",
    Liquidity.THIN: "thin: moves some 15 % a day, easily pushed",
}
_KINDS = (
    ("", "–"),
    (PriceSourceKind.CCXT.value, "a venue"),
    (PriceSourceKind.SYNTHETIC.value, "made up, for a demo"),
)


class BasicsForm(forms.Form):
    """What rules are suggested from. ``touched``: names of the fields that were typed over, which a
    suggestion leaves alone; "tiers" for all of them."""

    reference_price = forms.DecimalField(
        label="Price now",
        help_text="What one unit of the base asset costs. Typed, or asked of the price sources.",
        min_value=Decimal("1e-10"),
        max_digits=20,
        decimal_places=10,
    )
    liquidity = forms.ChoiceField(
        label="Kind of asset", choices=[(one.value, words) for one, words in _CLASSES.items()]
    )
    daily_move_percent = forms.DecimalField(
        required=False,
        label="Moves in a day, %",
        help_text="On a usual day; empty: as is usual of its kind.",
        min_value=plain_percent(DAILY_MOVE_MIN_PPM),
        max_value=plain_percent(DAILY_MOVE_MAX_PPM),
        max_digits=9,
        decimal_places=4,
    )
    copy_from = forms.ModelChoiceField(
        Market.objects.all(),
        required=False,
        label="Copy from",
        empty_label="nothing: rules by price and kind",
        help_text="Rates, times and tiers as there; tick, lot and sizes by the price.",
    )
    touched = forms.CharField(required=False, max_length=2_000, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self.fields.values())

    @property
    def daily_move_ppm(self) -> int:
        return int((self.cleaned_data.get("daily_move_percent") or 0) * PPM / 100)


class NewMarketForm(MarketForm):
    """The market's own form, of one that isn't there yet."""

    version = None  # type: ignore[assignment]  # Django leaves the field out
    reason = None  # type: ignore[assignment]

    def __init__(self, data: Any, sources: int) -> None:
        super().__init__(data, instance=Market())
        self.instance.sources_to_come = sources
        dress(self.fields.values())


class SourceForm(forms.Form):
    kind = forms.ChoiceField(label="Kind", choices=_KINDS, required=False)
    venue = forms.CharField(label="Venue", max_length=32, required=False)
    symbol = forms.CharField(label="Symbol", max_length=64, required=False)
    weight = forms.IntegerField(label="Weight", min_value=1, max_value=1_000, required=False)
    api_url = forms.CharField(label="API address", max_length=200, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self.fields.values())
        for field in self.fields.values():  # what heads a column labels no control
            field.widget.attrs["aria-label"] = field.label

    @property
    def is_empty(self) -> bool:
        said = getattr(self, "cleaned_data", {})
        return not any(said.get(name) for name in ("kind", "venue", "symbol", "api_url"))

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if not self.is_empty and not self.errors:
            try:
                source = self.source()
                source.full_clean(exclude=["market", "home_price"])
                check_where_it_leads(source)
            except ValidationError as error:
                self._add(error)
        return said

    def _add(self, error: ValidationError) -> None:
        problems = getattr(error, "message_dict", {NON_FIELD_ERRORS: error.messages})
        for name, messages in problems.items():
            self.add_error(name if name in self.fields else None, messages)

    def source(self) -> PriceSource:
        """The row, of no market and not saved."""
        said = self.cleaned_data
        return PriceSource(
            kind=said["kind"] or PriceSourceKind.CCXT,
            venue=said["venue"],
            symbol=said["symbol"],
            weight=said["weight"] or 1,
            api_url=said["api_url"],
        )


class _Sources(forms.BaseFormSet):  # type: ignore[type-arg]  # generic to the type checker alone
    """``sources``: of those that are in order and not empty."""

    @property
    def sources(self) -> list[PriceSource]:
        return [
            form.source()
            for form in self.forms
            if form.is_bound and form.is_valid() and not form.is_empty
        ]

    def clean(self) -> None:
        sources = self.sources
        if len({source.kind for source in sources}) > 1:
            raise ValidationError(
                "A made-up price can't stand beside a venue's: it could outvote it."
            )
        if len({(one.kind, one.venue, one.symbol) for one in sources}) < len(sources):
            raise ValidationError("The same source stands there twice.")


SourceFormSet = formset_factory(
    SourceForm,
    formset=_Sources,
    extra=SOURCE_ROWS,
    max_num=SOURCE_ROWS,
    absolute_max=SOURCE_ROWS,
    validate_max=True,
)
NewTierFormSet = inlineformset_factory(
    Market,
    LeverageTier,
    form=TierForm,
    formset=TierFormSet,
    fields=("floor", "max_leverage", "maintenance_percent"),
    extra=TIER_ROWS,
    max_num=ROWS_MAX,
    absolute_max=ROWS_MAX,
    can_delete=False,
)
