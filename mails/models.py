from django.db import models

from common.outgoing.rows import Outgoing

SUBJECT_MAX = 200


class Mail(Outgoing):
    """``key`` is also the beginning of its Message-ID: a second sending is known as the same."""

    to = models.EmailField("to", max_length=254)
    subject = models.CharField(max_length=SUBJECT_MAX)
    body = models.TextField()

    class Meta(Outgoing.Meta):
        default_permissions = ("view",)
        permissions = [("send_mail_again", "Can send mails again")]
        ordering = ["-id"]
        indexes = [*Outgoing.Meta.indexes, models.Index(fields=["to", "-id"], name="mail_to")]
