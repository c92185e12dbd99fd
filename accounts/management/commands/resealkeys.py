"""``manage.py resealkeys``: API keys' secrets are sealed with the newest of API_KEY_SECRETS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.keys.sealing import Unopened, can_seal
from accounts.keys.services import reseal_keys


class Command(BaseCommand):
    help = (
        "Seals the secrets of API keys with the first of API_KEY_SECRETS; then the others can go."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        if not can_seal():
            raise CommandError("API_KEY_SECRETS is empty: there is nothing to seal with")
        try:
            count = reseal_keys()
        except Unopened:
            raise CommandError(
                "a key opens with none of API_KEY_SECRETS: add the one it was sealed with, or "
                "revoke it; those before it are done"
            ) from None
        self.stdout.write(f"sealed anew: {count}")
