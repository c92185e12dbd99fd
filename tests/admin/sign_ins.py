"""Who came in, and who did not."""

from accounts.access.sessions import Origin, open_session
from accounts.models import SignInFailure, User

ADDRESS = "203.0.113.7"


def make_sign_ins(user: User) -> None:
    open_session(user, Origin(ADDRESS, "curl/7.88.1"))
    SignInFailure.objects.create(username=user.username, address=ADDRESS)
