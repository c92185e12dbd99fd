"""① Sign-up, sign-in, passwords, and the life of sessions."""

from http import HTTPStatus

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.access import sessions
from accounts.access.authentication import session_id_of, user_id_of
from accounts.access.unlocking import unlock
from accounts.factors import passkeys
from accounts.factors.api import OPTIONS_EXAMPLE, OptionsAnswer, Passkey
from accounts.factors.challenges import OpenChallenge, user_asked
from accounts.factors.fresh import demand_fresh_factor, factor_shown_at
from accounts.factors.proofs import Proof
from accounts.law.countries import require_served
from accounts.models import EndReason
from accounts.throttles import PasswordThrottle, RenewalThrottle, SigninThrottle, SignupThrottle
from common.errors import ErrorCode
from common.http.bodies import parse_body
from common.http.schema import documented
from common.http.views import PublicView
from common.limits.askers import address_of
from common.times import unix_ms


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    username: str
    password: str


class ChallengeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    challenge: str


class SigninFactorBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`challenge` of POST /auth/signin, and one of the others as for POST /auth/confirm."""

    challenge: str
    code: str | None = None
    recovery_code: str | None = None
    passkey: Passkey | None = None


class FactorAsked(msgspec.Struct, frozen=True, rename="camel"):
    """The password was right, and is not enough. `kinds`: what can be shown (totp, passkey,
    recovery_code); `challenge` is for the second step, until `expiresMs`."""

    message: str
    code: str
    challenge: str
    kinds: list[str]
    expires_ms: int


class UnlockBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str


class NewUser(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`termsVersion`: of the terms of service in force (GET /terms), where there are any; whoever
    names it accepts them. `referralCode`: of whoever brought you."""

    username: str
    password: str
    terms_version: int | None = None
    referral_code: str | None = None


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh: str


class PasswordBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    password: str
    new_password: str


class SessionAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`token` goes into the header ``Authorization: Bearer <token>``."""

    token: str
    refresh: str
    user_id: int
    username: str


class OpenSession(msgspec.Struct, frozen=True, rename="camel"):
    """A sign-in that can still be renewed. ``current``: the one that asks."""

    session_id: int
    opened_ms: int
    renewed_ms: int
    expires_ms: int
    address: str | None
    client: str
    current: bool


class SessionsAnswer(msgspec.Struct, frozen=True):
    sessions: list[OpenSession]


class EndedAnswer(msgspec.Struct, frozen=True):
    ended: int


class MessageAnswer(msgspec.Struct, frozen=True):
    message: str


CREDENTIALS_EXAMPLE = {"username": "alice", "password": "correct horse battery"}
SESSION_EXAMPLE = {
    "token": "eyJhbGciOi…",
    "refresh": "eyJhbGciOi…",
    "userId": 42,
    "username": "alice",
}


def _answer(tokens: sessions.Tokens, status: int = 200) -> Response:
    answer = SessionAnswer(
        token=tokens.token,
        refresh=tokens.refresh,
        user_id=tokens.user.pk,
        username=tokens.user.username,
    )
    return Response(answer, status=status)


def asking(asked: OpenChallenge) -> Response:
    """No error of a service: 401 here, where everywhere else a session that isn't fresh is 403."""
    answer = FactorAsked(
        message="The password is right. Show your second factor with POST /auth/signin/factor.",
        code=ErrorCode.SECOND_FACTOR_REQUIRED,
        challenge=asked.challenge,
        kinds=asked.kinds,
        expires_ms=unix_ms(asked.good_until),
    )
    headers = {"WWW-Authenticate": "Bearer"}
    return Response(answer, status=HTTPStatus.UNAUTHORIZED, headers=headers)


def origin(request: Request) -> sessions.Origin:
    return sessions.Origin(address_of(request), request.META.get("HTTP_USER_AGENT", ""))


def with_new_password(request: Request) -> sessions.Tokens:
    """Of the session that is opened in place of all that were."""
    body = parse_body(request, PasswordBody)
    user_id, session_id = user_id_of(request), session_id_of(request)
    demand_fresh_factor(user_id, session_id)
    shown_at = factor_shown_at(user_id, session_id)
    tokens = services.change_password(
        user_id, body.password, body.new_password, origin(request), shown_at
    )
    PasswordThrottle().start_over(request)
    return tokens


class SignupView(PublicView):
    throttle_classes = [SignupThrottle]

    @documented(
        "Sign up",
        body=NewUser,
        body_example=CREDENTIALS_EXAMPLE,
        status=201,
        answer=SessionAnswer,
        example=SESSION_EXAMPLE,
        errors=(400, 403, 409, 429, 451, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """Makes a trader with an empty wallet and signs them in."""
        require_served(request.META)
        body = parse_body(request, NewUser)
        tokens = services.sign_up(
            body.username,
            body.password,
            origin(request),
            terms_version=body.terms_version,
            referral_code=body.referral_code,
        )
        return _answer(tokens, status=201)


class SigninView(PublicView):
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
        """A token lasts 15 minutes; `refresh` buys the next pair, once. Whoever has a second factor
        is answered 401 SECOND_FACTOR_REQUIRED with a `challenge` for POST /auth/signin/factor."""
        body = parse_body(request, Credentials)
        signed_in = services.sign_in(body.username, body.password, origin(request))
        SigninThrottle().start_over(request)
        return asking(signed_in) if isinstance(signed_in, OpenChallenge) else _answer(signed_in)


class SigninFactorView(PublicView):
    @documented(
        "Sign in: the second step",
        body=SigninFactorBody,
        body_example={"challenge": "eyJ1c2Vy…", "code": "492039"},
        answer=SessionAnswer,
        example=SESSION_EXAMPLE,
        errors=(400, 401, 403, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """The session may do at once what asks for a second factor."""
        body = parse_body(request, SigninFactorBody)
        proof = Proof(body.code, body.recovery_code, body.passkey)
        return _answer(services.sign_in_with_factor(body.challenge, proof, origin(request)))


class SigninPasskeyView(PublicView):
    @documented(
        "Sign in: begin with a passkey",
        body=ChallengeBody,
        body_example={"challenge": "eyJ1c2Vy…"},
        answer=OptionsAnswer,
        example=OPTIONS_EXAMPLE,
        errors=(400, 401, 404, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """What a passkey is to sign for POST /auth/signin/factor, within five minutes."""
        user = user_asked(parse_body(request, ChallengeBody).challenge)
        return Response(OptionsAnswer(passkeys.request_options(user.pk)))


class UnlockView(PublicView):
    @documented(
        "Lift the lock of your name",
        body=UnlockBody,
        body_example={"token": "q83vEjRWeJA…"},
        answer=MessageAnswer,
        example={"message": "The lock is lifted: sign in."},
        errors=(400, 401, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """With the token that was mailed to you as others' wrong passwords locked it. Once."""
        unlock(parse_body(request, UnlockBody).token)
        return Response(MessageAnswer("The lock is lifted: sign in."))


class RefreshView(PublicView):
    throttle_classes = [*APIView.throttle_classes, RenewalThrottle]

    @documented(
        "Renew a token",
        body=RefreshBody,
        body_example={"refresh": "eyJhbGciOi…"},
        answer=SessionAnswer,
        example=SESSION_EXAMPLE,
        errors=(400, 401, 403, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """Answers a new pair. The refresh token that was sent is used up; sent again, it ends the
        session, since one of the two who have it should not."""
        return _answer(sessions.renew_session(parse_body(request, RefreshBody).refresh))


class SignoutView(PublicView):
    throttle_classes = [*APIView.throttle_classes, RenewalThrottle]

    @documented(
        "Sign out",
        body=RefreshBody,
        body_example={"refresh": "eyJhbGciOi…"},
        answer=MessageAnswer,
        example={"message": "Signed out."},
        errors=(400, 401, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """Ends the session: its refresh token at once, its access token within seconds."""
        sessions.sign_out(parse_body(request, RefreshBody).refresh)
        return Response(MessageAnswer("Signed out."))


class PasswordView(APIView):
    throttle_classes = [PasswordThrottle]

    @documented(
        "Change the password",
        body=PasswordBody,
        body_example={"password": "correct horse battery", "newPassword": "staple of my own"},
        answer=SessionAnswer,
        example=SESSION_EXAMPLE,
        errors=(400, 401, 403, 409, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """Ends all sessions, this one too, and answers the tokens of a new one. Asks whoever has a
        second factor for a fresh one."""
        return _answer(with_new_password(request))


class SessionsView(APIView):
    @documented(
        "List your sessions",
        answer=SessionsAnswer,
        example={
            "sessions": [
                {
                    "sessionId": 7,
                    "openedMs": 1764000000000,
                    "renewedMs": 1764000900000,
                    "expiresMs": 1764605700000,
                    "address": "203.0.113.7",
                    "client": "curl/7.88.1",
                    "current": True,
                }
            ]
        },
        errors=(401, 403, 503),
    )
    def get(self, request: Request) -> Response:
        """Those that can still be renewed, newest first."""
        current = session_id_of(request)
        rows = sessions.open_sessions(user_id_of(request)).order_by("-pk")
        return Response(
            SessionsAnswer(
                [
                    OpenSession(
                        session_id=row.pk,
                        opened_ms=unix_ms(row.opened_at),
                        renewed_ms=unix_ms(row.renewed_at),
                        expires_ms=unix_ms(row.expires_at),
                        address=row.address,
                        client=row.client,
                        current=row.pk == current,
                    )
                    for row in rows
                ]
            )
        )

    @documented(
        "End your other sessions",
        operation_id="auth_sessions_end_others",
        answer=EndedAnswer,
        example={"ended": 3},
        errors=(401, 403, 503),
    )
    def delete(self, request: Request) -> Response:
        """All but the one that asks. They are refused within seconds."""
        ended = sessions.end_sessions_of(
            user_id_of(request), EndReason.ENDED_BY_USER, keep=session_id_of(request)
        )
        return Response(EndedAnswer(ended))


class SessionView(APIView):
    @documented(
        "End a session",
        answer=MessageAnswer,
        example={"message": "Session 7 has ended."},
        errors=(401, 403, 404, 503),
    )
    def delete(self, request: Request, session_id: int) -> Response:
        """One of your own, also the one that asks. It is refused within seconds."""
        sessions.end_own_session(user_id_of(request), session_id)
        return Response(MessageAnswer(f"Session {session_id} has ended."))
