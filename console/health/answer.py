"""GET /health for load balancers and monitors: is the exchange able to take and settle orders?

Anyone learns whether it is; how its parts are is for operators who are signed in, and for monitors
that send ``Authorization: Bearer <MONITOR_TOKEN>``. Worked out at most once a second however often
it is asked.
"""

import hmac
import threading
import time
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import admin
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.http.calls import knowing
from console.health.report import (
    EngineStatus,
    ExchangeStatus,
    Grade,
    MarketReport,
    exchange_status,
)

FRESH_FOR_S = 1.0


class _Latest:
    """The newest snapshot, shared by the threads of the process; one of them makes the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status: ExchangeStatus | None = None
        self._taken_at = 0.0

    def status(self) -> ExchangeStatus:
        with self._lock:
            if self._status is None or time.monotonic() - self._taken_at > FRESH_FOR_S:
                self._status = exchange_status()
                self._taken_at = time.monotonic()
            return self._status

    def forget(self) -> None:
        with self._lock:
            self._status = None


latest = _Latest()


class HealthView(APIView):
    """200 while everything needed to trade works, with or without warnings; else 503."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [AllowAny]
    throttle_classes = []  # whoever balances asks from one address, and must be answered

    @extend_schema(
        summary="Is the exchange able to trade?",
        responses={200: OpenApiTypes.OBJECT, 503: OpenApiTypes.OBJECT},
    )
    @knowing()
    def get(self, request: Request) -> Response:
        status = latest.status()
        code = HTTPStatus.SERVICE_UNAVAILABLE if status.level is Grade.BAD else HTTPStatus.OK
        body = _body(status) if _may_see_parts(request) else {"status": status.level.word}
        return Response(body, status=code, headers={"Cache-Control": "no-store"})


def _may_see_parts(request: Request) -> bool:
    token = settings.MONITOR_TOKEN
    sent = request.META.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(sent.encode(), token.encode()):
        return True
    return request.user is not None and admin.site.has_permission(request)


def _body(status: ExchangeStatus) -> dict[str, Any]:
    return {
        "status": status.level.word,
        "takenMs": status.taken_ms,
        "services": {
            check.name.lower(): {"status": check.level.word, "message": check.text}
            for check in status.services
        },
        "markets": {market.market_id: _market(market) for market in status.markets},
        "problems": [
            f"{where}: {check.name}: {check.text}" if where else f"{check.name}: {check.text}"
            for where, check in status.problems
        ],
    }


def _engine(engine: EngineStatus) -> dict[str, Any]:
    return {
        "status": engine.level.word,
        "heartbeatAgeMs": engine.age_ms,
        "build": engine.build or None,
    }


def _market(market: MarketReport) -> dict[str, Any]:
    streams = market.streams
    return {
        "status": market.level.word,
        "state": market.rows.state,
        "engineHeartbeatAgeMs": market.engine_age_ms,
        "engines": {engine.name: _engine(engine) for engine in market.engines},
        "engineLagEntries": streams.input_lag_entries if streams else None,
        "engineLagMs": streams.input_lag_ms if streams else None,
        "persistenceLagEntries": market.persistence_lag_entries,
        "persistenceLagMs": streams.output_lag_ms if streams else None,
    }
