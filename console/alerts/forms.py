"""What operators write: rules in human units, recipients, a note, a snooze."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from common.admin.widgets import DressedForm, dress
from common.decimals import text
from common.reasons import REASON_MAX
from console.alerts.models import AlertRecipient, AlertRule, RecipientKind
from console.alerts.vocabulary import Measure, Severity
from console.alerts.webhooks import check_address
from markets.models import Market

if TYPE_CHECKING:  # generic to the type checker alone
    _RuleForm = forms.ModelForm[AlertRule]
    _RecipientForm = forms.ModelForm[AlertRecipient]
else:
    _RuleForm = _RecipientForm = forms.ModelForm

MARKS = ("threshold", "critical_from", "clears_at")
TITLES = [(one.value, one.about.title) for one in Measure]


class RuleForm(_RuleForm):
    """Marks are asked in the measure's unit, and kept in its smallest part."""

    threshold = forms.DecimalField(
        label="Alarms from", max_digits=24, help_text="An alert opens at it"
    )
    critical_from = forms.DecimalField(
        label="Critical from", max_digits=24, required=False, help_text="Empty: never."
    )
    clears_at = forms.DecimalField(
        label="Clears beyond",
        max_digits=24,
        required=False,
        help_text="On the good side of it. Empty: of where it alarms.",
    )

    class Meta:
        model = AlertRule
        fields = (
            "measure", "market", "severity", "holds_s", "clears_after_s", "enabled", "recipients",
        )  # fmt: skip
        labels = {"holds_s": "Must hold for", "clears_after_s": "Must be clear for"}
        help_texts = {"holds_s": "In s.", "clears_after_s": "In s.", "market": "Empty: all."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "measure" in self.fields:
            self.fields["measure"].choices = TITLES  # type: ignore[attr-defined]
        if self.instance.pk is None:
            return
        about = self.instance.about
        for name in MARKS:
            value = getattr(self.instance, name)
            if value is not None:
                self.initial[name] = Decimal(text(about.unit.plain(value)))
            if name in self.fields:
                unit = f"In {about.unit.sign}. " if about.unit.sign else ""
                self.fields[name].help_text = unit + str(self.fields[name].help_text)
        if "threshold" in self.fields:
            edge = "or below" if about.is_low_bad else "or above"
            self.fields["threshold"].help_text += f" {edge} it."

    def unit_of(self, name: str) -> str:
        """Of numbers, as the audit has them."""
        if name in MARKS:
            return self.instance.about.unit.sign
        return "s" if name.endswith("_s") else ""

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        for name in MARKS:
            try:
                self._kept(name)
            except ValueError as error:
                self.add_error(name, str(error))
        return said

    def _post_clean(self) -> None:
        """The row is made of what is kept; who reads the form reads what was written."""
        written = {name: self.cleaned_data[name] for name in MARKS if name in self.cleaned_data}
        self.cleaned_data |= {name: self._kept(name) for name in written}
        super()._post_clean()  # type: ignore[misc]  # Django's own, unknown to the stubs
        self.cleaned_data |= {name: written[name] for name in written if name in self.cleaned_data}

    def _kept(self, name: str) -> int | None:
        """Raises ValueError."""
        plain = self.cleaned_data.get(name)
        measure = self.cleaned_data.get("measure") or self.instance.measure
        if plain is None or measure not in list(Measure):
            return None
        return Measure(measure).about.unit.value_of(plain)


class RecipientForm(_RecipientForm):
    class Meta:
        model = AlertRecipient
        fields = ("name", "kind", "address", "least_severity", "enabled")
        help_texts = {
            "address": "A mail address, or the https address of a webhook. It stays: for another "
            "one make another recipient.",
            "least_severity": "Of alerts whose rule names nobody.",
        }

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        kind, address = said.get("kind"), said.get("address")
        if not kind or not address:
            return said
        try:
            (validate_email if kind == RecipientKind.MAIL else check_address)(address)
        except ValidationError as error:
            self.add_error("address", error)
        return said

    def is_secret(self, name: str) -> bool:
        """Whoever knows where a webhook is can often write there."""
        return name == "address" and self.cleaned_data.get("kind") == RecipientKind.WEBHOOK


class NoteForm(DressedForm):
    note = forms.CharField(
        label="Note", max_length=REASON_MAX, required=False, help_text="May be empty."
    )


class SnoozeForm(DressedForm):
    hours = forms.TypedChoiceField(
        label="For",
        coerce=int,
        choices=[(1, "1 hour"), (4, "4 hours"), (12, "12 hours"), (24, "a day"),
                 (168, "a week"), (720, "30 days")],
    )  # fmt: skip
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)

    @property
    def length(self) -> timedelta:
        return timedelta(hours=self.cleaned_data["hours"])


class HistoryForm(forms.Form):
    """What of the history; what can't be meant is passed over."""

    severity = forms.ChoiceField(required=False)
    measure = forms.ChoiceField(required=False)
    market_id = forms.ChoiceField(label="Market", required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        severities = [(one.value, one.value) for one in Severity]
        markets = [(pk, pk) for pk in Market.objects.values_list("pk", flat=True)]
        for name, choices in (
            ("severity", severities),
            ("measure", TITLES),
            ("market_id", markets),
        ):
            self.fields[name].choices = _with_any(choices)  # type: ignore[attr-defined]
        dress(self.fields.values())


def _with_any(choices: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("", "any"), *choices]
