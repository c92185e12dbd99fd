"""What is to be different, as an operator types it."""

import re
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from common.admin.widgets import DressedForm, dress
from common.errors import DomainError, invalid
from common.reasons import REASON_MAX
from console.hindsight.changes import Changes, OtherPrice, Range, range_of
from console.hindsight.models import HindsightRun
from markets.conversions import to_ticks
from markets.models import Market

_SEQ_MAX = 10**18
_A_SEQ = [MinValueValidator(1), MaxValueValidator(_SEQ_MAX)]
_TYPED_MAX = 10_000
_FEW_LINES = forms.Textarea(attrs={"rows": 3})


class HindsightForm(forms.Form):
    market = forms.ChoiceField(label="Market")
    from_seq = forms.IntegerField(label="From sequence", validators=_A_SEQ)
    to_seq = forms.IntegerField(label="To sequence", validators=_A_SEQ)
    left_out = forms.CharField(
        label="Leave out",
        required=False,
        max_length=_TYPED_MAX,
        widget=_FEW_LINES,
        help_text="Sequences of commands, as in 1205 or 1205-1260, each on a line.",
    )
    prices = forms.CharField(
        label="Index prices instead",
        required=False,
        max_length=_TYPED_MAX,
        widget=_FEW_LINES,
        help_text="As in 1205-1260 = 50000.5: every index price in these sequences.",
    )
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)

    def __init__(self, data: Any, asked: dict[str, str]) -> None:
        """``asked``: by the address, from a page that links here."""
        super().__init__(data, initial=asked)
        self.markets = Market.objects.in_bulk()
        choices = [(pk, pk) for pk in sorted(self.markets)]
        self.fields["market"].choices = choices  # type: ignore[attr-defined]
        dress(self.fields.values())

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        for name, parse in (("left_out", self._left_out), ("prices", self._prices)):
            try:
                said[name] = parse(said)
            except DomainError as error:
                self.add_error(name, error.message)
        return said

    def _left_out(self, said: dict[str, Any]) -> tuple[Range, ...]:
        return tuple(range_of(text, "left_out") for text in _lines(said.get("left_out", "")))

    def _prices(self, said: dict[str, Any]) -> tuple[OtherPrice, ...]:
        market = self.markets.get(said.get("market", ""))
        if market is None:
            return ()
        return tuple(_price(text, market) for text in _lines(said.get("prices", "")))

    def whole(self) -> Range:
        return Range(self.cleaned_data["from_seq"], self.cleaned_data["to_seq"])

    def changes(self) -> Changes:
        return Changes(self.cleaned_data["left_out"], self.cleaned_data["prices"])

    def asked_market(self) -> Market:
        return self.markets[self.cleaned_data["market"]]


class ProposalForm(DressedForm):
    also_taken = forms.BooleanField(
        label="Also take from those who gained",
        required=False,
        help_text="A wallet never goes below zero: who has spent it stops the proposal.",
    )
    reason = forms.CharField(
        label="Reason",
        max_length=REASON_MAX,
        help_text="For whoever decides, and for the traders' statements.",
    )


def initial_of(run: HindsightRun, changes: Changes, typed_prices: list[str]) -> dict[str, str]:
    """The same run, to be asked again."""
    return {
        "market": run.market_id,
        "from_seq": str(run.from_seq),
        "to_seq": str(run.to_seq),
        "left_out": "\n".join(_typed(one) for one in changes.left_out),
        "prices": "\n".join(
            f"{_typed(one.range)} = {typed}"
            for one, typed in zip(changes.prices, typed_prices, strict=True)
        ),
        "reason": run.reason,
    }


def _typed(one: Range) -> str:
    return f"{one.from_seq}-{one.to_seq}"


def _lines(text: str) -> list[str]:
    parts = (part.strip() for part in re.split(r"[\n,;]", text))
    return [part for part in parts if part]


def _price(text: str, market: Market) -> OtherPrice:
    where, equals, price = text.partition("=")
    if not equals:
        message = f"“{text[:40]}” has no price: write as in 1205-1260 = 50000.5."
        raise invalid("prices", message)
    price_ticks = to_ticks(price.strip(), market.tick_size, "price")
    return OtherPrice(range_of(where, "prices"), price_ticks)
