"""① A user's second factors: setting up, showing afresh, taking away. In a session: no key takes
any of these calls."""

from typing import Any

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.access.authentication import session_id_of, user_id_of
from accounts.access.credentials import require_password
from accounts.factors import passkeys, services
from accounts.factors.fresh import (
    confirm,
    demand_fresh_factor,
    factor_shown_at,
    fresh_for,
    is_fresh,
    mark_shown,
)
from accounts.factors.locks import withdrawals_locked_until
from accounts.factors.proofs import Proof
from accounts.factors.recovery import codes_left
from accounts.factors.selectors import factors_of, has_factor
from accounts.models import Factor
from accounts.throttles import PasswordThrottle
from common.errors import DomainError, ErrorCode
from common.http.bodies import parse_body
from common.http.schema import documented
from common.times import unix_ms

Passkey = dict[str, Any]


class ProofBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One of them: `code` of the app, a `recoveryCode`, or `passkey`, which is what
    `navigator.credentials.get()` answered, as its `toJSON()` has it."""

    code: str | None = None
    recovery_code: str | None = None
    passkey: Passkey | None = None


class NewAppBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`password`, if it is your first second factor; else show one with POST /auth/confirm."""

    password: str | None = None
    name: str = services.APP_NAME


class AppCodeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str


class NewPasskeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`password` as for an app."""

    password: str | None = None


class PasskeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`passkey`: what `navigator.credentials.create()` answered, as its `toJSON()` has it."""

    passkey: Passkey
    name: str = services.PASSKEY_NAME


class NothingBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class SecondFactor(msgspec.Struct, frozen=True, rename="camel"):
    """`kind`: totp or passkey."""

    factor_id: int
    kind: str
    name: str
    made_ms: int
    last_used_ms: int | None


class FactorsAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`freshUntilMs`: until then this session may do what asks for a second factor, null if it may
    not. Withdrawals are locked for a day after a reset."""

    factors: list[SecondFactor]
    recovery_codes_left: int
    fresh_until_ms: int | None
    withdrawals_locked_until_ms: int | None


class NewAppAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`uri` goes into the app, as `qr`, an image to show, or `secret`, to type. Shown once."""

    factor_id: int
    secret: str
    uri: str
    qr: str


class OptionsAnswer(msgspec.Struct, frozen=True):
    """For `navigator.credentials`: `PublicKeyCredential.parse…OptionsFromJSON(options)`."""

    options: dict[str, Any]


class EnrolledAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`recoveryCodes` come with the first factor and are shown once; else the list is empty."""

    factor: SecondFactor
    recovery_codes: list[str]


class RecoveryCodesAnswer(msgspec.Struct, frozen=True, rename="camel"):
    recovery_codes: list[str]


class FreshAnswer(msgspec.Struct, frozen=True, rename="camel"):
    fresh_until_ms: int


class FactorDeleted(msgspec.Struct, frozen=True):
    message: str


FACTOR_EXAMPLE = {
    "factorId": 3,
    "kind": "totp",
    "name": "authenticator app",
    "madeMs": 1764000000000,
    "lastUsedMs": 1764000900000,
}
CODES_EXAMPLE = ["k3vd-9qpx-2mwa-htzc"]
PASSKEY_EXAMPLE = {"id": "AbCd…", "rawId": "AbCd…", "type": "public-key", "response": {}}
OPTIONS_EXAMPLE = {"options": {"challenge": "q83v…", "timeout": 300000}}


class FactorsView(APIView):
    @documented(
        "List your second factors",
        answer=FactorsAnswer,
        example={
            "factors": [FACTOR_EXAMPLE],
            "recoveryCodesLeft": 10,
            "freshUntilMs": 1764000300000,
            "withdrawalsLockedUntilMs": None,
        },
        errors=(401, 403, 503),
    )
    def get(self, request: Request) -> Response:
        """With how many recovery codes are left."""
        user_id = user_id_of(request)
        shown_at = factor_shown_at(user_id, session_id_of(request))
        locked_until = withdrawals_locked_until(user_id)
        return Response(
            FactorsAnswer(
                [_factor(row) for row in factors_of(user_id).order_by("pk")],
                codes_left(user_id),
                unix_ms(shown_at + fresh_for()) if shown_at and is_fresh(shown_at) else None,
                unix_ms(locked_until) if locked_until else None,
            )
        )


class _NewFactorView(APIView):
    def get_throttles(self) -> list[BaseThrottle]:
        """The first is set up with the password, which is no easier to guess here."""
        body: Any = self.request.data if self.request.method == "POST" else {}
        guesses = isinstance(body, dict) and body.get("password") is not None
        return [*super().get_throttles(), *([PasswordThrottle()] if guesses else [])]


class AppView(_NewFactorView):
    @documented(
        "Set up an authenticator app",
        body=NewAppBody,
        body_example={"password": "correct horse battery", "name": "phone"},
        status=201,
        answer=NewAppAnswer,
        example={
            "factorId": 3,
            "secret": "JBSWY3DPEHPK3PXP",
            "uri": "otpauth://totp/Exchange:alice?secret=JBSWY3DPEHPK3PXP&issuer=Exchange",
            "qr": "data:image/svg+xml;…",
        },
        errors=(400, 401, 403, 409, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """It counts once `…/confirm` has had a code of it, and then in place of the one you had."""
        body = parse_body(request, NewAppBody)
        _demand_owner(request, body.password)
        begun = services.begin_app(user_id_of(request), body.name)
        answer = NewAppAnswer(begun.factor.pk, begun.secret, begun.uri, begun.qr)
        return Response(answer, status=201)


class AppConfirmView(APIView):
    @documented(
        "Confirm an authenticator app",
        body=AppCodeBody,
        body_example={"code": "492039"},
        answer=EnrolledAnswer,
        example={"factor": FACTOR_EXAMPLE, "recoveryCodes": CODES_EXAMPLE},
        errors=(400, 401, 403, 404, 409, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """With a code that it shows now, within ten minutes. Whoever has a second factor shows a
        fresh one, as for beginning."""
        body = parse_body(request, AppCodeBody)
        demand_fresh_factor(user_id_of(request), session_id_of(request))
        return _enrolled(request, services.confirm_app(user_id_of(request), body.code))


class PasskeysView(_NewFactorView):
    @documented(
        "Set up a passkey",
        body=NewPasskeyBody,
        body_example={"password": "correct horse battery"},
        answer=OptionsAnswer,
        example=OPTIONS_EXAMPLE,
        errors=(400, 401, 403, 409, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """What the browser is to make one of, within five minutes."""
        body = parse_body(request, NewPasskeyBody)
        _demand_owner(request, body.password)
        return Response(OptionsAnswer(services.begin_passkey(user_id_of(request))))


class PasskeyFinishView(APIView):
    @documented(
        "Confirm a passkey",
        body=PasskeyBody,
        body_example={"name": "laptop", "passkey": PASSKEY_EXAMPLE},
        status=201,
        answer=EnrolledAnswer,
        example={
            "factor": {**FACTOR_EXAMPLE, "kind": "passkey", "name": "laptop"},
            "recoveryCodes": CODES_EXAMPLE,
        },
        errors=(400, 401, 403, 409, 503),
    )
    def post(self, request: Request) -> Response:
        """What was asked for with POST /user/factors/passkeys in this account, just now. Whoever
        has a second factor shows a fresh one, as for beginning."""
        body = parse_body(request, PasskeyBody)
        user_id = user_id_of(request)
        demand_fresh_factor(user_id, session_id_of(request))
        return _enrolled(
            request, services.finish_passkey(user_id, body.name, body.passkey), status=201
        )


class FactorView(APIView):
    @documented(
        "Remove a second factor",
        answer=FactorDeleted,
        example={"message": "Second factor 3 is removed."},
        errors=(401, 403, 404, 409, 503),
    )
    def delete(self, request: Request, factor_id: int) -> Response:
        """Asks for a fresh one. With your last the recovery codes go, too."""
        demand_fresh_factor(user_id_of(request), session_id_of(request))
        services.remove_factor(user_id_of(request), factor_id)
        return Response(FactorDeleted(f"Second factor {factor_id} is removed."))


class RecoveryCodesView(APIView):
    @documented(
        "Make new recovery codes",
        body=NothingBody,
        body_example={},
        status=201,
        answer=RecoveryCodesAnswer,
        example={"recoveryCodes": CODES_EXAMPLE},
        errors=(400, 401, 403, 404, 503),
    )
    def post(self, request: Request) -> Response:
        """Ten, shown once, each for one use. Those you had do nothing any more. Asks for a fresh
        second factor."""
        parse_body(request, NothingBody)
        demand_fresh_factor(user_id_of(request), session_id_of(request))
        codes = services.new_recovery_codes(user_id_of(request))
        return Response(RecoveryCodesAnswer(codes), status=201)


class ConfirmView(APIView):
    @documented(
        "Show a second factor",
        body=ProofBody,
        body_example={"code": "492039"},
        answer=FreshAnswer,
        example={"freshUntilMs": 1764000300000},
        errors=(400, 401, 403, 404, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """For some minutes this session may do what answered SECOND_FACTOR_REQUIRED."""
        body = parse_body(request, ProofBody)
        until = confirm(user_id_of(request), session_id_of(request), proof_of(body))
        return Response(FreshAnswer(unix_ms(until)))


class ConfirmPasskeyView(APIView):
    @documented(
        "Begin to show a passkey",
        body=NothingBody,
        body_example={},
        answer=OptionsAnswer,
        example=OPTIONS_EXAMPLE,
        errors=(400, 401, 403, 404, 503),
    )
    def post(self, request: Request) -> Response:
        """What a passkey is to sign for POST /auth/confirm, within five minutes."""
        parse_body(request, NothingBody)
        return Response(OptionsAnswer(passkeys.request_options(user_id_of(request))))


def proof_of(body: ProofBody) -> Proof:
    return Proof(body.code, body.recovery_code, body.passkey)


def _demand_owner(request: Request, password: str | None) -> None:
    """A fresh factor, or the password of whoever has none yet: a stolen token sets up nothing.
    Raises DomainError."""
    user_id = user_id_of(request)
    demand_fresh_factor(user_id, session_id_of(request))
    if has_factor(user_id):
        return
    if password is None:
        message = "password is missing: your first second factor is set up with it."
        raise DomainError(ErrorCode.MISSING_FIELD, message, "password")
    require_password(user_id, password)
    PasswordThrottle().start_over(request)


def _enrolled(request: Request, made: services.Enrolled, status: int = 200) -> Response:
    """Whoever set it up has shown it."""
    mark_shown(user_id_of(request), session_id_of(request))
    return Response(EnrolledAnswer(_factor(made.factor), made.recovery_codes), status=status)


def _factor(row: Factor) -> SecondFactor:
    return SecondFactor(
        factor_id=row.pk,
        kind=row.kind,
        name=row.name,
        made_ms=unix_ms(row.made_at),
        last_used_ms=unix_ms(row.last_used_at) if row.last_used_at else None,
    )
