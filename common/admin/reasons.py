"""Why an operator does something, asked beside it."""

from typing import Any

from django import forms

from common.reasons import REASON_MAX


class ReasonForm(forms.Form):
    """For an action of a list that asks for nothing else."""

    reason = forms.CharField(label="Reason", max_length=REASON_MAX)

    def __init__(self, data: Any, _row: Any) -> None:
        super().__init__(data)


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

    def require_second(self, waiting: Any) -> None:
        """Of a change that another operator approves: a reason, and no other proposal about the
        same that waits."""
        said: dict[str, Any] = self.cleaned_data
        if not said.get("reason", "").strip() and "reason" not in self.errors:
            self.add_error("reason", "Another operator approves this change: say why.")
        if waiting is not None:
            self.add_error(None, waiting.in_the_way_words)
