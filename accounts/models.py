from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Collate, Lower


class User(AbstractUser):
    """A trader or an operator. ``is_active`` unset is a suspended account.

    The primary key is the ``account_id`` of messages.
    """

    username = models.CharField(
        max_length=64,
        unique=True,
        validators=[ASCIIUsernameValidator()],
        error_messages={"unique": "That username is taken."},
    )

    class Meta(AbstractUser.Meta):
        permissions = [("suspend_user", "Can suspend and resume users")]
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_username_ignoring_case"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(is_active=False), name="user_suspended"),
            models.Index(fields=["id"], condition=Q(is_staff=True), name="user_operator"),
            # Names by their beginning, whatever the database's collation.
            models.Index(Collate(Lower("username"), "C"), name="user_username_beginning"),
        ]
