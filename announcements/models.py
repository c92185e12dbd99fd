"""What is said to everyone."""

from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

TEXT_MAX = 500
WORK_MAX = timedelta(days=7)


class AnnouncementLevel(StrEnum):
    INFO = "info"
    WARNING = "warning"
    MAINTENANCE = "maintenance"


class Announcement(models.Model):
    """Shown from ``shown_from`` until ``shown_until``, or until it is taken back where that is
    empty. ``work_from`` and ``work_until``: of maintenance, when the exchange is worked on;
    ``begun_at``: when markets were paused for it."""

    text = models.CharField(max_length=TEXT_MAX)
    level = models.CharField(
        max_length=11, choices=[(one.value, one.value) for one in AnnouncementLevel]
    )
    shown_from = models.DateTimeField()
    shown_until = models.DateTimeField(null=True, blank=True)
    work_from = models.DateTimeField(null=True, blank=True)
    work_until = models.DateTimeField(null=True, blank=True)
    stops_markets = models.BooleanField(
        "pause all markets meanwhile",
        default=False,
        help_text="Open markets pause when the work begins, and resume when it ends.",
    )
    begun_at = models.DateTimeField(null=True, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["shown_until"], name="announcement_shown")]
        constraints = [
            models.CheckConstraint(
                condition=Q(shown_until__isnull=True) | Q(shown_until__gt=F("shown_from")),
                name="announcement_ends_after_it_begins",
                violation_error_message="It must end after it begins.",
            ),
            models.CheckConstraint(
                condition=Q(
                    level=AnnouncementLevel.MAINTENANCE,
                    work_from__isnull=False,
                    work_until__isnull=False,
                    work_until__gt=F("work_from"),
                )
                | (
                    ~Q(level=AnnouncementLevel.MAINTENANCE)
                    & Q(work_from=None, work_until=None, stops_markets=False)
                ),
                name="announcement_of_maintenance_says_when",
                violation_error_message="Maintenance says from when until when the exchange is "
                "worked on, in that order; nothing else does, or pauses markets.",
            ),
        ]

    def __str__(self) -> str:
        return f"announcement {self.pk}"

    def clean(self) -> None:
        """Of work that pauses markets: they resume by themselves, and not after weeks."""
        if not (self.stops_markets and self.work_from and self.work_until):
            return
        if self.work_until - self.work_from > WORK_MAX:
            message = f"Markets pause for at most {WORK_MAX.days} days."
            raise ValidationError({"work_until": message})

    def is_shown(self, now: datetime) -> bool:
        return self.shown_from <= now and (self.shown_until is None or now < self.shown_until)
