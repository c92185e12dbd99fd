"""Statements that didn't add up, for operators to look into."""

from django.conf import settings
from django.db import models


class FaultyStatement(models.Model):
    """``difference``: by account, what is missing at the end (below zero: too much)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    start = models.DateTimeField()
    end = models.DateTimeField(null=True)
    difference = models.JSONField()
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("export_statement", "Can download statements of traders")]

    def __str__(self) -> str:
        return f"Faulty statement {self.pk} of {self.user}"
