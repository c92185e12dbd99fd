from django.db import models
from django.utils import timezone


class SentForm(models.Model):
    """A form that was sent, and what it led to. ``location`` empty: it is being done, or broke
    off."""

    key = models.CharField(primary_key=True, max_length=64)
    sent_at = models.DateTimeField(default=timezone.now)
    location = models.TextField(blank=True)
    said = models.JSONField(default=list)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"form sent at {self.sent_at}"
