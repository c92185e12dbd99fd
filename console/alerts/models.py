"""Rules, alerts, and what became of them."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from common.choices import choices
from common.outgoing.due_rows import Outgoing
from common.reasons import REASON_MAX
from console.alerts.vocabulary import About, Measure, Severity
from markets.models import Market

WORDS_MAX, FAILED_MAX = 500, 200
_A_DAY = [MaxValueValidator(86_400)]


class RecipientKind(models.TextChoices):
    MAIL = "mail", "mail"
    WEBHOOK = "webhook", "webhook"


class AlertRecipient(models.Model):
    """Who is told outside the console.

    least_severity  of alerts whose rule names nobody: the least that it is told of
    nonce           what its signing key is derived from, with the installation's own key
    """

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=7, choices=RecipientKind.choices)
    address = models.CharField(max_length=500)
    least_severity = models.CharField(
        max_length=8, choices=choices(Severity), default=Severity.WARNING
    )
    enabled = models.BooleanField(default=True)
    nonce = models.CharField(max_length=32, editable=False)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("add", "change", "view")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class AlertRule(models.Model):
    """When to alarm, and whom.

    market         the only one it is for; it takes the place there of the rule for all, also while
                   it is not enabled
    threshold      in the smallest part of the measure's unit, as the next two: reached, it breaches
    critical_from  reached, an alert is critical; None: it stays as grave as ``severity``
    clears_at      beyond it, on the good side, it clears; None: beyond the threshold
    """

    measure = models.CharField(max_length=32, choices=choices(Measure))
    market = models.ForeignKey(
        Market, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    severity = models.CharField(max_length=8, choices=choices(Severity), default=Severity.WARNING)
    threshold = models.BigIntegerField()
    critical_from = models.BigIntegerField(null=True, blank=True)
    clears_at = models.BigIntegerField(null=True, blank=True)
    holds_s = models.IntegerField("must hold for, s", default=0, validators=_A_DAY)
    clears_after_s = models.IntegerField("must be clear for, s", default=0, validators=_A_DAY)
    enabled = models.BooleanField(default=True)
    recipients = models.ManyToManyField(
        AlertRecipient,
        blank=True,
        related_name="+",
        help_text="None: all whose least severity it reaches.",
    )

    class Meta:
        default_permissions = ("add", "change", "view")
        ordering = ["measure", "market"]
        constraints = [
            models.UniqueConstraint(
                fields=["measure", "market"],
                nulls_distinct=False,
                name="alert_rule_once_per_measure_and_market",
                violation_error_message="There is a rule of this measure and market: change it.",
            ),
            models.CheckConstraint(
                condition=Q(holds_s__gte=0, clears_after_s__gte=0),
                name="alert_rule_times_not_negative",
                violation_error_message="A time is not negative.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.about.title}, {self.market_id or 'all'}"

    @property
    def about(self) -> About:
        return Measure(self.measure).about

    def reaches(self, value: int, mark: int) -> bool:
        return value <= mark if self.about.is_low_bad else value >= mark

    def breached_by(self, value: int) -> bool:
        return self.reaches(value, self.threshold)

    def cleared_by(self, value: int) -> bool:
        mark = self.threshold if self.clears_at is None else self.clears_at
        return not self.reaches(value, mark)

    def severity_of(self, value: int) -> Severity:
        if self.critical_from is not None and self.reaches(value, self.critical_from):
            return Severity.CRITICAL
        return Severity(self.severity)

    def clean(self) -> None:
        """Each mark on its side. Raises ValidationError."""
        if self.measure not in list(Measure) or self.threshold is None:
            return  # refused already
        wrong: dict[str, str] = {}
        if self.market_id and not self.about.scope.has_markets:
            wrong["market"] = "This measure is of all markets together."
        if self.critical_from is not None and not self.reaches(self.critical_from, self.threshold):
            wrong["critical_from"] = "Critical begins at the threshold or beyond it."
        if self.clears_at is not None and not self.reaches(self.threshold, self.clears_at):
            wrong["clears_at"] = "It clears at the threshold or on the good side of it."
        if wrong:
            raise ValidationError(wrong)


class Alert(models.Model):
    """That a rule was breached by a subject; its history stays.

    subject         as `vocabulary.Scope` has it
    words           what was measured, when it opened or turned graver
    value           when it opened; worst_value since; last_value when it was measured last
    breached_at     since when it holds; opened_at: empty while it hasn't held long enough
    clear_since     where it is clear, and not yet for long enough
    told_severity   the last that the outside was told; empty: of nothing yet
    """

    rule = models.ForeignKey(AlertRule, models.PROTECT, related_name="alerts", db_index=False)
    measure = models.CharField(max_length=32, choices=choices(Measure))
    subject = models.CharField(max_length=80, blank=True)
    market_id = models.CharField("market", max_length=32, blank=True)
    severity = models.CharField(max_length=8, choices=choices(Severity))
    words = models.CharField("what", max_length=WORDS_MAX)
    threshold = models.BigIntegerField()
    value = models.BigIntegerField()
    worst_value = models.BigIntegerField()
    last_value = models.BigIntegerField()
    breached_at = models.DateTimeField()
    measured_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    clear_since = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_why = models.CharField(max_length=100, blank=True)
    told_severity = models.CharField(max_length=8, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    acknowledged_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=REASON_MAX, blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [("handle_alert", "Can acknowledge and snooze alerts")]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject"],
                condition=Q(closed_at__isnull=True),
                name="alert_open_once_per_rule_and_subject",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(opened_at__isnull=False),
                name="alert_closed_was_open",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(closed_at__isnull=True, opened_at__isnull=False),
                name="alert_open",
            ),
            models.Index(
                fields=["-opened_at", "-id"],
                condition=Q(opened_at__isnull=False),
                name="alert_by_time",
            ),
        ]

    def __str__(self) -> str:
        return f"alert {self.pk}: {self.title}"

    @property
    def about(self) -> About:
        return Measure(self.measure).about

    @property
    def title(self) -> str:
        return self.about.title

    @property
    def user_ids(self) -> list[int]:
        """Of the traders it is about."""
        if not self.about.scope.has_traders:
            return []
        return [int(text) for text in self.subject.rpartition("/")[2].split("+")]


class AlertSnooze(models.Model):
    """Nobody is told of this rule and subject until then."""

    rule = models.ForeignKey(AlertRule, models.PROTECT, related_name="snoozes", db_index=False)
    subject = models.CharField(max_length=80, blank=True)
    until = models.DateTimeField()
    reason = models.CharField(max_length=REASON_MAX)
    snoozed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    snoozed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject"],
                condition=Q(ended_at__isnull=True),
                name="alert_snooze_once_per_rule_and_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"snooze {self.pk}"


class MeasureLook(models.Model):
    """When a measure was taken last, and what failed then."""

    measure = models.CharField(primary_key=True, max_length=32, choices=choices(Measure))
    looked_at = models.DateTimeField()
    failed = models.CharField(max_length=FAILED_MAX, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.measure


class WebhookDelivery(Outgoing):
    """One event for one recipient, signed as it is sent."""

    recipient = models.ForeignKey(AlertRecipient, models.PROTECT, related_name="+", db_index=False)
    alert = models.ForeignKey(Alert, models.PROTECT, null=True, related_name="deliveries")
    body = models.TextField()

    class Meta(Outgoing.Meta):
        default_permissions = ("view",)
        permissions = [("send_webhook_again", "Can send webhooks again")]
        ordering = ["-id"]
        verbose_name_plural = "webhook deliveries"
