"""Groups of operators."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import ManyToManyField
from django.http import HttpRequest

from accounts.staff.groups import propose_group, takes_two, waiting_group
from accounts.staff.operators import operator_of
from common.admin.base import BaseAdmin
from common.admin.reasons import ReasonedForm
from common.admin.widgets import ManyOfMany

if TYPE_CHECKING:  # generic to the type checker alone
    AnyManyToMany = ManyToManyField[Any, Any]
    _GroupForm = forms.ModelForm[Group]
else:
    AnyManyToMany = ManyToManyField
    _GroupForm = forms.ModelForm

admin.site.unregister(Group)


class QuickChoices(BaseAdmin):
    def formfield_for_manytomany(
        self, db_field: AnyManyToMany, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        kwargs["widget"] = ManyOfMany(db_field.verbose_name, is_stacked=False)
        # The stubs of Django's two admin classes contradict each other about the request.
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[arg-type]


class GroupForm(ReasonedForm, _GroupForm):
    """``after``: ids of the permissions the group is to have, where another has to approve it."""

    after: list[int] | None = None

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk is None or "permissions" not in said:
            return said
        after = sorted(one.pk for one in said["permissions"])
        if takes_two(self.instance, after):
            self.require_second(waiting_group(self.instance))
            if set(self.changed_data) - {"permissions"}:
                self.add_error(None, "Change what a group may in a save of its own.")
            self.after = after
        return said


@admin.register(Group)
class GroupAdmin(QuickChoices, DjangoGroupAdmin):
    """Whoever could change a group could give themselves everything: superusers only, and two."""

    form = GroupForm
    ordering = ("name",)
    list_display = ("name",)
    search_fields = ("name",)
    search_texts = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return operator_of(request).is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return operator_of(request).is_superuser

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """A new one has no members: nobody is asked why."""
        asks_why = obj is not None and self.has_change_permission(request, obj)
        return ("name", "permissions", "reason") if asks_why else ("name", "permissions")

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        """What it may is left as it is, where another superuser has to approve it."""
        after = getattr(form, "after", None)
        if change and after is not None:
            request.proposal = propose_group(  # type: ignore[attr-defined]
                obj, after, form.cleaned_data["reason"], operator_of(request)
            )
            form.cleaned_data["permissions"] = obj.permissions.all()
        super().save_model(request, obj, form, change)
