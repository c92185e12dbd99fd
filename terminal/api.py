"""① Sign-in for the page: as under /auth, but the refresh token stays in a cookie."""

from typing import Any

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.access import sessions
from accounts.api import (
    CREDENTIALS_EXAMPLE,
    Credentials,
    MessageAnswer,
    NewUser,
    PasswordBody,
    SigninFactorBody,
    asking,
    origin,
    with_new_password,
)
from accounts.factors.challenges import OpenChallenge
from accounts.factors.proofs import Proof
from accounts.law.countries import require_served
from accounts.throttles import PasswordThrottle, RenewalThrottle, SigninThrottle, SignupThrottle
from common.errors import DomainError
from common.http.bodies import parse_body
from common.http.errors import json_response
from common.http.schema import documented
from common.http.views import PublicView
from terminal import cookies


class PageSession(msgspec.Struct, frozen=True, rename="camel"):
    """`token` goes into the header ``Authorization: Bearer <token>``. `operates`:
    whether the console lets this user in."""

    token: str
    user_id: int
    username: str
    operates: bool


SESSION_EXAMPLE = {
    "token": "eyJhbGciOi…",
    "userId": 42,
    "username": "alice",
    "operates": False,
}


def _signed_in(tokens: sessions.Tokens, status: int = 200) -> Response:
    user = tokens.user
    answer = PageSession(tokens.token, user.pk, user.username, operates=user.is_staff)
    response = Response(answer, status=status)
    cookies.keep(response, tokens.refresh)
    return response


class _PageView(PublicView):
    """Of calls that set or read the cookie."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        cookies.require_own_page(request)
        super().initial(request, *args, **kwargs)


class PageSignupView(_PageView):
    throttle_classes = [SignupThrottle]

    @documented(
        "Sign up, from the page",
        body=NewUser,
        body_example=CREDENTIALS_EXAMPLE,
        status=201,
        answer=PageSession,
        example=SESSION_EXAMPLE,
        errors=(400, 403, 409, 429, 451, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """As POST /auth/signup; the refresh token is set as a cookie. For our page only."""
        require_served(request.META)
        body = parse_body(request, NewUser)
        tokens = services.sign_up(
            body.username,
            body.password,
            origin(request),
            terms_version=body.terms_version,
            referral_code=body.referral_code,
        )
        return _signed_in(tokens, status=201)


class PageSigninView(_PageView):
    throttle_classes = [SigninThrottle]

    @documented(
        "Sign in, from the page",
        body=Credentials,
        body_example=CREDENTIALS_EXAMPLE,
        answer=PageSession,
        example=SESSION_EXAMPLE,
        errors=(400, 401, 403, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """As POST /auth/signin; a second factor is shown with POST /page/signin/factor."""
        body = parse_body(request, Credentials)
        found = services.sign_in(body.username, body.password, origin(request))
        SigninThrottle().start_over(request)
        return asking(found) if isinstance(found, OpenChallenge) else _signed_in(found)


class PageSigninFactorView(_PageView):
    @documented(
        "Sign in, from the page: the second step",
        body=SigninFactorBody,
        body_example={"challenge": "eyJ1c2Vy…", "code": "492039"},
        answer=PageSession,
        example=SESSION_EXAMPLE,
        errors=(400, 401, 403, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """As POST /auth/signin/factor."""
        body = parse_body(request, SigninFactorBody)
        proof = Proof(body.code, body.recovery_code, body.passkey)
        return _signed_in(services.sign_in_with_factor(body.challenge, proof, origin(request)))


class _CookieThrottle(RenewalThrottle):
    def refresh_in(self, request: Request) -> str:
        return cookies.refresh_of(request)


class PageTokenView(_PageView):
    throttle_classes = [_CookieThrottle]

    @documented(
        "A token for the page",
        answer=PageSession,
        example=SESSION_EXAMPLE,
        errors=(401, 403, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """For the session of the cookie. The cookie is renewed once an hour; one that was renewed
        before ends the session, as with POST /auth/refresh."""
        try:
            return _signed_in(sessions.continue_session(cookies.refresh_of(request)))
        except DomainError as error:
            return _forgetting(error)


class PagePasswordView(APIView):
    throttle_classes = [PasswordThrottle]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        cookies.require_own_page(request)

    @documented(
        "Change the password, from the page",
        body=PasswordBody,
        body_example={"password": "correct horse battery", "newPassword": "staple of my own"},
        answer=PageSession,
        example=SESSION_EXAMPLE,
        errors=(400, 401, 403, 409, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """As POST /auth/password; the refresh token of the new session is set as a cookie."""
        return _signed_in(with_new_password(request))


class PageSignoutView(_PageView):
    throttle_classes = [_CookieThrottle]

    @documented(
        "Sign out, from the page",
        answer=MessageAnswer,
        example={"message": "Signed out."},
        errors=(401, 403, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Ends the session of the cookie, and takes the cookie away."""
        try:
            sessions.sign_out(cookies.refresh_of(request))
        except DomainError as error:
            return _forgetting(error)
        response = Response(MessageAnswer("Signed out."))
        cookies.forget(response)
        return response


def _forgetting(error: DomainError) -> HttpResponse:
    """A cookie that is good for nothing isn't kept."""
    response = json_response(error)
    cookies.forget(response)
    return response
