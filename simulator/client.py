"""The exchange's HTTP API as the simulator uses it: paced, counted, patient with restarts."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx

from simulator.actions import Action
from simulator.identity import Identity
from simulator.requests import call_of
from simulator.stats import Stats

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 15.0
TIMEOUT_S = 10.0
RETRY_AFTER_MAX_S = 60.0


class Pace:
    """At most so many requests per second, all traders together, evenly spread."""

    def __init__(self, rate_per_s: float) -> None:
        self._gap_s = 1 / rate_per_s
        self._next_s = 0.0

    async def turn(self) -> None:
        now_s = asyncio.get_running_loop().time()
        slot_s = max(now_s, self._next_s)
        self._next_s = slot_s + self._gap_s
        await asyncio.sleep(slot_s - now_s)


@dataclass(frozen=True)
class Answer:
    """What the API said. ``status`` is 0 when it said nothing."""

    status: int
    body: Any
    retry_after_s: float = 0.0

    @property
    def ok(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_outage(self) -> bool:
        return self.status == 0 or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def code(self) -> str:
        """The error's code; "" for a success."""
        if self.ok:
            return ""
        body = self.body if isinstance(self.body, dict) else {}
        return str(body.get("code") or f"HTTP_{self.status}")

    @property
    def refusals(self) -> list[str]:
        """The error's code; of a batch, which succeeds whatever becomes of its items, theirs."""
        if not self.ok:
            return [self.code]
        results = self.body.get("results", []) if isinstance(self.body, dict) else []
        return [str(result["code"]) for result in results if not result["ok"]]


class Api:
    """One HTTP connection pool for all traders."""

    def __init__(self, http: httpx.AsyncClient, pace: Pace, stats: Callable[[], Stats]) -> None:
        self._http = http
        self._pace = pace
        self._stats = stats

    async def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, token: str = ""
    ) -> Answer:
        """Never raises for what the network or the API does; the answer tells."""
        await self._pace.turn()
        stats = self._stats()
        stats.requests += 1
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            response = await self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            stats.errors[type(error).__name__] += 1
            return Answer(0, None)
        answer = Answer(response.status_code, _json(response), _retry_after_s(response))
        if answer.is_outage:
            stats.errors[answer.code] += 1
        elif answer.ok:
            stats.accepted += 1
        else:
            stats.rejected[answer.code] += 1
        return answer

    def count_refusals(self, codes: list[str]) -> None:
        self._stats().rejected.update(codes)

    async def call_patiently(
        self, method: str, path: str, body: dict[str, Any] | None = None, token: str = ""
    ) -> Answer:
        """Repeats the call, ever more slowly, until the API is there and has room for it."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            answer = await self.call(method, path, body, token)
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                await asyncio.sleep(max(answer.retry_after_s, BACKOFF_FIRST_S))
            elif answer.is_outage:
                await asyncio.sleep(backoff_s)
                backoff_s = min(BACKOFF_MAX_S, backoff_s * 2)
            else:
                return answer


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _retry_after_s(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), RETRY_AFTER_MAX_S) if text.isdecimal() else 0.0


class SignInRefused(Exception):
    """The API refuses this trader for good; the text says why."""


class Session:
    """The API on behalf of one trader; signs in again when its token is no longer taken."""

    def __init__(self, api: Api, identity: Identity) -> None:
        self._api = api
        self._identity = identity
        self._token = ""
        self._refresh = ""

    async def sign_up_or_in(self, *, may_be_new: bool) -> bool:
        """True if the trader is new. Raises SignInRefused."""
        if may_be_new:
            answer = await self._credentials("/auth/signup")
            if answer.ok:
                return True
            if answer.status != HTTPStatus.CONFLICT:
                raise SignInRefused(f"sign-up of {self._identity.username}: {answer.code}")
        answer = await self._credentials("/auth/signin")
        if answer.ok:
            return False
        if answer.status == HTTPStatus.UNAUTHORIZED and not may_be_new:
            return await self.sign_up_or_in(may_be_new=True)
        raise SignInRefused(f"sign-in of {self._identity.username}: {answer.code}")

    async def _credentials(self, path: str) -> Answer:
        who = {"username": self._identity.username, "password": self._identity.password}
        return self._take_tokens(await self._api.call_patiently("POST", path, who))

    def _take_tokens(self, answer: Answer) -> Answer:
        if answer.ok and isinstance(answer.body, dict):
            self._token = str(answer.body.get("token", ""))
            self._refresh = str(answer.body.get("refresh", self._refresh))
        return answer

    async def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, patiently: bool = False
    ) -> Answer:
        """The answer; after a 401, that to a second try with a fresh token.

        Raises SignInRefused.
        """
        send = self._api.call_patiently if patiently else self._api.call
        answer = await send(method, path, body, self._token)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            await self._renew()
            answer = await send(method, path, body, self._token)
        return answer

    async def _renew(self) -> None:
        answer = await self._api.call_patiently("POST", "/auth/refresh", {"refresh": self._refresh})
        if not self._take_tokens(answer).ok:
            await self.sign_up_or_in(may_be_new=False)

    async def top_up(self, amount: Decimal) -> Answer:
        """Funds the wallet once, however often an outage makes it ask."""
        body = {"amount": str(amount), "idempotencyKey": str(uuid.uuid4())}
        return await self.call("POST", "/user/onramp", body, patiently=True)

    async def perform(self, action: Action) -> Answer:
        call = call_of(action)
        answer = await self.call(call.method, call.path, call.body)
        if answer.ok:
            self._api.count_refusals(answer.refusals)
        return answer
