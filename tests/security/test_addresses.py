"""Whose a request is: what a client says of itself never makes it another's, or many."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from django.test import RequestFactory

from common.http.addresses import address_of, origin_of
from common.limits.askers import address_of as address_in_django
from common.limits.askers import origin_of as origin_in_django
from common.limits.budgets import Rate
from exchange_site.edge.places import Kind, Places

PROXY = "10.0.0.1"
SPOOFS = (
    # forwarded, proxies, direct, whose it is
    ("203.0.113.7", 0, "198.51.100.1", "198.51.100.1"),
    ("203.0.113.7", 1, PROXY, "203.0.113.7"),
    ("1.1.1.1, 203.0.113.7", 1, PROXY, "203.0.113.7"),
    ("1.1.1.1, 203.0.113.7, 10.0.0.2", 2, PROXY, "203.0.113.7"),
    ("203.0.113.7", 2, PROXY, "203.0.113.7"),
    ("rubbish", 1, PROXY, PROXY),
    ("", 1, PROXY, PROXY),
    ("1.1.1.1,", 1, PROXY, PROXY),
    ("::ffff:203.0.113.7", 1, PROXY, "203.0.113.7"),
    ("", 0, "::ffff:198.51.100.1", "198.51.100.1"),
)


def scope_of(direct: str, *headers: tuple[bytes, bytes], path: str = "/markets") -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "client": (direct, 1),
        "headers": list(headers),
    }


@pytest.mark.parametrize(("forwarded", "proxies", "direct", "whose"), SPOOFS)
def test_only_what_our_own_proxies_say_is_believed(
    forwarded: str, proxies: int, direct: str, whose: str, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = proxies
    said = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    assert str(address_of(scope_of(direct, *said))) == whose
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=direct)
    assert address_in_django(request) == whose


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
    ],
)
def test_who_is_counted_as_one(one: str, other: str, is_same: bool) -> None:
    assert (origin_of(one) == origin_of(other)) == is_same
    requests = [RequestFactory().get("/", REMOTE_ADDR=address) for address in (one, other)]
    in_django = [origin_in_django(request) for request in requests]
    assert in_django == [origin_of(one), origin_of(other)]


class _Seen:
    """A WSGI application that keeps what it was told, and the answers that came of it."""

    def __init__(self, *kinds: Kind) -> None:
        self.environs: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.status, self.headers = "200 OK", list[tuple[str, str]]()
        self._places = Places(self._answer, kinds)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.environs.append(environ)
        start_response(self.status, self.headers)
        return [b""]

    def ask(self, *scopes: dict[str, Any]) -> list[int]:
        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            self.answers.append(message)

        async def ask_all() -> None:
            for scope in scopes:
                await self._places(scope, receive, send)

        asyncio.run(ask_all())
        return [answer["status"] for answer in self.answers if "status" in answer]


def everything(rate: Rate | None = None) -> Kind:
    return Kind("everything", lambda _, __: True, threads=1, waiting_max=8, rate=rate)


def test_a_header_that_only_looks_like_another_is_not_passed_on() -> None:
    """WSGI would take X_Forwarded_For for X-Forwarded-For, behind whatever the proxy put there."""
    seen = _Seen(everything())
    seen.ask(
        scope_of(
            PROXY,
            (b"x-forwarded-for", b"203.0.113.7"),
            (b"x_forwarded_for", b"1.1.1.1"),
            (b"x_forwarded_proto", b"https"),
        )
    )
    (environ,) = seen.environs
    assert environ["HTTP_X_FORWARDED_FOR"] == "203.0.113.7"
    assert "HTTP_X_FORWARDED_PROTO" not in environ


def test_what_an_address_asks_in_a_rush_takes_no_thread() -> None:
    seen = _Seen(everything(Rate(1, 3_600, burst=2)))
    statuses = seen.ask(*[scope_of("2001:db8::1")] * 2, *[scope_of("2001:db8::2")] * 2)
    assert statuses == [200, 200, 429, 429]
    assert len(seen.environs) == 2
    assert seen.ask(scope_of("192.0.2.1"))[-1] == 200
    headers = dict(next(one for one in seen.answers if one.get("status") == 429)["headers"])
    assert headers[b"x-ratelimit-remaining"] == b"0"
    assert 3_500 < int(headers[b"retry-after"]) <= 3_600
    assert headers[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(
    ("remaining", "budget", "seen_again"),
    [("0", "orders", 1), ("0", "address", 1), ("7", "orders", 2), ("0", "reads", 2), ("0", "", 2)],
)
def test_who_was_told_to_wait_takes_no_thread_until_then(
    remaining: str, budget: str, seen_again: int
) -> None:
    """Unless the budget only was too small for a batch, or was not that of all such calls."""
    seen = _Seen(everything())
    seen.status = "429 Too Many Requests"
    seen.headers = [
        ("Retry-After", "3600"),
        ("X-RateLimit-Limit", "300"),
        ("X-RateLimit-Remaining", remaining),
        *([("X-RateLimit-Budget", budget)] if budget else []),
    ]
    token, other = (b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")
    asked = scope_of("192.0.2.1", token) | {"method": "POST"}
    assert seen.ask(asked, asked) == [429, 429]
    assert len(seen.environs) == seen_again
    told = {name.lower() for answer in seen.answers for name, _ in answer.get("headers", ())}
    assert b"x-ratelimit-budget" not in told
    seen.status, seen.headers = "200 OK", []
    others = (
        scope_of("192.0.2.1", other) | {"method": "POST"},
        scope_of("192.0.2.1") | {"method": "POST"},
        asked | {"method": "DELETE"},
    )
    assert seen.ask(*others)[-3:] == [200, 200, 200]
