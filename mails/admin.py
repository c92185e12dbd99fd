"""What was written to whom, and whether it left."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from common.admin import NOTHING
from common.admin.base import shown
from common.admin.outgoing import OutgoingAdmin
from mails.models import Mail
from mails.secrets import with_secret, without_secret

SEE_PEOPLE = "accounts.see_person"
_OF_PEOPLE = frozenset({"to", "text"})


def _text(mail: Mail) -> str:
    """Who could read another's secret could be them; whoever tries the exchange out is alone."""
    return with_secret(mail.body, mail.sealed) if settings.DEMO else without_secret(mail.body)


@admin.register(Mail)
class MailAdmin(OutgoingAdmin):
    """To whom and what is for whoever may see people, and who looked is kept; whether it left is
    for all who may see mails."""

    is_personal = is_list_personal = True
    again = "mails.send_mail_again"
    list_display = ("id", "made", "to", "subject", "state_badge", "tries", "why")
    described_by = ("made", "subject", "state_badge", "tries", "why")
    search_ids = ("id",)
    search_texts = ("key",)
    search_help_text = "Number or key. Those to a person: from their page."
    walked_by = ("to",)
    fieldsets = (
        (None, {"fields": (("made", "key"), "to", "subject", "text")}),
        ("Sending", {"fields": (("state_badge", "tries"), ("due", "ended"), "why")}),
    )

    text = shown("text", _text)
    # Servers name whom they refuse.
    why = shown("last error", lambda mail: mail.last_error.replace(mail.to, "…") or NOTHING)

    def get_list_display(self, request: HttpRequest) -> Any:
        return _without_people(request, super().get_list_display(request))

    def get_fieldsets(self, request: HttpRequest, obj: Mail | None = None) -> Any:
        return [
            (name, {**options, "fields": _without_people(request, options["fields"])})
            for name, options in super().get_fieldsets(request, obj)
        ]

    def declared_lookups(self, request: Any) -> set[str]:
        return set(_without_people(request, super().declared_lookups(request)))


def _without_people(request: HttpRequest | None, names: Any) -> list[Any]:
    """For those who may not see them, and for nobody known."""
    user = getattr(request, "user", None)
    sees = user is not None and user.has_perm(SEE_PEOPLE)
    return [name for name in names if sees or name not in _OF_PEOPLE]
