"""What somebody says of themselves, and where they are told things."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction

from accounts.access.credentials import require_active, require_password
from accounts.access.mail_addresses import read_mail
from accounts.access.single_use import TOKEN_LENGTH, hash_of, new_token
from accounts.factors.selectors import has_factor
from accounts.models import Person, User
from accounts.models.people import NAME_LENGTH_MAX
from accounts.notices.kinds import MUTABLE, NoticeKind
from accounts.notices.telling import tell_person
from accounts.people.links import link_words
from common.errors import DomainError, ErrorCode, invalid
from mails.secrets import SECRET
from mails.services import queue_mail

VERIFY_WITHIN = timedelta(hours=24)
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True)
class ProfileChanges:
    """None leaves what is there."""

    name: str | None = None
    country: str | None = None
    muted: Sequence[str] | None = None
    margin_call_percent: int | None = None


def person_of(user_id: int) -> Person:
    """Not saved, of a user who never said anything."""
    return Person.objects.filter(user_id=user_id).first() or Person(user_id=user_id)


@transaction.atomic
def change_profile(user_id: int, changes: ProfileChanges) -> Person:
    """Raises DomainError."""
    person = lock_person(user_id)
    if changes.name is not None:
        person.name = _read_name(changes.name)
    if changes.country is not None:
        person.country = _read_country(changes.country)
    if changes.muted is not None:
        person.muted = _read_muted(changes.muted)
    if changes.margin_call_percent is not None:
        if not 1 <= changes.margin_call_percent <= 100:
            message = "margin_call_percent must be a whole number from 1 to 100."
            raise invalid("margin_call_percent", message)
        person.margin_call_percent = changes.margin_call_percent
    person.save()
    return person


def lock_person(user_id: int) -> Person:
    """With its user, whom whoever else changes the person locks, too."""
    User.objects.select_for_update(no_key=True).get(pk=user_id)
    return person_of(user_id)


def ask_mail(user_id: int, password: str, mail: str) -> None:
    """Mails a token there; nothing else changes. Asking again voids the token before, and so do a
    new password and the first second factor: whoever asked may be whom these keep out. Raises
    DomainError."""
    mail = read_mail(mail)
    had_factor = has_factor(user_id)  # before the password is looked at, which takes a while
    digest = _digest(require_password(user_id, password), has_factor=had_factor)
    token = new_token()
    with transaction.atomic():
        person = lock_person(user_id)
        user = User.objects.get(pk=user_id)
        require_active(user)
        person.new_mail, person.new_mail_hash = mail, hash_of(token)
        person.new_mail_digest = digest
        person.new_mail_until = datetime.now(UTC) + VERIFY_WITHIN
        person.save()
        queue_mail(
            f"verify_mail-{user_id}-{person.new_mail_hash[:16]}",
            mail,
            "Is this your mail address?",
            f"Account {user.username}.\n\nSomebody, you we hope, gave this address for the "
            f"account. {link_words('verify-mail')} It works once, within 24 hours:\n\n{SECRET}\n\n"
            "If that was not you, do nothing: no notices will come here.\n",
            secret=token,
        )


@transaction.atomic
def verify_mail(token: str) -> Person:
    """From now on notices go there. The mail before is told. Raises DomainError."""
    hashed = hash_of(token) if len(token) == TOKEN_LENGTH else ""
    found = Person.objects.filter(new_mail_hash=hashed).first()
    if found is None:
        raise mail_token_invalid()
    person = lock_person(found.pk)
    until = person.new_mail_until
    if person.new_mail_hash != hashed or until is None or until <= datetime.now(UTC):
        raise mail_token_invalid()
    user = User.objects.get(pk=person.pk)
    if person.new_mail_digest != _digest(user, has_factor=has_factor(user.pk)):
        raise mail_token_invalid()
    if person.mail_verified_at is not None and person.mail != person.new_mail:
        tell_person(person, NoticeKind.MAIL_CHANGED, hashed[:16], mail=person.new_mail)
    person.mail, person.mail_verified_at = person.new_mail, datetime.now(UTC)
    person.new_mail, person.new_mail_hash, person.new_mail_until = "", None, None
    person.new_mail_digest = ""
    person.save()
    return person


def _digest(user: User, *, has_factor: bool) -> str:
    return hash_of(f"{user.password}\n{has_factor}")


def mail_token_invalid() -> DomainError:
    message = "This token is not one of ours, was used, or is too old. Ask for another mail."
    return DomainError(ErrorCode.MAIL_TOKEN_INVALID, message, "token")


def _read_name(name: str) -> str:
    name = name.strip()
    if len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise invalid("name", f"name must be at most {NAME_LENGTH_MAX} printable characters.")
    return name


def _read_country(country: str) -> str:
    if country and not _COUNTRY.fullmatch(country):
        raise invalid("country", "country must be two capital letters, as in CH.")
    return country


def _read_muted(muted: Sequence[str]) -> list[str]:
    unknown = sorted(set(muted) - set(MUTABLE))
    if unknown:
        message = f"muted must be some of {', '.join(MUTABLE)}. Others are always told."
        raise invalid("muted", message)
    return sorted(set(muted))
