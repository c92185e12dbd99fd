"""Users as the admin shows them."""

from collections.abc import Iterable
from functools import cached_property

from accounts.models import User
from common.admin import NOTHING
from common.admin.base import Cell, Show, link, shown


def user_link(user: User | None) -> Cell:
    return link(User, user.pk, user.get_username()) if user else NOTHING


def user_column(name: str = "user", attribute: str = "user") -> Show:
    return shown(name, lambda row: user_link(getattr(row, attribute)))


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
