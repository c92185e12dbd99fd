"""Lists, records and actions: what the registered admins let somebody do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

# Of each model, by the end of the url's name. Its history is a page of the console.
KINDS = ("changelist", "add", "change", "delete")
PASSWORD = "auth_user_password_change"  # noqa: S105  a url of users alone


@dataclass(frozen=True)
class Records:
    """A model's list and records."""

    model: type[Model]

    @property
    def name(self) -> str:
        return str(self.model._meta.verbose_name_plural)

    def lets(self, kind: str, method: str, request: HttpRequest) -> bool:
        """Through a url of `KINDS` by GET or POST; a list takes no more by POST than by GET."""
        if not admin.site.has_permission(request):
            return False
        registered = self._admin
        match kind, method:
            case "changelist", _:
                return bool(registered.has_view_permission(request))
            case "add", _:
                return bool(registered.has_add_permission(request))
            case "change", "GET":
                return bool(registered.has_view_or_change_permission(request))
            case "change", _:
                return bool(registered.has_change_permission(request))
            case _:
                return bool(registered.has_delete_permission(request))

    def words(self, request: HttpRequest) -> str:
        """What somebody may, as the table says it."""
        asked = {
            "see": ("changelist", "GET"),
            "add": ("add", "POST"),
            "edit": ("change", "POST"),
            "delete": ("delete", "POST"),
        }
        return ", ".join(word for word, door in asked.items() if self.lets(*door, request))

    def actions(self, request: HttpRequest) -> set[str]:
        """Names of those of the list that are offered, and taken."""
        if not self.lets("changelist", "GET", request):
            return set()
        return {name for name in self._admin.get_actions(request) if name in self.action_names()}

    def action_names(self) -> list[str]:
        return [name for name in self._admin.actions or () if isinstance(name, str)]

    def action_title(self, name: str) -> str:
        return str(getattr(self._admin, name).short_description)

    @property
    def _admin(self) -> Any:
        return admin.site._registry[self.model]


def all_records() -> Iterator[Records]:
    """By what they are called."""
    return iter(sorted(map(Records, admin.site._registry), key=lambda records: records.name))
