"""Users as the admin shows them."""

from accounts.models import User
from common.admin.base import Cell, Show, link, shown
from common.admin.changes import NOTHING


def user_link(user: User | None) -> Cell:
    return link(User, user.pk, user.get_username()) if user else NOTHING


def user_column(name: str = "user", attribute: str = "user") -> Show:
    return shown(name, lambda row: user_link(getattr(row, attribute)))
