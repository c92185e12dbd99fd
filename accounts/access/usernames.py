"""Names of users, as whoever makes an account chooses them."""

from django.core.exceptions import ValidationError
from django.db.models.functions import Lower

from accounts.models import User
from accounts.models.access import USERNAME_LENGTH_MAX
from common.errors import DomainError, ErrorCode, invalid


def find_user(username: str) -> User | None:
    return User.objects.alias(lower=Lower("username")).filter(lower=username.lower()).first()


def storable(typed: str) -> str:
    """A name as it was typed, whatever that was, as a row can keep it."""
    return typed.replace("\0", "").encode(errors="replace").decode()[:USERNAME_LENGTH_MAX]


def check_username(user: User) -> None:
    """Raises DomainError."""
    exclude = [f.name for f in User._meta.fields if f.name != "username"]
    try:
        user.clean_fields(exclude=exclude)
    except ValidationError as error:
        message = f"username: {error.message_dict['username'][0]}"
        raise invalid("username", message) from error


def username_taken() -> DomainError:
    message = "That username is taken. Choose another."
    return DomainError(ErrorCode.USERNAME_TAKEN, message, "username")
