"""What the lane takes: the calls it knows, where it is plain to see what Django would make of them.

Anything unusual is Django's: odd headers, a query where none is known, ids beyond an integer.
"""

import re
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from accounts.families.authentication import HEADER as ACCOUNT
from accounts.keys.headers import NAMES, KeyHeaders
from accounts.keys.signing import SignedRequest
from matching.messages.limits import MAX_ID
from trading.http.items import BATCH_MAX

ORDER_PATH = "/order"
BATCH_PATH = "/orders/batch"
HOSTS_MAX = 2_000

_JSON_TYPES = (b"application/json", b"application/json; charset=utf-8")
_ACCOUNT = ACCOUNT.lower().encode()
_KEY_HEADERS = tuple(name.lower().encode() for name in NAMES)
# Of a request in its plain form there is at most one of each, as is checked below.
_READ = frozenset(
    {
        b"host",
        b"authorization",
        b"content-type",
        b"content-length",
        b"accept",
        b"transfer-encoding",
        _ACCOUNT,
        *_KEY_HEADERS,
    }
)
_ORDER_ID = re.compile(r"/order/([0-9]{1,19})")
_ORDER_IDS = re.compile(rb"orderIds=([0-9]{1,19}(?:(?:,|%2C)[0-9]{1,19})*)")


@dataclass(frozen=True, slots=True)
class Plain:
    """A request without its body: of orders to cancel, or, with none, of orders to place.
    ``client_order_ids``: of orders to cancel, by the ids of their sender, of a socket only.
    ``signed``: where a key speaks for it, what its holder signed, but for the body. ``account``:
    whose sender names it, of the same family."""

    path: str
    authorization: str
    is_batch: bool
    order_ids: tuple[int, ...]
    signed: SignedRequest | None = None
    account: str = ""
    client_order_ids: tuple[str, ...] = ()


class OurHosts:
    """Names of this host, those asked for before without asking Django again."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()

    def __contains__(self, host: bytes) -> bool:
        if host not in self._known:
            domain, _ = split_domain_port(host.decode("latin-1"))
            if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
                return False
            if len(self._known) < HOSTS_MAX:  # a pattern may allow any number of names
                self._known.add(host)
        return True


def plain(scope: MutableMapping[str, Any], our_hosts: OurHosts) -> Plain | None:
    """None for what is Django's."""
    known = _known(scope["method"], scope["path"], scope["query_string"])
    if known is None:
        return None
    is_batch, order_ids = known
    headers = _headers(scope["headers"])
    if headers is None or headers.get(b"host", b"") not in our_hosts:
        return None
    if not _is_plain(headers, has_body=not order_ids):
        return None
    authorization = headers.get(b"authorization", b"").decode("latin-1")
    account = headers.get(_ACCOUNT, b"").decode("latin-1")
    signed = _signed(scope, headers)
    return Plain(scope["path"], authorization, is_batch, order_ids, signed, account)


def _signed(scope: MutableMapping[str, Any], headers: dict[bytes, bytes]) -> SignedRequest | None:
    """None of a request that a token speaks for, or nobody."""
    sent = [headers.get(name, b"") for name in _KEY_HEADERS]
    if not any(sent):
        return None
    said = KeyHeaders(*[value.decode("latin-1") for value in sent])
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope["query_string"]
    return SignedRequest(said, scope["method"], path.decode("latin-1"), query.decode("latin-1"))


def _known(method: str, path: str, query: bytes) -> tuple[bool, tuple[int, ...]] | None:
    """Whether it is a batch, and the ids it names."""
    if method == "POST" and not query and path in (ORDER_PATH, BATCH_PATH):
        return path == BATCH_PATH, ()
    words: Sequence[str | bytes] = ()
    if method == "DELETE":
        if not query and (one := _ORDER_ID.fullmatch(path)):
            words = [one[1]]
        elif path == BATCH_PATH and (many := _ORDER_IDS.fullmatch(query)):
            words = many[1].replace(b"%2C", b",").split(b",")
    order_ids = tuple(map(int, words))
    if not 1 <= len(order_ids) <= BATCH_MAX or max(order_ids) > MAX_ID:
        return None
    return path == BATCH_PATH, order_ids


def _headers(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _READ:
            if name in found:
                return None
            found[name] = value
    return found


def _is_plain(headers: dict[bytes, bytes], *, has_body: bool) -> bool:
    length = headers.get(b"content-length", b"0")
    if b"transfer-encoding" in headers or not length.isdigit():
        return False
    if has_body:
        is_body_plain = (
            0 < int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            and headers.get(b"content-type", b"").lower() in _JSON_TYPES
        )
    else:
        is_body_plain = int(length) == 0
    return is_body_plain and headers.get(b"accept", b"*/*") in (b"*/*", b"application/json")
