"""Users as the admin shows them."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from common.admin import NOTHING
from common.admin.base import Cell, Show, link, shown
from common.admin.quick_rows import escaped


def user_link(user: User | None) -> Cell:
    return link(User, user.pk, user.get_username()) if user else NOTHING


def user_column(name: str = "user", attribute: str = "user") -> Show:
    return shown(name, lambda row: user_link(getattr(row, attribute)))


_NUMBERED = re.compile(r"\b(user|account) ([1-9]\d{0,17})\b")


def with_names(texts: Sequence[Cell]) -> list[Cell]:
    """What says "user 5" or "account 5", as a message of an engine, with the names that operators
    know; looked up once for all of them."""
    ids = {int(number) for text in texts for _, number in _NUMBERED.findall(text)}
    users = User.objects.filter(pk__in=ids) if ids else User.objects.none()
    names = dict(users.values_list("pk", "username"))

    def named(text: Cell) -> Cell:
        is_safe = isinstance(text, SafeString)

        def name_of(found: re.Match[str]) -> str:
            name = names.get(int(found[2]), found[2])
            return f"{found[1]} {escaped(name) if is_safe else name}"

        said = _NUMBERED.sub(name_of, text)
        return mark_safe(said) if is_safe else said  # noqa: S308  as safe as it was

    return [named(text) for text in texts]


class UserLinks:
    """Of many users, looked up once for a page."""

    def __init__(self, user_ids: Iterable[int]) -> None:
        self._user_ids = sorted(set(user_ids))

    @cached_property
    def _usernames(self) -> dict[int, str]:
        users = User.objects.filter(pk__in=self._user_ids)
        return dict(users.values_list("pk", "username"))

    def link(self, user_id: int) -> Cell:
        username = self._usernames.get(user_id)
        return link(User, user_id, username) if username else f"account {user_id}"
