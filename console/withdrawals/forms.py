"""What operators enter about money at custody."""

from typing import Any

from django import forms

from accounts.access.usernames import find_user
from accounts.models import User
from accounts.models.access import USERNAME_LENGTH_MAX
from accounts.verification.levels import LEVELS
from common.admin.widgets import DressedForm
from common.errors import DomainError
from common.reasons import REASON_MAX
from custody.interface import ID_MAX, MANUAL
from custody.models.floats import REFERENCE_MAX
from custody.networks import networks
from ledger.withdrawals.handing import SendOutcome
from markets.conversions import to_units


def _reason() -> forms.CharField:
    return forms.CharField(label="Reason", max_length=REASON_MAX)


class ReasonOnly(DressedForm):
    reason = _reason()


class OutcomeForm(DressedForm):
    """Of a withdrawal that is sent by hand."""

    outcome = forms.ChoiceField(
        label="What became of it",
        choices=[
            (SendOutcome.SENT.value, "Sent: it is on its way"),
            (SendOutcome.CONFIRMED.value, "Arrived"),
            (SendOutcome.FAILED.value, "Failed: it will never arrive, the money goes back"),
        ],
    )
    reference = forms.CharField(
        label="Reference of the transfer", max_length=ID_MAX, required=False
    )
    reason = _reason()


class _MoneyForm(DressedForm):
    amount = forms.DecimalField(label="Amount, USD", max_digits=40, decimal_places=20)
    reference = forms.CharField(label="Reference", max_length=REFERENCE_MAX)
    reason = _reason()

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if "amount" in said:
            amount = said["amount"]
            try:
                units = to_units(abs(amount), "The amount")
            except DomainError as error:
                self.add_error("amount", error.message)
            else:
                said["amount_units"] = units if amount > 0 else -units
        return said


class FloatForm(_MoneyForm):
    """Below zero: taken out."""

    network = forms.ChoiceField(label="Network")
    field_order = ("network", "amount", "reference", "reason")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["network"].choices = [(one, one) for one in networks()]  # type: ignore[attr-defined]


class CreditForm(_MoneyForm):
    """On the network that operators serve by hand."""

    trader = forms.CharField(label="Trader", max_length=USERNAME_LENGTH_MAX)
    field_order = ("trader", "amount", "reference", "reason")

    @property
    def is_offered(self) -> bool:
        return MANUAL in networks()

    def clean_trader(self) -> User:
        user = find_user(self.cleaned_data["trader"])
        if user is None:
            raise forms.ValidationError("There is no such trader.")
        return user

    def clean(self) -> dict[str, Any]:
        said = super().clean()
        if said.get("amount_units", 1) < 0:
            self.add_error("amount", "The amount must be above zero.")
        return said


class LimitsForm(DressedForm):
    level = forms.TypedChoiceField(
        label="Level", coerce=int, choices=[(level, str(level)) for level in LEVELS]
    )
    day = forms.DecimalField(label="Within 24 hours, USD", max_digits=40, decimal_places=6)
    automatic = forms.DecimalField(label="By itself up to, USD", max_digits=40, decimal_places=6)
    one = forms.DecimalField(label="By one operator up to, USD", max_digits=40, decimal_places=6)
    reason = _reason()
