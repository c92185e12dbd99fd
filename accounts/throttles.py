"""How often one address may try. Counted in Redis for all processes; in the process without it."""

import hashlib
from ipaddress import ip_address
from typing import Any

import redis
import structlog
from django.core.cache.backends.locmem import LocMemCache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle
from rest_framework.views import APIView

log = structlog.get_logger(__name__)
_local_cache = LocMemCache("throttles", {})


class _Throttle(SimpleRateThrottle):
    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except redis.RedisError as error:
            log.warning("throttle_counts_locally", scope=self.scope, error=str(error))
            self.cache = _local_cache
            return super().allow_request(request, view)

    def _digest_key(self, request: Request, who: str) -> str:
        ident = f"{self.get_ident(request)}\n{who}"
        digest = hashlib.sha256(ident.encode()).hexdigest()
        return self.cache_format % {"scope": self.scope, "ident": digest}


def address_of(request: Request) -> str | None:
    """Of the client, as far as our own proxies say it; None for what is no address."""
    try:
        return str(ip_address(BaseThrottle().get_ident(request)))
    except ValueError:
        return None


class SignupThrottle(_Throttle):
    scope = "signup"

    def get_cache_key(self, request: Request, view: APIView) -> str:  # noqa: ARG002  DRF passes it
        return self._digest_key(request, "")


class _GuessThrottle(_Throttle):
    """Counts wrong passwords: a right one starts over."""

    def start_over(self, request: Request, view: APIView) -> None:
        key = self.get_cache_key(request, view)
        _local_cache.delete(key)
        try:
            self.cache.delete(key)
        except redis.RedisError as error:
            log.warning("throttle_counts_locally", scope=self.scope, error=str(error))


class SigninThrottle(_GuessThrottle):
    """Per address and name, so that nobody locks out another."""

    scope = "signin"

    def get_cache_key(self, request: Request, view: APIView) -> str:  # noqa: ARG002  DRF passes it
        body: Any = request.data
        return self._digest_key(request, str(body.get("username", "")).lower())


class PasswordThrottle(_GuessThrottle):
    """Per address and user: a stolen access token is no way to guess the password."""

    scope = "password"

    def get_cache_key(self, request: Request, view: APIView) -> str:  # noqa: ARG002  DRF passes it
        return self._digest_key(request, str(request.user.pk))
