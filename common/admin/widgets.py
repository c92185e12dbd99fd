"""Form controls of the admin."""

from typing import Any

from django.contrib.admin.widgets import FilteredSelectMultiple
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


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
