"""What is asked for, as an operator types it."""

import re
from decimal import Decimal
from typing import Any

from django import forms

from common.admin.widgets import dress
from common.reasons import REASON_MAX
from console.stress.ladder import DEFAULT_MOVES_PPM
from console.stress.models import StressKind, StressRun
from console.stress.services import NewStressRun
from markets.display import plain_percent
from markets.models import Market
from matching.messages.limits import PPM
from matching.messages.vocabulary import MarketState

ALL = "all"
_KINDS = {
    StressKind.LADDER: "Ladder: each move from where the market stands",
    StressKind.PATH: "Path: each move from where the one before ended",
    StressKind.OUTAGE: "Outage: a ladder of all, while this market's price is away",
}
_MOVE = re.compile(r"[+-]?[0-9]{1,4}(\.[0-9]{1,4})?")


class StressForm(forms.Form):
    kind = forms.ChoiceField(
        label="What happens", choices=[(kind.value, words) for kind, words in _KINDS.items()]
    )
    market = forms.ChoiceField(label="Market")
    moves = forms.CharField(
        label="Moves in %",
        max_length=1_000,
        help_text="Of the index price, in order, as in -10 -20 +2.5.",
    )
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)

    def __init__(self, data: Any, like: StressRun | None = None) -> None:
        """``like``: a run whose terms are proposed again."""
        moves_ppm = like.moves_ppm if like else DEFAULT_MOVES_PPM
        initial = {
            "kind": like.kind if like else StressKind.LADDER,
            "market": (like.market_id if like else None) or ALL,
            "moves": " ".join(_typed(move_ppm) for move_ppm in moves_ppm),
        }
        super().__init__(data, initial=initial)
        ended = [state for state in MarketState if state.has_ended]
        self.markets = Market.objects.exclude(status__state__in=ended).in_bulk()
        choices = [(ALL, "All markets"), *((pk, pk) for pk in sorted(self.markets))]
        self.fields["market"].choices = choices  # type: ignore[attr-defined]
        dress(self.fields.values())

    def clean_moves(self) -> list[int]:
        typed = re.split(r"[\s,;]+", self.cleaned_data["moves"].replace("−", "-").replace("%", " "))
        return [self._move(text) for text in typed if text]

    def _move(self, text: str) -> int:
        if not _MOVE.fullmatch(text):
            message = f"“{text[:20]}” is no move: write per cent as in -10 -20 +2.5."
            raise forms.ValidationError(message)
        return int(Decimal(text) * PPM / 100)

    def asked(self) -> NewStressRun:
        said = self.cleaned_data
        return NewStressRun(
            kind=StressKind(said["kind"]),
            market=self.markets.get(said["market"]),
            moves_ppm=said["moves"],
            reason=said["reason"],
        )


def _typed(move_ppm: int) -> str:
    return f"{plain_percent(move_ppm):+f}"
