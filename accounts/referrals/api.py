"""① A trader's referral codes."""

from decimal import Decimal

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from accounts.referrals import services
from accounts.referrals.models import ReferralCode
from common import decimals
from common.http.schema import documented
from common.scopes import Scope
from common.times import unix_ms
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY


class ReferralCodeAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`code` is what others sign up with, as `referralCode`. `referred`: how many did; `paid`: what
    it brought you so far."""

    code: str
    made_ms: int
    referred: int
    paid: str


class ReferralsAnswer(msgspec.Struct, frozen=True):
    codes: list[ReferralCodeAnswer]


CODE_EXAMPLE = {"code": "H7KPQ2MZXA", "madeMs": 1764000000000, "referred": 3, "paid": "12.5"}


class ReferralsView(APIView):
    @documented(
        "List your referral codes",
        answer=ReferralsAnswer,
        example={"codes": [CODE_EXAMPLE]},
        errors=(401, 403, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Newest first, with what they brought. What is paid is in GET /user/ledger as
        `referral`."""
        rows = services.codes_of(user_id_of(request))
        return Response(ReferralsAnswer([_code(row) for row in rows]))

    @documented(
        "Make a referral code",
        status=201,
        answer=ReferralCodeAnswer,
        example=CODE_EXAMPLE | {"referred": 0, "paid": "0"},
        errors=(401, 403, 409, 503),
    )
    def post(self, request: Request) -> Response:
        """Who signs up with it was brought by you: a share of their fees is yours, daily. At most
        10."""
        return Response(_code(services.make_code(user_id_of(request))), status=201)


def _code(row: ReferralCode) -> ReferralCodeAnswer:
    return ReferralCodeAnswer(
        code=row.code,
        made_ms=unix_ms(row.made_at),
        referred=row.referred_count,
        paid=decimals.text(Decimal(row.paid_units) / MONEY_UNITS_PER_CURRENCY),
    )
