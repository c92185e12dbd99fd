"""What the pages of operators ask."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group

from accounts.models import User
from accounts.models.access import USERNAME_LENGTH_MAX
from accounts.models.people import MAIL_LENGTH_MAX
from accounts.passwords import LENGTH_MAX
from accounts.staff.invitations import Wanted
from common.admin.widgets import DressedForm
from common.reasons import REASON_MAX


class InviteForm(DressedForm):
    username = forms.CharField(label="Username", max_length=USERNAME_LENGTH_MAX)
    mail = forms.CharField(label="Mail", max_length=MAIL_LENGTH_MAX)
    groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"),
        label="Groups",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    is_superuser = forms.BooleanField(
        label="Superuser",
        required=False,
        help_text="May everything, and decides what others may.",
    )
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)

    def wanted(self) -> Wanted:
        said = self.cleaned_data
        return Wanted(
            username=said["username"],
            mail=said["mail"],
            groups=sorted(group.pk for group in said["groups"]),
            is_superuser=said["is_superuser"],
            reason=said["reason"],
        )


class RetireForm(DressedForm):
    successor = forms.ModelChoiceField(
        User.objects.none(),
        label="Proposals go to",
        required=False,
        empty_label="nobody: withdraw them",
    )
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)

    def __init__(self, data: Any, leaving: User) -> None:
        super().__init__(data, prefix="retire")
        others = User.objects.filter(is_staff=True, is_active=True).exclude(pk=leaving.pk)
        self.fields["successor"].queryset = others.order_by("username")  # type: ignore[attr-defined]


class PasswordForm(DressedForm):
    password = forms.CharField(
        label="Password",
        max_length=LENGTH_MAX,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="Once more",
        max_length=LENGTH_MAX,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if "password" in said and "again" in said and said["password"] != said["again"]:
            self.add_error("again", "The two are not the same.")
        return said


def add_error(form: forms.Form, error: Any) -> None:
    """A DomainError beside what it is about."""
    form.add_error(error.field if error.field in form.fields else None, error.message)
