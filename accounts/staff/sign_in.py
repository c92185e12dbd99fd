"""The admin's door: guesses at an operator's password wait longer and longer, and are seen.

A name is locked for all (`accounts.access.guesses`), and each address has a budget for all names.
What failed is a row for other operators and a line in the log; what was refused before the password
was looked at is a line alone, so that nobody fills the table. Whose password is right has still to
show a second factor: the pages that ask for it are the console's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.access.unlocking import note_failure
from accounts.models import Door, SignInStep
from accounts.models.access import USERNAME_LENGTH_MAX
from accounts.throttles import FREE_STAFF_GUESSES, own_password_guesses, sign_in_guesses
from common.admin.acts import Act, Verb, tell
from common.limits.askers import address_of

if TYPE_CHECKING:  # unfold has no types
    from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm
    from django.contrib.admin.forms import AdminPasswordChangeForm
else:
    from unfold.forms import AdminOwnPasswordChangeForm as AdminPasswordChangeForm
    from unfold.forms import AuthenticationForm

log = structlog.get_logger(__name__)


class StaffSignInForm(AuthenticationForm):
    """``wait_s``: how long until it may be tried again; 0 where it was tried."""

    wait_s = 0

    def clean(self) -> dict[str, Any]:
        name = str(self.cleaned_data.get("username") or "")[:USERNAME_LENGTH_MAX]
        if self.request is None or not name or not self.cleaned_data.get("password"):
            return super().clean()
        address = address_of(self.request)
        guesses = sign_in_guesses(self.request, name, FREE_STAFF_GUESSES)
        self.wait_s = guesses.standing().retry_s
        if self.wait_s:
            log.warning("staff_sign_in_refused", name=name, address=address, wait_s=self.wait_s)
            raise _too_many(self.wait_s)
        with _seen_if_wrong(name, self.request):
            cleaned = super().clean()
        guesses.was_right()
        return cleaned


class StaffPasswordForm(AdminPasswordChangeForm):
    """An operator's new password. Whoever got hold of the cookie doesn't know the old one, and
    guesses at it wait as they do at the door."""

    wait_s = 0

    def save(self, commit: bool = True) -> Any:
        with transaction.atomic():
            user = super().save(commit)
            tell(Act(verb=Verb.PASSWORD_CHANGED, request=self._request, obj=user))
        return user

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request

    def clean_old_password(self) -> str:
        guesses = own_password_guesses(self._request, self.user.pk, FREE_STAFF_GUESSES)
        self.wait_s = guesses.standing().retry_s
        name, address = self.user.get_username(), address_of(self._request)
        if self.wait_s:
            log.warning("staff_password_refused", name=name, address=address, wait_s=self.wait_s)
            raise _too_many(self.wait_s)
        with _seen_if_wrong(name, self._request):
            old_password = super().clean_old_password()
        guesses.was_right()
        return old_password


@contextmanager
def _seen_if_wrong(name: str, request: HttpRequest) -> Iterator[None]:
    """What the form refuses within is a row for other operators, one of the audit, and a line in
    the log."""
    try:
        yield
    except ValidationError:
        staff_failure(request, name)
        raise


@transaction.atomic
def staff_failure(request: HttpRequest, name: str, step: SignInStep = SignInStep.PASSWORD) -> None:
    failure = note_failure(Door.CONSOLE, name, address_of(request), step)
    words = f"as {name}" if step is SignInStep.PASSWORD else f"as {name}, by the second factor"
    if failure is not None:
        tell(Act(verb=Verb.SIGN_IN_FAILED, request=request, obj=failure, words=words))


def _too_many(wait_s: int) -> ValidationError:
    message = f"Too many wrong passwords. Try again in {wait_s} seconds."
    return ValidationError(message, code="too_many")
