"""A look at a trader's page: opened with a reason, by one operator in one session, for one trader.

Its reads bring its word along, so that nothing is read of whom no look was opened at.
"""

from datetime import timedelta

from django.core import signing
from django.http import HttpRequest

from accounts.staff.sessions import kept_key
from common.errors import DomainError, ErrorCode

LASTS = timedelta(hours=1)  # then it is opened anew, with a reason
HEADER = "X-Look"
_SALT = "console.seen_as"


def opened_look(request: HttpRequest, user_id: int) -> str:
    return signing.dumps(_said(request, user_id), salt=_SALT)


def require_look(request: HttpRequest, user_id: int) -> None:
    """Raises DomainError."""
    try:
        said = signing.loads(request.headers.get(HEADER, ""), salt=_SALT, max_age=LASTS)
    except signing.SignatureExpired as error:
        message = "This look is over: open the page anew."
        raise DomainError(ErrorCode.TOKEN_EXPIRED, message) from error
    except signing.BadSignature as error:
        raise _unopened() from error
    if said != _said(request, user_id):
        raise _unopened()


def _said(request: HttpRequest, user_id: int) -> list[int | str | None]:
    return [request.user.pk, kept_key(request.session.session_key), user_id]


def _unopened() -> DomainError:
    message = "Nobody opened this look: open the page from the trader's record."
    return DomainError(ErrorCode.TOKEN_INVALID, message)
