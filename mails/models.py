from django.db import models

from common.outgoing.due_rows import Outgoing, OutgoingState

SUBJECT_MAX = 200


class Mail(Outgoing):
    """``key`` is also the beginning of its Message-ID: a second sending is known as the same.

    sealed  what stands in the body where it says `mails.secrets.SECRET`, until it was sent
    """

    to = models.EmailField("to", max_length=254)
    subject = models.CharField(max_length=SUBJECT_MAX)
    body = models.TextField()
    sealed = models.BinaryField(null=True, editable=False)

    class Meta(Outgoing.Meta):
        default_permissions = ("view",)
        permissions = [("send_mail_again", "Can send mails again")]
        ordering = ["-id"]
        indexes = [*Outgoing.Meta.indexes, models.Index(fields=["to", "-id"], name="mail_to")]

    def end(self, state: OutgoingState, **fields: object) -> bool:
        if state is OutgoingState.SENT:
            fields["sealed"] = None
        return super().end(state, **fields)
