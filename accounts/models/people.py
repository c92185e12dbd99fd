"""Who a user is, and the beginning and end of that (`accounts.people`)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from accounts.models.access import User
from common.reasons import REASON_MAX

MAIL_LENGTH_MAX = 254
NAME_LENGTH_MAX = 200
MARGIN_CALL_PERCENT = 80


class Person(models.Model):
    """All that is kept of a person by name: nothing else has columns for it. A user who never said
    anything has no row.

    mail             "" or where notices go, once ``mail_verified_at``; of an operator other
                     operators vouch for it
    new_mail         waits for its verification; then it is ``mail``
    new_mail_hash    of the token that verifies it
    new_mail_digest  of the password it was asked with: another since, or a second factor, voids it
    country          ISO 3166, as they say
    muted            kinds of `accounts.notices.kinds` that they don't want to be told of
    margin_call_percent  of the margin ratio: from there on they are warned
    """

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="person")
    mail = models.EmailField(max_length=MAIL_LENGTH_MAX, blank=True)
    mail_verified_at = models.DateTimeField(null=True, editable=False)
    new_mail = models.EmailField(max_length=MAIL_LENGTH_MAX, blank=True, editable=False)
    new_mail_hash = models.CharField(max_length=64, null=True, unique=True, editable=False)
    new_mail_digest = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    new_mail_until = models.DateTimeField(null=True, editable=False)
    name = models.CharField(max_length=NAME_LENGTH_MAX, blank=True)
    country = models.CharField(max_length=2, blank=True)
    muted = ArrayField(models.CharField(max_length=40), default=list, editable=False)
    margin_call_percent = models.SmallIntegerField(default=MARGIN_CALL_PERCENT, editable=False)

    class Meta:
        verbose_name_plural = "people"
        default_permissions = ()
        permissions = [("see_person", "Can see personal data")]
        constraints = [
            models.CheckConstraint(
                condition=Q(mail_verified_at=None) | ~Q(mail=""), name="person_verified_of_a_mail"
            ),
            models.CheckConstraint(
                condition=Q(margin_call_percent__range=(1, 100)), name="person_margin_call_percent"
            ),
        ]
        indexes = [
            models.Index(fields=["mail"], name="person_mail"),
            models.Index(
                Lower("mail"),
                condition=Q(mail_verified_at__isnull=False),
                name="person_verified_mail",
            ),
        ]

    def __str__(self) -> str:
        return f"person of {self.user}"


class ResetRequest(models.Model):
    """Somebody forgot a password. A task looks whose it is, and the row goes.

    typed  a username or a mail, of somebody or of nobody
    """

    typed = models.CharField(max_length=MAIL_LENGTH_MAX)
    address = models.GenericIPAddressField(null=True)
    asked_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"reset request {self.pk}"


class PasswordReset(models.Model):
    """A mailed token that sets a password, once; or a password that an operator set.

    token_hash       the token itself is in the mail alone, or nowhere
    password_digest  of the hash it replaces: a password that was changed since voids the token
    """

    user = models.ForeignKey(User, models.CASCADE, db_index=False, related_name="password_resets")
    token_hash = models.CharField(max_length=64, unique=True)
    password_digest = models.CharField(max_length=64)
    address = models.GenericIPAddressField(null=True)
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["user", "id"], name="password_reset_of_user"),
            models.Index(fields=["expires_at"], name="password_reset_expiry"),
        ]

    def __str__(self) -> str:
        return f"password reset {self.pk}"


class Closure(models.Model):
    """An account that its owner closed, until an operator reopens it, or erases the person.

    erased_at  since then nobody knows whose it was: it stays closed
    """

    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="closures")
    closed_at = models.DateTimeField(db_default=Now())
    reopened_at = models.DateTimeField(null=True)
    reopened_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reopen_reason = models.CharField(max_length=REASON_MAX, blank=True)
    erased_at = models.DateTimeField(null=True)
    erased_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("reopen_account", "Can reopen accounts that their owners closed"),
            ("export_person", "Can export all that is kept of a person"),
            ("erase_person", "Can erase people whose accounts are closed"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(reopened_at=None), name="closure_open_once_of_user"
            ),
            models.CheckConstraint(
                condition=Q(reopened_at=None) | Q(erased_at=None), name="closure_ends_once"
            ),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="closure_of_user")]

    def __str__(self) -> str:
        return f"closed account {self.user}"
