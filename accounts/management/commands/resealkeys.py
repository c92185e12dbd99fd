"""``manage.py resealkeys``: secrets of API keys and authenticator apps are sealed with the newest
of API_KEY_SECRETS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.factors.services import reseal_apps
from accounts.keys.services import reseal_keys
from accounts.sealing import Unopened, can_seal


class Command(BaseCommand):
    help = (
        "Seals the secrets of API keys and authenticator apps with the first of API_KEY_SECRETS; "
        "then the others can go."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        if not can_seal():
            raise CommandError("API_KEY_SECRETS is empty: there is nothing to seal with")
        try:
            count = reseal_keys() + reseal_apps()
        except Unopened:
            raise CommandError(
                "a secret opens with none of API_KEY_SECRETS: add the one it was sealed with, or "
                "revoke the key; those before it are done"
            ) from None
        self.stdout.write(f"sealed anew: {count}")
