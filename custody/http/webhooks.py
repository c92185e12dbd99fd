"""What a custody tells us: looked at, stored, answered. A task works it off."""

from typing import Annotated

import msgspec
from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import DomainError, ErrorCode
from common.http.bodies import read_body
from common.http.schema import documented
from common.http.views import PublicView
from common.incoming.signatures import require_signed
from custody.inbox import take_in
from custody.interface import News
from custody.networks import networks

SIGNATURE, TIMESTAMP = "X-Custody-Signature", "X-Custody-Timestamp"
BODY_BYTES_MAX = 100_000


class NewsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    news: Annotated[list[News], msgspec.Meta(min_length=1, max_length=100)]


class NewsTaken(msgspec.Struct, frozen=True):
    message: str


class WebhookView(PublicView):
    throttle_classes = []  # counted by address where the signature is wrong

    @documented(
        "What custody has to say",
        body=NewsBody,
        body_example={
            "news": [
                {
                    "seq": 71,
                    "kind": "deposit",
                    "id": "t41",
                    "address": "dm1q5c8f0a7b3e2d9c6f1a4b8e7d0c3f6a9b2",
                    "amountUnits": 250000000,
                    "state": "seen",
                    "confirmations": 1,
                }
            ]
        },
        answer=NewsTaken,
        example={"message": "Taken."},
        errors=(400, 401, 404, 503),
        public=True,
    )
    def post(self, request: Request, network: str) -> Response:
        """For the custody of a network, not for traders. Signed: `X-Custody-Timestamp` in
        milliseconds, and `X-Custody-Signature`, the HMAC-SHA256 in hex of timestamp, a dot, and the
        body. Sent again it changes nothing."""
        if network not in networks() or not settings.CUSTODY_WEBHOOK_SECRETS:
            raise DomainError(ErrorCode.NOT_FOUND, "No custody tells us anything here.")
        body = request._request.body
        headers = request.headers
        require_signed(
            settings.CUSTODY_WEBHOOK_SECRETS,
            headers.get(TIMESTAMP, ""),
            headers.get(SIGNATURE, ""),
            body,
        )
        if len(body) > BODY_BYTES_MAX:
            message = f"Send at most {BODY_BYTES_MAX} bytes at once."
            raise DomainError(ErrorCode.PAYLOAD_TOO_LARGE, message)
        take_in(network, read_body(body, NewsBody).news)
        response = Response(NewsTaken("Taken."))
        response.is_known_sender = True  # type: ignore[attr-defined]
        return response
