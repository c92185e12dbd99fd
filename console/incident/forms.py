"""What a page is asked for in its address, and the stretch that this is."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from common.admin.widgets import dress
from console.incident.sources.lines import KINDS, LinePlace, TimelineKind, place_of
from console.incident.stretch import SEQ_MAX, Stretch, stretch_of_seqs, stretch_of_time
from markets.models import Market

MINUTES, MINUTES_MAX = 10, 60 * 24
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_A_SEQ = [MinValueValidator(1), MaxValueValidator(SEQ_MAX)]


class StretchForm(forms.Form):
    """Fields are called as in the address. ``may``: the kinds its reader may see."""

    market = forms.ChoiceField(label="Market")
    at = forms.DateTimeField(label="From, UTC", required=False, help_text="As in 2030-01-31T18:00.")
    minutes = forms.IntegerField(label="Minutes", required=False)
    to = forms.IntegerField(label="To sequence", required=False, validators=_A_SEQ)
    kind = forms.MultipleChoiceField(required=False)
    after = forms.CharField(required=False)

    def __init__(self, data: Any, markets: list[Market], may: frozenset[TimelineKind]) -> None:
        super().__init__(data, initial={"minutes": MINUTES})
        first = forms.IntegerField(label="From sequence", required=False, validators=_A_SEQ)
        self.fields["from"] = first
        self.order_fields(["market", "at", "minutes", "from", "to", "kind", "after"])
        self.may = may
        self.markets = {market.pk: market for market in markets}
        self.fields["market"].choices = [(pk, pk) for pk in self.markets]  # type: ignore[attr-defined]
        shown = [(kind.value, KINDS[kind].title) for kind in TimelineKind if kind in may]
        self.fields["kind"].choices = shown  # type: ignore[attr-defined]
        dress(self.fields.values())

    def clean_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["at"]
        if at is not None and not _FIRST <= at < _LAST:
            raise forms.ValidationError("The exchange has no past that long ago, nor that far off.")
        return at

    def clean_minutes(self) -> int:
        minutes = self.cleaned_data["minutes"]
        if minutes is None:
            return MINUTES
        if not 1 <= minutes <= MINUTES_MAX:
            raise forms.ValidationError(f"1 to {MINUTES_MAX:,} minutes.")
        return int(minutes)

    def clean_after(self) -> LinePlace | None:
        text = self.cleaned_data["after"]
        try:
            return place_of(text) if text else None
        except ValueError as error:
            raise forms.ValidationError("The link to go on is damaged; ask anew.") from error

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        first, last = said.get("from"), said.get("to")
        if self.errors:
            return said
        if said["at"] is None and first is None:
            message = "Say a time, as in 2030-01-31T18:00, or the sequence to begin with."
            raise forms.ValidationError(message)
        if said["at"] is not None and (first is not None or last is not None):
            raise forms.ValidationError("Say a time or sequences, not both.")
        if first is not None and last is not None and last < first:
            raise forms.ValidationError("To sequence is before From sequence.")
        return said

    def stretch(self) -> Stretch:
        said = self.cleaned_data
        market = self.markets[said["market"]]
        if said["at"] is not None:
            return stretch_of_time(market, said["at"], timedelta(minutes=said["minutes"]))
        return stretch_of_seqs(market, said["from"], said["to"] or said["from"])

    def kinds(self) -> frozenset[TimelineKind]:
        """Those asked for; without a word all but the ones that would fill the list."""
        asked = frozenset(TimelineKind(name) for name in self.cleaned_data.get("kind") or ())
        return asked or frozenset(kind for kind in self.may if KINDS[kind].is_usual)
