"""What an operator must say before money or a market goes for good."""

from decimal import Decimal
from typing import Any

from django import forms

from common import decimals
from common.errors import DomainError
from common.reasons import REASON_MAX
from markets import conversions
from markets.display import money, price
from markets.models import Market


class SettleForm(forms.Form):
    """The price, and the market's name typed out."""

    price = forms.DecimalField(label="Settlement price", max_digits=40, decimal_places=20)
    confirmation = forms.CharField(label="Name of the market", strip=True)
    reason = forms.CharField(label="Reason", max_length=REASON_MAX, help_text="For the record.")

    def __init__(self, data: Any, market: Market) -> None:
        super().__init__(data)
        self.market = market
        mark = price(market.status.mark_price_ticks, market)
        asset, tick = market.quote_asset, decimals.text(market.tick_size)
        self.fields[
            "price"
        ].help_text = f"In {asset}, in steps of {tick}. The mark price is {mark}."
        self.fields["confirmation"].help_text = f"Type {market.pk} to say that you mean it."

    def clean_price(self) -> Decimal:
        value: Decimal = self.cleaned_data["price"]
        try:
            conversions.to_ticks(value, self.market.tick_size, "The price")
        except DomainError as error:
            raise forms.ValidationError(error.message) from error
        return value

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"]
        if typed != self.market.pk:
            raise forms.ValidationError(f"Type {self.market.pk}, the name of the market.")
        return typed


class TopUpForm(forms.Form):
    amount = forms.DecimalField(label="Amount", max_digits=40, decimal_places=20)
    reason = forms.CharField(
        label="Reason",
        max_length=REASON_MAX,
        help_text="For whoever decides: what the money is for, and where it comes from.",
    )

    def __init__(self, data: Any, market: Market) -> None:
        super().__init__(data)
        held = money(market.status.insurance_units)
        self.fields["amount"].help_text = f"In {market.quote_asset}. The fund has {held}."

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if "amount" in said:
            try:
                said["amount_units"] = conversions.to_units(said["amount"], "The amount")
            except DomainError as error:
                self.add_error("amount", error.message)
        return said
