"""Why an operator changes something, asked beside the change."""

from typing import Any

from django import forms

REASON_MAX = 500


class ReasonedForm(forms.Form):
    """A form of a record that also asks why. The reason is no change of the record."""

    reason = forms.CharField(
        required=False,
        max_length=REASON_MAX,
        help_text="Needed where another operator has to approve the change before it is made.",
    )

    @property
    def changed_data(self) -> list[str]:
        return [name for name in super().changed_data if name != "reason"]

    def require_reason(self) -> None:
        """Of a change that takes two people."""
        said: dict[str, Any] = self.cleaned_data
        if not said.get("reason", "").strip() and "reason" not in self.errors:
            self.add_error("reason", "Another operator approves this change: say why.")
