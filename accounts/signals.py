from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.authentication import suspended_users
from accounts.models import User


@receiver([post_save, post_delete], sender=User)
def forget_suspended_users(**_: Any) -> None:
    suspended_users.forget()
