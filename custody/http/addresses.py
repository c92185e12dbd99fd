"""① Where a trader's money goes to, and where it comes to."""

from datetime import datetime
from http import HTTPStatus

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from accounts.families.services import require_main
from accounts.law.countries import require_served
from accounts.law.terms import require_accepted
from common.http.bodies import parse_body
from common.http.paging import query_text
from common.http.schema import documented, query
from common.scopes import Scope
from custody.addresses import address_of, check_outside
from custody.networks import network_named, networks
from ledger.models import WithdrawalAddress
from ledger.models.withdrawal_terms import NETWORK_MAX
from ledger.withdrawals import book
from ledger.withdrawals.factors import require_fresh_factor


class NewAddressBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`label` is for you: what it is."""

    network: str
    address: str
    label: str


class BookAddress(msgspec.Struct, frozen=True, rename="camel"):
    """Withdrawals to it are taken from `usableAt` on."""

    id: int
    network: str
    address: str
    label: str
    added_at: datetime
    usable_at: datetime


class BookAnswer(msgspec.Struct, frozen=True):
    addresses: list[BookAddress]


class AddressDeleted(msgspec.Struct, frozen=True):
    message: str


class DepositAddressOf(msgspec.Struct, frozen=True):
    """`confirmations`: how many a deposit there needs before it is credited."""

    network: str
    address: str
    confirmations: int


class DepositAddressesAnswer(msgspec.Struct, frozen=True, rename="camel"):
    deposit_addresses: list[DepositAddressOf]


EXAMPLE = {
    "id": 3,
    "network": "demo",
    "address": "dm1q5c8f0a7b3e2d9c6f1a4b8e7d0c3f6a9b2",
    "label": "my cold wallet",
    "addedAt": "2026-01-05T09:30:00.125000Z",
    "usableAt": "2026-01-06T09:30:00.125000Z",
}


class BookView(APIView):
    @documented(
        "Your withdrawal addresses",
        answer=BookAnswer,
        example={"addresses": [EXAMPLE]},
        errors=(401, 403, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Newest first, 50 at most."""
        rows = book.addresses_of(user_id_of(request))
        return Response(BookAnswer([_in_book(row) for row in rows]))

    @documented(
        "Add a withdrawal address",
        body=NewAddressBody,
        body_example={name: EXAMPLE[name] for name in ("network", "address", "label")},
        status=201,
        answer=BookAddress,
        example=EXAMPLE,
        errors=(400, 401, 403, 409, 503),
    )
    def post(self, request: Request) -> Response:
        """In a session: no key takes this call. Nothing is sent there before it has cooled, a day
        unless the operator set another time."""
        body = parse_body(request, NewAddressBody)
        network = network_named(body.network)
        check_outside(network, body.address)
        require_fresh_factor(request)
        row = book.add_address(user_id_of(request), network.name, body.address, body.label)
        return Response(_in_book(row), status=HTTPStatus.CREATED)


class BookEntryView(APIView):
    @documented(
        "Delete a withdrawal address",
        answer=AddressDeleted,
        example={"message": "Address 3 is deleted."},
        errors=(401, 403, 404, 503),
    )
    def delete(self, request: Request, address_id: int) -> Response:
        """What you asked for already goes on."""
        book.remove_address(user_id_of(request), address_id)
        return Response(AddressDeleted(f"Address {address_id} is deleted."))


class DepositAddressesView(APIView):
    @documented(
        "Your deposit addresses",
        answer=DepositAddressesAnswer,
        example={
            "depositAddresses": [
                {"network": "demo", "address": EXAMPLE["address"], "confirmations": 3}
            ]
        },
        parameters=[query("network", "Only on this network.")],
        errors=(400, 401, 403, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """One on each network, yours alone and always the same: what arrives there is credited to
        you."""
        require_served(request.META)
        require_main(user_id_of(request))
        require_accepted(user_id_of(request))
        asked = query_text(request, "network", NETWORK_MAX)
        found = [network_named(asked)] if asked is not None else list(networks().values())
        user_id = user_id_of(request)
        return Response(
            DepositAddressesAnswer(
                [
                    DepositAddressOf(n.name, address_of(user_id, n.name).address, n.confirmations)
                    for n in found
                ]
            )
        )


def _in_book(row: WithdrawalAddress) -> BookAddress:
    return BookAddress(
        id=row.pk,
        network=row.network,
        address=row.address,
        label=row.label,
        added_at=row.added_at,
        usable_at=row.usable_at,
    )
