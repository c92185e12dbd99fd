"""What the law asks for (`accounts.law`)."""

from django.db import models
from django.db.models.functions import Now

from accounts.models.access import User


class TermsVersion(models.Model):
    """Terms of service as they were published. Nothing of them changes afterwards.

    version      1, 2, …
    in_force_at  from then on those who accepted no version as new may open nothing
    """

    version = models.PositiveIntegerField(unique=True, editable=False)
    text = models.TextField(max_length=200_000)
    in_force_at = models.DateTimeField("in force from")
    published_at = models.DateTimeField(db_default=Now(), editable=False)
    published_by = models.ForeignKey(User, models.PROTECT, related_name="+", editable=False)

    class Meta:
        verbose_name = "terms of service"
        verbose_name_plural = "terms of service"
        default_permissions = ("view", "add")

    def __str__(self) -> str:
        return f"terms {self.version}"


class TermsAcceptance(models.Model):
    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="terms_acceptances")
    terms = models.ForeignKey(TermsVersion, models.PROTECT, related_name="acceptances")
    accepted_at = models.DateTimeField(db_default=Now())
    address = models.GenericIPAddressField(null=True)

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["user", "terms"], name="terms_accepted_once_of_user"),
        ]

    def __str__(self) -> str:
        return f"acceptance {self.pk}"


class IdentityEvent(models.Model):
    """What a provider of identities said of a user, once however often it is delivered.

    event_id     the provider's own
    occurred_at  says the provider: an older one than what is known changes nothing
    outcome      what came of it, in words
    """

    event_id = models.CharField(max_length=100, unique=True)
    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="identity_events")
    level = models.SmallIntegerField()
    is_applied = models.BooleanField()
    occurred_at = models.DateTimeField()
    outcome = models.CharField(max_length=200)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["user", "-occurred_at"], name="identity_event_of_user"),
        ]

    def __str__(self) -> str:
        return f"identity event {self.event_id}"
