"""Writing mails, and sending those that are due."""

import re
from email.headerregistry import Address
from email.utils import parseaddr
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage

from common.outgoing.due_rows import NotSent, OutgoingState, send_due
from mails.models import SUBJECT_MAX, Mail
from mails.secrets import seal, with_secret

_LOCK = 0x6D61696C  # "mail": the advisory lock of a run
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def queue_mail(key: str, to: str, subject: str, body: str, secret: str | None = None) -> None:
    """Within the caller's transaction; a key that was used before is the same mail, and nothing is
    written. ``secret`` stands where the body says `mails.secrets.SECRET`."""
    Mail.objects.bulk_create(
        [
            Mail(
                key=key,
                to=to,
                subject=_CONTROLS.sub(" ", subject)[:SUBJECT_MAX],
                body=body.replace("\0", ""),
                sealed=None if secret is None else seal(secret),
            )
        ],
        ignore_conflicts=True,
    )


def send_due_mails() -> None:
    send_due(Mail, _LOCK, _send)


def _send(mail: Mail) -> None:
    """Raises NotSent."""
    if not settings.MAIL_IS_SENT:
        mail.end(OutgoingState.KEPT)
        return
    try:
        body = with_secret(mail.body, mail.sealed)
    except ValueError as error:
        raise NotSent(str(error)) from error
    message = EmailMessage(
        mail.subject,
        body,
        settings.DEFAULT_FROM_EMAIL,
        [mail.to],
        headers={"Message-ID": f"<{mail.key}@{_domain()}>", "Auto-Submitted": "auto-generated"},
    )
    try:
        sent = message.send()
    except (SMTPException, OSError, ValueError) as error:
        raise NotSent(f"{type(error).__name__}: {error}") from error
    if not sent:
        raise NotSent("the mail server took none")


def _domain() -> str:
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return Address(addr_spec=address).domain or "localhost"
