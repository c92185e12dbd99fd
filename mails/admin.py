"""What was written to whom, and whether it left."""

from django.conf import settings
from django.contrib import admin

from common.admin.base import shown
from common.admin.outgoing import OutgoingAdmin
from mails.models import Mail
from mails.secrets import with_secret, without_secret


def _text(mail: Mail) -> str:
    """Who could read another's secret could be them; whoever tries the exchange out is alone."""
    return with_secret(mail.body, mail.sealed) if settings.DEMO else without_secret(mail.body)


@admin.register(Mail)
class MailAdmin(OutgoingAdmin):
    """Who read one is kept: a mail may be personal."""

    is_personal = True
    again = "mails.send_mail_again"
    list_display = ("id", "made", "to", "subject", "state_badge", "tries", "why")
    search_ids = ("id",)
    search_texts = ("key", "to")
    search_help_text = "Number, key, or the whole address."
    fieldsets = (
        (None, {"fields": (("made", "key"), "to", "subject", "text")}),
        ("Sending", {"fields": (("state_badge", "tries"), ("due", "ended"), "why")}),
    )

    text = shown("text", _text)
