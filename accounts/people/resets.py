"""A forgotten password, set by whoever reads the mail of the account."""

from datetime import UTC, datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models.functions import Lower

from accounts.access.guesses import sign_in_secret, start_over
from accounts.access.sessions import Origin, end_sessions_of
from accounts.access.single_use import TOKEN_LENGTH, hash_of, new_token
from accounts.access.usernames import find_user
from accounts.models import EndReason, PasswordReset, Person, ResetRequest, User
from accounts.models.people import MAIL_LENGTH_MAX
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import tell
from accounts.passwords import check_new_password
from accounts.people.links import link_words
from accounts.people.profile import mail_token_invalid
from common.errors import invalid
from mails.secrets import SECRET
from mails.services import queue_mail

RESET_WITHIN = timedelta(minutes=30)
MADE_AN_HOUR_MAX = 5  # of an account
ACCOUNTS_OF_A_MAIL_MAX = 5
AT_ONCE_MAX = 200  # requests of a run


def ask_reset(typed: str, address: str | None) -> None:
    """By a username or a mail: the same work for anybody's and nobody's. Raises DomainError."""
    typed = typed.strip()
    if not 1 <= len(typed) <= MAIL_LENGTH_MAX:
        message = f"username must be a name or a mail, of at most {MAIL_LENGTH_MAX} characters."
        raise invalid("username", message)
    ResetRequest.objects.create(typed=typed, address=address)


def write_resets() -> None:
    """The mails of whoever was meant."""
    rows = ResetRequest.objects.order_by("pk").values_list("pk", flat=True)
    for request_id in list(rows[:AT_ONCE_MAX]):
        _write_reset(request_id)


@transaction.atomic
def _write_reset(request_id: int) -> None:
    rows = ResetRequest.objects.select_for_update(skip_locked=True)
    asked = rows.filter(pk=request_id).first()
    if asked is None:
        return
    for person in _meant(asked.typed):
        _mail_token(person, asked.address)
    asked.delete()


def _meant(typed: str) -> list[Person]:
    """Operators ask each other; who is suspended, the operator."""
    verified = Person.objects.filter(mail_verified_at__isnull=False).select_related("user")
    by_mail = verified.alias(lower=Lower("mail")).filter(lower=typed.lower()).order_by("pk")
    named = find_user(typed)
    found: list[Person] = list(by_mail[:ACCOUNTS_OF_A_MAIL_MAX])
    if named is not None and named.pk not in [person.pk for person in found]:
        found += verified.filter(pk=named.pk)
    return [person for person in found if _may_reset(person.user)]


def _may_reset(user: User) -> bool:
    is_operator = user.is_staff or user.is_superuser
    return user.is_active and not is_operator and user.has_usable_password()


def _mail_token(person: Person, address: str | None) -> None:
    now = datetime.now(UTC)
    lately = PasswordReset.objects.filter(user=person.user, made_at__gt=now - timedelta(hours=1))
    if lately.count() >= MADE_AN_HOUR_MAX:
        return
    token = new_token()
    made = PasswordReset.objects.create(
        user=person.user,
        token_hash=hash_of(token),
        password_digest=hash_of(person.user.password),
        address=address,
        expires_at=now + RESET_WITHIN,
    )
    queue_mail(
        f"password_reset-{person.pk}-{made.pk}",
        person.mail,
        "Set a new password",
        f"Account {person.user.username}.\n\nSomebody, you we hope, asked from "
        f"{address or 'an unknown address'} to set its password anew. "
        f"{link_words('reset-password')} It works once, within 30 minutes:\n\n{SECRET}\n\n"
        "If that was not you, do nothing: the password stays as it is.\n",
        secret=token,
    )


def reset_password(token: str, new_password: str, origin: Origin) -> None:
    """Ends every session and opens none; keys and second factors stay. Raises DomainError."""
    reset = _good_reset(token)
    check_new_password(new_password, reset.user, "new_password")
    encoded = make_password(new_password)  # before the transaction: it takes a while
    with transaction.atomic():
        # Of two with one token, or with two of one account, the second finds another password.
        user = User.objects.select_for_update(no_key=True).get(pk=reset.user_id)
        reset = _good_reset(token)
        user.password = encoded
        user.save(update_fields=["password"])
        reset.used_at = datetime.now(UTC)
        reset.save(update_fields=["used_at"])
        end_sessions_of(user.pk, EndReason.PASSWORD_CHANGED)
        start_over(sign_in_secret(user.username, 0))  # whoever reads the mail isn't guessing
        address = origin.address or "an unknown address"
        tell(user.pk, NoticeKind.PASSWORD_CHANGED, f"reset-{reset.pk}", address=address)


def _good_reset(token: str) -> PasswordReset:
    rows = PasswordReset.objects.select_related("user")
    hashed = hash_of(token) if len(token) == TOKEN_LENGTH else ""
    reset = rows.filter(token_hash=hashed, used_at=None, expires_at__gt=datetime.now(UTC)).first()
    if reset is None or not _may_reset(reset.user):  # an operator by now, perhaps
        raise mail_token_invalid()
    if reset.password_digest != hash_of(reset.user.password):
        raise mail_token_invalid()
    return reset
