"""① What traders say of themselves, a forgotten password, and the way out."""

from http import HTTPStatus
from typing import Any

import msgspec
from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.access.authentication import session_id_of, user_id_of
from accounts.access.sessions import Origin, require_fresh_session
from accounts.factors.fresh import demand_fresh_factor
from accounts.models import Person, Session, SignInFailure, User
from accounts.notices.kinds import MUTABLE
from accounts.people import closing, export, profile, resets
from accounts.throttles import ExportThrottle, MailThrottle, PasswordThrottle, ResetThrottle
from common.http.bodies import parse_body
from common.http.paging import keyset_page, query_text
from common.http.schema import PAGING, documented, query
from common.http.views import PublicView
from common.limits.askers import address_of
from common.times import unix_ms


class _Body(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    pass


class MailBody(_Body, frozen=True):
    mail: str
    password: str


class TokenBody(_Body, frozen=True):
    token: str


class ResetBody(_Body, frozen=True):
    """`username`: the name, or the mail that was verified for it."""

    username: str


class NewPasswordBody(_Body, frozen=True):
    token: str
    new_password: str


class CloseBody(_Body, frozen=True):
    password: str


class ProfileBody(_Body, frozen=True):
    """What is not given stays. `country`: two letters of ISO 3166, or empty. `muted`: notices you
    don't want. `marginCallPercent`: of a position's margin ratio, at which you are warned."""

    name: str | None = None
    country: str | None = None
    muted: list[str] | None = None
    margin_call_percent: int | None = None


class ProfileAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`newMail` waits for its verification. `mutable`: what `muted` may name."""

    user_id: int
    username: str
    mail: str
    mail_verified: bool
    new_mail: str
    name: str
    country: str
    muted: list[str]
    mutable: list[str]
    margin_call_percent: int


class SignIn(msgspec.Struct, frozen=True, rename="camel"):
    """`endReason` is empty while it is open, and of one that ran out."""

    session_id: int
    opened_ms: int
    renewed_ms: int
    expires_ms: int
    ended_ms: int | None
    end_reason: str
    address: str | None
    client: str


class SignInsAnswer(msgspec.Struct, frozen=True, rename="camel"):
    sign_ins: list[SignIn]
    next_cursor: str | None


class FailedSignIn(msgspec.Struct, frozen=True, rename="camel"):
    failed_ms: int
    address: str | None


class FailedSignInsAnswer(msgspec.Struct, frozen=True, rename="camel"):
    failures: list[FailedSignIn]
    next_cursor: str | None


class KeptTable(msgspec.Struct, frozen=True):
    """Rows as they are kept, without what is secret or another's."""

    table: str
    rows: list[dict[str, Any]]


class DataAnswer(msgspec.Struct, frozen=True, rename="camel"):
    tables: list[KeptTable]
    next_cursor: str | None


class Said(msgspec.Struct, frozen=True):
    message: str


PROFILE_EXAMPLE = {
    "userId": 42,
    "username": "alice",
    "mail": "alice@example.com",
    "mailVerified": True,
    "newMail": "",
    "name": "Alice Example",
    "country": "CH",
    "muted": ["key_made"],
    "mutable": [str(kind) for kind in MUTABLE],
    "marginCallPercent": 80,
}


class ProfileView(APIView):
    @documented(
        "Your profile", answer=ProfileAnswer, example=PROFILE_EXAMPLE, errors=(401, 403, 503)
    )
    def get(self, request: Request) -> Response:
        """What you said of yourself, and what you are told by mail."""
        return Response(_profile(profile.person_of(user_id_of(request))))

    @documented(
        "Change your profile",
        body=ProfileBody,
        body_example={"country": "CH", "muted": ["key_made"], "marginCallPercent": 80},
        answer=ProfileAnswer,
        example=PROFILE_EXAMPLE,
        errors=(400, 401, 403, 503),
    )
    def patch(self, request: Request) -> Response:
        """Your name, your country, which notices you get, and when you are warned of a liquidation.
        The mail is changed by POST /user/mail."""
        body = parse_body(request, ProfileBody)
        changes = profile.ProfileChanges(
            body.name, body.country, body.muted, body.margin_call_percent
        )
        return Response(_profile(profile.change_profile(user_id_of(request), changes)))


def _profile(person: Person) -> ProfileAnswer:
    return ProfileAnswer(
        user_id=person.pk,
        username=User.objects.values_list("username", flat=True).get(pk=person.pk),
        mail=person.mail,
        mail_verified=person.mail_verified_at is not None,
        new_mail=person.new_mail,
        name=person.name,
        country=person.country,
        muted=person.muted,
        mutable=[str(kind) for kind in MUTABLE],
        margin_call_percent=person.margin_call_percent,
    )


class MailView(APIView):
    throttle_classes = [MailThrottle]

    @documented(
        "Give a mail address",
        body=MailBody,
        body_example={"mail": "alice@example.com", "password": "correct horse battery"},
        status=202,
        answer=Said,
        example={"message": "A mail is on its way: send its token to POST /auth/mail/verify."},
        errors=(400, 401, 403, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """Mails a token there. The address counts once the token has come back; until then notices
        go to the one before, which is told of the change."""
        body = parse_body(request, MailBody)
        demand_fresh_factor(user_id_of(request), session_id_of(request))
        profile.ask_mail(user_id_of(request), body.password, body.mail)
        PasswordThrottle().start_over(request)
        said = "A mail is on its way: send its token to POST /auth/mail/verify."
        return Response(Said(said), status=HTTPStatus.ACCEPTED)


class VerifyMailView(PublicView):
    @documented(
        "Verify a mail address",
        body=TokenBody,
        body_example={"token": "cH3x…"},
        answer=Said,
        example={"message": "Verified: notices go there from now on."},
        errors=(400, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """With the token of the mail, once, within 24 hours."""
        profile.verify_mail(parse_body(request, TokenBody).token)
        return Response(Said("Verified: notices go there from now on."))


RESET_SAID = "If there is such an account with a verified mail, a mail is on its way to it."


class ResetView(PublicView):
    throttle_classes = [*APIView.throttle_classes, ResetThrottle]

    @documented(
        "Forgot the password",
        body=ResetBody,
        body_example={"username": "alice"},
        status=202,
        answer=Said,
        example={"message": RESET_SAID},
        errors=(400, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """The answer is the same whether there is such an account or not."""
        body = parse_body(request, ResetBody)
        resets.ask_reset(body.username, address_of(request))
        return Response(Said(RESET_SAID), status=HTTPStatus.ACCEPTED)


class ResetConfirmView(PublicView):
    @documented(
        "Set a new password",
        body=NewPasswordBody,
        body_example={"token": "cH3x…", "newPassword": "staple of my own"},
        answer=Said,
        example={"message": "The password is changed. Sign in with it."},
        errors=(400, 429, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """With the token of the mail, once, within 30 minutes. Ends all sessions; keys and second
        factors stay."""
        body = parse_body(request, NewPasswordBody)
        origin = Origin(address_of(request), request.META.get("HTTP_USER_AGENT", ""))
        resets.reset_password(body.token, body.new_password, origin)
        return Response(Said("The password is changed. Sign in with it."))


class SignInsView(APIView):
    @documented(
        "Your sign-ins",
        answer=SignInsAnswer,
        example={
            "signIns": [
                {
                    "sessionId": 7,
                    "openedMs": 1764000000000,
                    "renewedMs": 1764000900000,
                    "expiresMs": 1764605700000,
                    "endedMs": 1764001000000,
                    "endReason": "signed_out",
                    "address": "203.0.113.7",
                    "client": "curl/7.88.1",
                }
            ],
            "nextCursor": None,
        },
        parameters=PAGING,
        errors=(400, 401, 403, 503),
    )
    def get(self, request: Request) -> Response:
        """Of the last 90 days, ended ones too, newest first."""
        rows = Session.objects.filter(user_id=user_id_of(request))
        page, next_cursor = keyset_page(request, rows)
        return Response(SignInsAnswer([_sign_in(row) for row in page], next_cursor))


def _sign_in(row: Session) -> SignIn:
    return SignIn(
        session_id=row.pk,
        opened_ms=unix_ms(row.opened_at),
        renewed_ms=unix_ms(row.renewed_at),
        expires_ms=unix_ms(row.expires_at),
        ended_ms=unix_ms(row.ended_at) if row.ended_at else None,
        end_reason=row.end_reason,
        address=row.address,
        client=row.client,
    )


class FailedSignInsView(APIView):
    @documented(
        "Wrong passwords at your name",
        answer=FailedSignInsAnswer,
        example={
            "failures": [{"failedMs": 1764000000000, "address": "203.0.113.7"}],
            "nextCursor": None,
        },
        parameters=PAGING,
        errors=(400, 401, 403, 503),
    )
    def get(self, request: Request) -> Response:
        """Of the last 90 days, newest first."""
        name = User.objects.values_list("username", flat=True).get(pk=user_id_of(request))
        page, next_cursor = keyset_page(
            request, SignInFailure.objects.filter(username__iexact=name)
        )
        failures = [FailedSignIn(unix_ms(row.failed_at), row.address) for row in page]
        return Response(FailedSignInsAnswer(failures, next_cursor))


class CloseView(APIView):
    throttle_classes = [PasswordThrottle]

    @documented(
        "Close your account",
        body=CloseBody,
        body_example={"password": "correct horse battery"},
        answer=Said,
        example={"message": "The account is closed."},
        errors=(400, 401, 403, 409, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """Once it is flat and empty: no position, order, money or movement of money. Sessions end
        and keys are revoked. 409 ACCOUNT_IN_USE says in `reasons` what is left."""
        body = parse_body(request, CloseBody)
        demand_fresh_factor(user_id_of(request), session_id_of(request))
        closing.close_account(user_id_of(request), body.password)
        return Response(Said("The account is closed."))


class DataView(APIView):
    def get_throttles(self) -> list[BaseThrottle]:
        limited = [ExportThrottle()] if settings.LIMITS else []
        return [*super().get_throttles(), *limited]

    @documented(
        "All that is kept of you",
        answer=DataAnswer,
        example={
            "tables": [
                {"table": "accounts.User", "rows": [{"id": 42, "username": "alice"}]},
                {"table": "accounts.Person", "rows": [{"user_id": 42, "country": "CH"}]},
            ],
            "nextCursor": None,
        },
        parameters=[query("cursor", "Continue after this: nextCursor of the part before.")],
        errors=(400, 401, 403, 429, 503),
    )
    def get(self, request: Request) -> Response:
        """Every row, in parts of up to 5,000. Takes a session that was opened within the last ten
        minutes: who finds one open must not carry everything away."""
        user_id, session_id = user_id_of(request), session_id_of(request)
        require_fresh_session(session_id)
        demand_fresh_factor(user_id, session_id)
        part = export.export_part(user_id, query_text(request, "cursor", 40))
        return Response(data_answer(part))


def data_answer(part: export.PersonPart) -> DataAnswer:
    return DataAnswer([KeptTable(one.table, one.rows) for one in part.stretches], part.next_cursor)
