"""Whether a sign-in came from where its user has been.

A place is a network and a client: an address within the network changes by itself, and a client's
version with each update.
"""

import re
import secrets
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

from accounts.models import Session
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import listener, tell_person

KNOWN_FOR = timedelta(days=90)
PREFIXES = {4: 24, 6: 48}
_NUMBERS = re.compile(r"[0-9][0-9._]*")


def tell_if_new(user_id: int, address: str | None, client: str) -> None:
    """Before the session is opened, in its transaction."""
    kind = NoticeKind.SIGN_IN_FROM_NEW_PLACE
    person = listener(user_id, kind)
    if person is None:
        return
    since = datetime.now(UTC) - KNOWN_FOR
    rows = Session.objects.filter(user_id=user_id, renewed_at__gt=since)
    been = rows.values_list("address", "client").distinct()
    if place_of(address, client) in {place_of(*one) for one in been}:
        return
    facts = {"address": address or "an unknown address", "client": client or "an unnamed client"}
    tell_person(person, kind, secrets.token_hex(8), **facts)


def place_of(address: str | None, client: str) -> tuple[str, str]:
    if address is None:
        return "", _NUMBERS.sub("", client)
    parsed = ip_address(address)
    network = ip_network((parsed, PREFIXES[parsed.version]), strict=False)
    return str(network), _NUMBERS.sub("", client)
