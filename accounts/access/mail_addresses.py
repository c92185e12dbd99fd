"""Addresses of mails, as somebody types them."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.models.people import MAIL_LENGTH_MAX
from common.errors import invalid


def read_mail(mail: str) -> str:
    """Raises DomainError."""
    mail = mail.strip()
    try:
        validate_email(mail)
    except ValidationError as error:
        raise invalid("mail", "mail must be an address, as in alice@example.com.") from error
    if len(mail) > MAIL_LENGTH_MAX:
        raise invalid("mail", f"mail must be at most {MAIL_LENGTH_MAX} characters.")
    return mail
