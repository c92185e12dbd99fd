"""Form controls of the admin."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, FilteredSelectMultiple
from django.core.exceptions import ValidationError
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import CHECKBOX_CLASSES, INPUT_CLASSES, SELECT_CLASSES, TEXTAREA_CLASSES

_LOOKS: tuple[tuple[type[forms.Widget], list[str]], ...] = (
    (forms.CheckboxInput, CHECKBOX_CLASSES),
    (forms.Textarea, TEXTAREA_CLASSES),
    (forms.Select, SELECT_CLASSES),
    (forms.TextInput, INPUT_CLASSES),
    (forms.PasswordInput, INPUT_CLASSES),
    (forms.NumberInput, INPUT_CLASSES),
)


def dress(fields: Iterable[forms.Field]) -> None:
    """Gives controls that a form declares itself the look of those unfold makes from a model."""
    for field in fields:
        attrs = field.widget.attrs
        for kind, classes in _LOOKS:
            if isinstance(field.widget, kind) and "class" not in attrs:
                attrs["class"] = " ".join(classes)
                break


class DressedForm(forms.Form):
    """One whose controls look so."""

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        dress(self.fields.values())


class RowByName(AutocompleteSelect):
    """Django's own asks Postgres for whatever was posted, also where that is no key."""

    def optgroups(self, name: str, value: Sequence[str], attrs: Any = None) -> Any:
        return super().optgroups(name, [one for one in value if self._is_key(one)], attrs)

    def _is_key(self, text: str) -> bool:
        try:
            self.field.target_field.to_python(text)
        except ValidationError:
            return False
        return True


class ManyOfMany(FilteredSelectMultiple):
    """Django's two boxes without a template per option: there are hundreds of permissions."""

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: Any = None,  # noqa: ARG002  Django passes it
    ) -> SafeString:
        widget = self.get_context(name, value, attrs)["widget"]
        options = [option for _, of_group, _ in widget["optgroups"] for option in of_group]
        return format_html(
            '<select name="{}"{}>{}</select>',
            widget["name"],
            flatatt(widget["attrs"]),
            format_html_join(
                "\n",
                '<option value="{}"{}>{}</option>',
                ((each["value"], flatatt(each["attrs"]), each["label"]) for each in options),
            ),
        )
