"""① Sign-up, sign-in, and the life of tokens."""

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.throttles import SigninThrottle, SignupThrottle
from exchange_site.bodies import parse_body
from exchange_site.schema import documented


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    username: str
    password: str


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh: str


class SessionAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`token` goes into the header ``Authorization: Bearer <token>``."""

    token: str
    refresh: str
    user_id: int
    username: str


class MessageAnswer(msgspec.Struct, frozen=True):
    message: str


CREDENTIALS_EXAMPLE = {"username": "alice", "password": "correct horse battery"}
SESSION_EXAMPLE = {
    "token": "eyJhbGciOi…",
    "refresh": "eyJhbGciOi…",
    "userId": 42,
    "username": "alice",
}


def _answer(session: services.Session, status: int = 200) -> Response:
    answer = SessionAnswer(
        token=session.token,
        refresh=session.refresh,
        user_id=session.user.pk,
        username=session.user.username,
    )
    return Response(answer, status=status)


class _PublicView(APIView):
    authentication_classes = []
    permission_classes = []


class SignupView(_PublicView):
    throttle_classes = [SignupThrottle]

    @documented(
        "Sign up",
        body=Credentials,
        body_example=CREDENTIALS_EXAMPLE,
        status=201,
        answer=SessionAnswer,
        example=SESSION_EXAMPLE,
        errors=(400, 409, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """Makes a trader with an empty wallet and signs them in."""
        body = parse_body(request, Credentials)
        return _answer(services.sign_up(body.username, body.password), status=201)


class SigninView(_PublicView):
    throttle_classes = [SigninThrottle]

    @documented(
        "Sign in",
        body=Credentials,
        body_example=CREDENTIALS_EXAMPLE,
        answer=SessionAnswer,
        example=SESSION_EXAMPLE,
        errors=(400, 401, 403, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """A token lasts 15 minutes; `refresh` buys the next pair, once."""
        body = parse_body(request, Credentials)
        session = services.sign_in(body.username, body.password)
        SigninThrottle().start_over(request, self)
        return _answer(session)


class RefreshView(_PublicView):
    @documented(
        "Renew a token",
        body=RefreshBody,
        body_example={"refresh": "eyJhbGciOi…"},
        answer=SessionAnswer,
        example=SESSION_EXAMPLE,
        errors=(400, 401, 403, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """Answers a new pair. The refresh token that was sent is used up."""
        return _answer(services.refresh_session(parse_body(request, RefreshBody).refresh))


class SignoutView(_PublicView):
    @documented(
        "Sign out",
        body=RefreshBody,
        body_example={"refresh": "eyJhbGciOi…"},
        answer=MessageAnswer,
        example={"message": "Signed out."},
        errors=(400, 401, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """Uses up the refresh token. Its access token runs out within 15 minutes."""
        services.sign_out(parse_body(request, RefreshBody).refresh)
        return Response(MessageAnswer("Signed out."))
