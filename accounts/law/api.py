"""① Terms of service, and what a provider of identities tells."""

from datetime import datetime, timedelta

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from accounts.law import identity, terms
from accounts.models import TermsVersion
from common.errors import invalid
from common.http.bodies import parse_body
from common.http.schema import documented
from common.http.views import PublicView
from common.limits.askers import address_of
from common.times import EPOCH, unix_ms


class Terms(msgspec.Struct, frozen=True, rename="camel"):
    version: int
    text: str
    in_force_ms: int


class TermsAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`inForce` is null where there are none; `toCome` is the next that can be accepted by now."""

    in_force: Terms | None
    to_come: Terms | None


class AcceptanceBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    terms_version: int


class AcceptanceAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`acceptedVersion`: the newest that you accepted; null for none."""

    accepted_version: int | None
    in_force_version: int | None


class IdentityBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`eventId` is the sender's own, and names the event each time it is sent. `level` is 0 to 3.
    `occurredMs`: when it was verified."""

    event_id: str
    user_id: int
    level: int
    occurred_ms: int


class IdentityAnswer(msgspec.Struct, frozen=True):
    outcome: str


TERMS_EXAMPLE = {
    "inForce": {"version": 1, "text": "1. …", "inForceMs": 1764000000000},
    "toCome": None,
}


class TermsView(PublicView):
    throttle_classes = APIView.throttle_classes

    @documented(
        "Terms of service",
        answer=TermsAnswer,
        example=TERMS_EXAMPLE,
        errors=(503,),
        public=True,
    )
    def get(self, request: Request) -> Response:  # noqa: ARG002  as all views
        """Those in force, and the next."""
        return Response(TermsAnswer(_terms(terms.terms_in_force()), _terms(terms.terms_to_come())))


def _terms(row: TermsVersion | None) -> Terms | None:
    return None if row is None else Terms(row.version, row.text, unix_ms(row.in_force_at))


class AcceptanceView(APIView):
    @documented(
        "Which terms you accepted",
        answer=AcceptanceAnswer,
        example={"acceptedVersion": 1, "inForceVersion": 1},
        errors=(401, 403, 503),
    )
    def get(self, request: Request) -> Response:
        return Response(_acceptance(user_id_of(request)))

    @documented(
        "Accept the terms",
        body=AcceptanceBody,
        body_example={"termsVersion": 1},
        answer=AcceptanceAnswer,
        example={"acceptedVersion": 1, "inForceVersion": 1},
        errors=(400, 401, 403, 503),
    )
    def post(self, request: Request) -> Response:
        """Those in force, or to come. Until then orders that aren't reduce-only, deposits and new
        keys are refused (TERMS_NOT_ACCEPTED)."""
        body = parse_body(request, AcceptanceBody)
        user_id = user_id_of(request)
        terms.accept_terms(user_id, body.terms_version, address_of(request))
        return Response(_acceptance(user_id))


def _acceptance(user_id: int) -> AcceptanceAnswer:
    in_force = terms.terms_in_force()
    version = None if in_force is None else in_force.version
    return AcceptanceAnswer(terms.accepted_version(user_id), version)


class IdentityView(PublicView):
    throttle_classes = APIView.throttle_classes

    @documented(
        "A user's identity was verified",
        body=IdentityBody,
        body_example={
            "eventId": "evt_1042",
            "userId": 42,
            "level": 2,
            "occurredMs": 1764000000000,
        },
        answer=IdentityAnswer,
        example={"outcome": "level 2"},
        errors=(400, 401, 404, 409, 503),
        public=True,
    )
    def post(self, request: Request) -> Response:
        """For a provider of identities. X-Webhook-Signature is the HMAC-SHA256, in hex, of
        X-Webhook-Timestamp (milliseconds since 1970), a dot and the body, with a secret of
        IDENTITY_SECRETS. Sent again it changes nothing and answers the same."""
        meta = request.META
        identity.check_signature(
            meta.get("HTTP_X_WEBHOOK_TIMESTAMP", ""),
            meta.get("HTTP_X_WEBHOOK_SIGNATURE", ""),
            request._request.body,
        )
        body = parse_body(request, IdentityBody)
        event = identity.take_event(
            identity.IdentityVerified(
                body.event_id, body.user_id, body.level, _read_time(body.occurred_ms)
            )
        )
        return Response(IdentityAnswer(event.outcome))


def _read_time(time_ms: int) -> datetime:
    try:
        return EPOCH + timedelta(milliseconds=time_ms)
    except OverflowError as error:
        message = "occurred_ms must be a time in milliseconds since 1970."
        raise invalid("occurred_ms", message) from error
