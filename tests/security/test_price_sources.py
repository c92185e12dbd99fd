"""A price source is an address that an operator writes: it leads outside and nowhere else."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from common.outgoing import reach
from markets.models import Market
from prices.models import PriceSource, PriceSourceKind
from prices.services import validate_price_source
from prices.sources.quote import Endpoint, PriceUnavailable
from prices.sources.venues import ask_once
from tests.prices.venue import PlayedVenue

INSIDE = (
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1",
    "224.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "not an address", "", "255.255.255.255",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "::127.0.0.1", "fec0::1", "5f00::1",
    "::ffff:0:127.0.0.1", "2001:0:7f00:1::1", "198.18.0.1", "ff0e::1",
)  # fmt: skip
OUTSIDE = ("1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not reach.is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_of_the_internet_are(address: str) -> None:
    assert reach.is_public(address)


@pytest.fixture
def inside(settings: Any) -> Iterator[PlayedVenue]:
    """A server on this machine, that no setting names."""
    settings.PRICE_SOURCE_HOSTS = []
    venue = PlayedVenue()
    try:
        yield venue
    finally:
        venue.close()


def asked(url: str) -> str:
    with pytest.raises(PriceUnavailable) as refused:
        asyncio.run(ask_once(Endpoint("bitstamp", "BTC/USD", url)))
    return str(refused.value)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:7f00:1]"]
)
def test_nothing_inside_is_connected_to_whatever_its_name(inside: PlayedVenue, host: str) -> None:
    port = inside.url.rpartition(":")[2]
    asked(f"http://{host}:{port}")
    assert inside.asked == []


def test_a_name_is_looked_at_as_it_is_connected_to(
    inside: PlayedVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it resolved to when the source was saved."""
    import socket

    port = int(inside.url.rpartition(":")[2])
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def rebound(*_: Any, **__: Any) -> Any:
        return here

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", rebound)
    assert asked(f"http://rebinding.example:{port}").endswith("not a public address")
    assert inside.asked == []


def test_an_answer_is_never_repeated(inside: PlayedVenue, settings: Any) -> None:
    settings.PRICE_SOURCE_HOSTS = ["127.0.0.1"]
    secret = "instance-credentials-AKIA"
    for status, body in (
        (500, secret),
        (200, secret),
        (403, secret),
        (200, f'{{"last": "{secret}"}}'),
    ):
        inside.fail(status, body)
        assert secret not in asked(inside.url)
        assert "AKIA" not in asked(inside.url)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "169.254.169.254", "[::1]", "10.0.0.9"]
)
def test_such_an_address_is_refused_when_it_is_saved(
    settings: Any, market: Market, host: str
) -> None:
    market.price_sources.update(enabled=False)
    source = PriceSource(
        market=market,
        kind=PriceSourceKind.CCXT,
        venue="bitstamp",
        symbol="BTC/USD",
        api_url=f"http://{host}/",
    )
    settings.PRICE_SOURCE_HOSTS = []
    with pytest.raises(ValidationError, match="not a public address"):
        validate_price_source(source)
    settings.PRICE_SOURCE_HOSTS = [host.rpartition(":")[0].strip("[]") or host, host, "::1"]
    validate_price_source(source)
