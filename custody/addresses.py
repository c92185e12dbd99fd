"""At which addresses traders' money arrives: a supply at hand, of which each is given one."""

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from common.errors import DomainError, ErrorCode, invalid
from custody.models import DepositAddress
from custody.networks import Network, network_named
from ledger.models.withdrawal_terms import ADDRESS_MAX

SUPPLY = 50  # at hand, of each network


@transaction.atomic
def address_of(user_id: int, network: str) -> DepositAddress:
    """The trader's own, the same each time. Asks nobody outside. Raises DomainError for a network
    there isn't, and while none is at hand."""
    network = network_named(network).name
    given = DepositAddress.objects.filter(user_id=user_id, network=network)
    if (own := given.first()) is not None:
        return own
    User.objects.select_for_update(no_key=True).get(pk=user_id)  # one asking at a time
    if (own := given.first()) is not None:
        return own
    at_hand = DepositAddress.objects.filter(network=network, user=None).order_by("pk")
    fresh = at_hand.select_for_update(skip_locked=True).first()
    if fresh is None:
        message = "No address is at hand: custody is being asked for new ones. Ask again shortly."
        raise DomainError(ErrorCode.BUSY, message)
    fresh.user_id, fresh.given_at = user_id, timezone.now()
    fresh.save(update_fields=["user", "given_at"])
    return fresh


def owner_of(network: str, address: str) -> int | None:
    rows = DepositAddress.objects.filter(network=network, address=address)
    return rows.values_list("user_id", flat=True).first()


def check_outside(network: Network, address: str) -> None:
    """One of the network's, and none of ours: money sent there would leave one wallet and come in
    at another, through the outside. Raises DomainError."""
    if len(address) > ADDRESS_MAX or not network.custody.is_address(address):
        raise invalid("address", f"address is not one of the network {network.name}.")
    if DepositAddress.objects.filter(network=network.name, address=address).exists():
        message = "address is one at which this exchange takes deposits: make a transfer instead."
        raise invalid("address", message)


def keep_supply(network: Network) -> None:
    """Raises CustodyAway."""
    missing = SUPPLY - DepositAddress.objects.filter(network=network.name, user=None).count()
    if missing <= 0:
        return
    made = network.custody.new_addresses(missing)
    DepositAddress.objects.bulk_create(
        (DepositAddress(network=network.name, address=address) for address in made),
        ignore_conflicts=True,
    )
