"""People as they are once they have said who they are."""

from datetime import UTC, datetime

from accounts.models import Person, User
from mails.models import Mail
from mails.secrets import with_secret


def give_mail(user: User, mail: str) -> Person:
    """One that was verified."""
    now = datetime.now(UTC)
    person, _ = Person.objects.update_or_create(
        user=user, defaults={"mail": mail, "mail_verified_at": now}
    )
    return person


def text_of(mail: Mail) -> str:
    """As it leaves, with its secret."""
    return with_secret(mail.body, mail.sealed)
