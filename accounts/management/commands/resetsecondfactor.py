"""``manage.py resetsecondfactor NAME --reason WHY``: for the only operator, who lost theirs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.access.usernames import find_user
from accounts.factors.resets import reset_by_hand
from common.errors import DomainError


class Command(BaseCommand):
    help = (
        "Takes away a user's second factor, recovery codes and sessions, and locks their "
        "withdrawals for 24 hours. In the console this takes two operators."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--reason", required=True)

    def handle(self, *_: Any, username: str, reason: str, **__: Any) -> None:
        user = find_user(username)
        if user is None:
            raise CommandError(f"there is no user {username}")
        try:
            reset = reset_by_hand(user, reason)
        except DomainError as error:
            raise CommandError(error.message) from error
        until = f"{reset.withdrawals_locked_until:%Y-%m-%d %H:%M:%S}"
        self.stdout.write(f"{user}: reset; withdrawals are locked until {until} UTC")
