"""How often one address may try. Counted in Redis for all processes; in the process without it."""

import hashlib
from typing import Any

import redis
import structlog
from django.core.cache.backends.locmem import LocMemCache
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
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


class SignupThrottle(_Throttle):
    scope = "signup"

    def get_cache_key(self, request: Request, view: APIView) -> str:  # noqa: ARG002  DRF passes it
        return self._digest_key(request, "")


class SigninThrottle(_Throttle):
    """Per address and name, so that nobody locks out another; a success starts over."""

    scope = "signin"

    def get_cache_key(self, request: Request, view: APIView) -> str:  # noqa: ARG002  DRF passes it
        body: Any = request.data
        return self._digest_key(request, str(body.get("username", "")).lower())

    def start_over(self, request: Request, view: APIView) -> None:
        key = self.get_cache_key(request, view)
        _local_cache.delete(key)
        try:
            self.cache.delete(key)
        except redis.RedisError as error:
            log.warning("throttle_counts_locally", scope=self.scope, error=str(error))
