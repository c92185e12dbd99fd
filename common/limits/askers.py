"""Whose a request in Django is, by its address."""

from typing import TYPE_CHECKING, Union

from django.http import HttpRequest

from common.http import addresses

if TYPE_CHECKING:  # what only knows addresses needn't load REST framework
    from rest_framework.request import Request

AnyRequest = Union["Request", HttpRequest]


def address_of(request: AnyRequest) -> str | None:
    """Of the client, as far as our own proxies say it; None for what is no address."""
    address = addresses.asker_of(request.META)
    return None if address is None else str(address)


def origin_of(request: AnyRequest) -> str:
    """Who is counted as one."""
    return addresses.origin_of(addresses.asker_of(request.META))
