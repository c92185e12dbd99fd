"""How passwords are kept, and what one must be beyond Django's own rules.

`PlainPasswordRules` is a validator of AUTH_PASSWORD_VALIDATORS, whose hooks Django calls wherever a
password is chosen: the API, the admin, `manage.py changepassword`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from common.errors import invalid

if TYPE_CHECKING:  # settings name this module before models are there
    from accounts.models import User

LENGTH_MAX = 128
DISTINCT_MIN = 4


class OneLaneArgon2(Argon2PasswordHasher):
    """As much memory and as many passes as Django's, on one core: its eight lanes would take every
    core of a small machine at once, and orders would wait for them. Passwords that were kept with
    eight are known as before."""

    parallelism = 1


class PlainPasswordRules:
    def validate(self, password: str, user: Any = None) -> None:  # noqa: ARG002  Django passes it
        if len(password) > LENGTH_MAX:
            raise ValidationError(f"password must be at most {LENGTH_MAX} characters.")
        if "\0" in password:
            raise ValidationError("password may not contain the NUL character.")
        if password != password.strip():
            raise ValidationError("password may not begin or end with a blank.")
        if len(set(password)) < DISTINCT_MIN:
            message = f"password must have at least {DISTINCT_MIN} different characters."
            raise ValidationError(message)

    def get_help_text(self) -> str:
        return (
            f"Your password has at least {DISTINCT_MIN} different characters and no blank at its "
            "ends."
        )


def check_new_password(password: str, user: User, field: str = "password") -> None:
    """Raises DomainError."""
    if len(password) > LENGTH_MAX:  # before rules whose work grows with it
        raise invalid(field, f"{field} must be at most {LENGTH_MAX} characters.")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise invalid(field, " ".join(error.messages)) from error
