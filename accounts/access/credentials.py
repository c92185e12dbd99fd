"""Names and passwords, as whoever makes or opens an account gives them."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models.functions import Lower

from accounts.models import User
from accounts.passwords import LENGTH_MAX
from common.errors import DomainError, ErrorCode, invalid


def find_user(username: str) -> User | None:
    return User.objects.alias(lower=Lower("username")).filter(lower=username.lower()).first()


def check_username(user: User) -> None:
    """Raises DomainError."""
    exclude = [f.name for f in User._meta.fields if f.name != "username"]
    try:
        user.clean_fields(exclude=exclude)
    except ValidationError as error:
        message = f"username: {error.message_dict['username'][0]}"
        raise invalid("username", message) from error


def check_new_password(password: str, user: User, field: str = "password") -> None:
    """Raises DomainError."""
    if len(password) > LENGTH_MAX:  # before rules whose work grows with it
        raise invalid(field, f"{field} must be at most {LENGTH_MAX} characters.")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise invalid(field, " ".join(error.messages)) from error


def username_taken() -> DomainError:
    message = "That username is taken. Choose another."
    return DomainError(ErrorCode.USERNAME_TAKEN, message, "username")
