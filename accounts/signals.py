from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.access.refusals import refusals
from accounts.models import User


@receiver([post_save, post_delete], sender=User)
def look_for_suspended_users(**_: Any) -> None:
    refusals.look_again()
