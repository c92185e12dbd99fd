"""Mails as those read them to whom they are written."""

import re
from dataclasses import dataclass

from django.core import mail as outbox
from django.test import override_settings

from mails.models import Mail
from mails.services import send_due_mails
from tests.trading.client import PASSWORD, Api, Trader

TOKEN = re.compile(r"^[A-Za-z0-9_-]{43}$", re.MULTILINE)


@dataclass(frozen=True)
class Letter:
    to: str
    subject: str
    text: str

    @property
    def token(self) -> str:
        (token,) = TOKEN.findall(self.text)
        return token


class Mailbox:
    """Everybody's. Mails are sent for real, to Django's outbox."""

    def letters(self, to: str = "") -> list[Letter]:
        """All that have been written so far, oldest first."""
        with override_settings(MAIL_IS_SENT=True):
            send_due_mails()
        sent = [Letter(one.to[0], str(one.subject), str(one.body)) for one in outbox.outbox]
        return [letter for letter in sent if not to or letter.to == to]

    def subjects(self, to: str = "") -> list[str]:
        return [letter.subject for letter in self.letters(to)]

    def verify(self, trader: Trader, address: str) -> None:
        body = {"mail": address, "password": PASSWORD}
        answer = trader.api.post("/user/mail", body)
        assert answer.status == 202, answer
        token = self.letters(address)[-1].token
        assert Api().post("/auth/mail/verify", {"token": token}).status == 200

    def forget(self) -> None:
        self.letters()
        outbox.outbox.clear()
        Mail.objects.all().delete()
