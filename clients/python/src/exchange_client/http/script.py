"""What it takes to get an answer, as steps that somebody else takes.

Theory of operation. `Script.answer` is a generator: it yields a step, is sent what came of it, and
returns the answer. It signs, reads, retries and renews, and knows neither sockets nor waiting. Who
drives it does: `Client` in the calling thread, `AsyncClient` in a task. So there is one set of
rules.

A token that is over is renewed under the driver's lock, by one of all who noticed, since a refresh
token that comes twice ends its session.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from exchange_client import codec, retries
from exchange_client.calls import sessions
from exchange_client.calls.call import Call
from exchange_client.calls.money import FileCall
from exchange_client.clock import ExchangeClock
from exchange_client.errors import (
    ApiError,
    ExchangeError,
    NotReached,
    NotSignedIn,
    OutcomeUnknown,
    SessionOver,
    Unavailable,
    UnexpectedAnswer,
    api_error,
)
from exchange_client.http.file_sink import FileSink
from exchange_client.models.sessions import Session
from exchange_client.retries import Retries
from exchange_client.signing import Credentials, Key, Password, Tokens, signature_headers

T = TypeVar("T")

VERSION_PATH = "/v1"
FEED_PATH = "/ws"  # as it is signed, wherever the feeds are
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Send:
    """Is sent the response, or the httpx error. The body of a success goes into the sink, if there
    is one."""

    request: httpx.Request
    sink: FileSink | None = None


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Renew:
    """Is to run `Script.renewing` of this token, under the lock."""

    stale: str


Step = Send | Pause | Renew
Steps = Generator[Step, Any, T]


class Script:
    """``build``: an httpx client's `build_request`."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None,
        *,
        build: Callable[..., httpx.Request],
        retries: Retries,
        clock: ExchangeClock,
        window_ms: int | None,
    ) -> None:
        self._url = base_url.rstrip("/") + VERSION_PATH
        self._credentials = credentials
        self._build = build
        self._retries = retries
        self._window_ms = window_ms
        self.clock = clock
        self.tokens = credentials if isinstance(credentials, Tokens) else Tokens("")

    @property
    def key(self) -> Key | None:
        return None if isinstance(self._credentials, Tokens | Password) else self._credentials

    @property
    def account(self) -> str | None:
        """The sub-account that a session acts for."""
        if isinstance(self._credentials, Tokens | Password):
            return self._credentials.account
        return None

    def answer(self, call: Call[T]) -> Steps[T]:
        """Raises ExchangeError."""
        return (yield from self._tried(call, lambda token: self._once(call, token)))

    def save(self, asked: FileCall, path: Path) -> Steps[Path]:
        """Raises ExchangeError, and leaves nothing behind then."""
        sink = FileSink(path, asked)
        try:
            once = partial(self._once, asked.call, sink=sink)
            yield from self._tried(asked.call, once)
            return sink.keep()
        finally:
            sink.drop()

    def _tried(self, call: Call[Any], once: Callable[[str], Steps[T]]) -> Steps[T]:
        failed, was_renewed, was_set = 0, False, False
        while True:
            token = "" if call.is_public else (yield from self._token())
            try:
                return (yield from once(token))
            except ExchangeError as error:
                if retries.is_token_over(error) and token and not was_renewed:
                    was_renewed = True
                    yield Renew(token)
                elif retries.is_clock_off(error) and not was_set and self._set_clock(error):
                    was_set = True
                else:
                    failed += 1
                    pause_s = self._retries.wait_s(error, failed, may_repeat=call.may_repeat)
                    if pause_s is None:
                        raise
                    yield Pause(pause_s)

    def renewing(self, stale: str) -> Steps[None]:
        """Another token than this one, unless somebody was faster. Raises ExchangeError."""
        if self.tokens.token != stale:
            return
        try:
            session = yield from self._renewed()
        except SessionOver:
            if not isinstance(self._credentials, Password):
                raise
            sign_in = sessions.sign_in(self._credentials.username, self._credentials.password)
            session = yield from self.answer(sign_in)
        self.take(session)

    def take(self, session: Session) -> None:
        self.tokens = Tokens(session.token, session.refresh, self.account)

    def _renewed(self) -> Steps[Session]:
        """Raises SessionOver also where a refresh token may have been used without an answer."""
        if not self.tokens.refresh:
            raise SessionOver(401, "SESSION_ENDED", "There is no refresh token to renew it with.")
        try:
            return (yield from self.answer(sessions.refresh(self.tokens.refresh)))
        except (OutcomeUnknown, Unavailable) as error:
            message = f"Whether the refresh token was used is not known: {error}"
            raise SessionOver(401, "SESSION_ENDED", message) from error

    def _token(self) -> Steps[str]:
        if self.key is not None:
            return ""
        if self._credentials is None:
            raise NotSignedIn(401, "NOT_AUTHENTICATED", "This client has no credentials.")
        if not self.tokens.token:
            yield Renew("")
        return self.tokens.token

    # --- one try ----------------------------------------------------------------------------------

    def _once(self, call: Call[T], token: str, sink: FileSink | None = None) -> Steps[T]:
        outcome = yield Send(self._request(call, token), sink)
        if isinstance(outcome, _UNSENT):
            raise NotReached(f"The exchange can't be reached: {outcome!r}") from outcome
        if isinstance(outcome, httpx.TransportError):
            what = f"{call.method} {call.path} was sent and not answered: {outcome!r}"
            raise OutcomeUnknown(what) from outcome
        if isinstance(outcome, Exception):
            raise UnexpectedAnswer(repr(outcome)) from outcome
        return _read(outcome, call, is_saved=sink is not None)

    def _request(self, call: Call[Any], token: str) -> httpx.Request:
        """Anew for each try: a signature is good for one."""
        body = b"" if call.body is None else codec.encode(call.body)
        headers = {"Content-Type": "application/json"} if body else {}
        url = self._url + call.target
        if not call.is_public:
            headers |= self._names(call, token, httpx.URL(url).raw_path.decode("ascii"), body)
        return self._build(call.method, url, content=body or None, headers=headers)

    def _names(self, call: Call[Any], token: str, target: str, body: bytes) -> dict[str, str]:
        if self.key is not None:
            now_ms = self.clock.next_ms()
            return signature_headers(self.key, now_ms, self._window_ms, call.method, target, body)
        names = {"Authorization": f"Bearer {token}"}
        if self.account is not None and call.of_account:
            names["X-Account"] = self.account
        return names

    def _set_clock(self, error: ExchangeError) -> bool:
        said = error.details.get("serverTimeMs") if isinstance(error, ApiError) else None
        if not isinstance(said, int):
            return False
        self.clock.set_by(said)
        return True

    # --- the feeds --------------------------------------------------------------------------------

    @property
    def feed_url(self) -> str:
        url = urlsplit(self._url)
        scheme = "wss" if url.scheme == "https" else "ws"
        return url._replace(scheme=scheme, path=url.path + FEED_PATH).geturl()

    def feed_auth(self) -> Steps[dict[str, Any]]:
        """What signs in to a feed, good for some seconds."""
        token = yield from self._token()
        if self.key is None:
            return {"op": "auth", "token": token} | (
                {} if self.account is None else {"account": self.account}
            )
        now_ms = self.clock.next_ms()
        headers = signature_headers(self.key, now_ms, self._window_ms, "AUTH", FEED_PATH, b"")
        window = {} if self._window_ms is None else {"window": self._window_ms}
        return {
            "op": "auth",
            "key": self.key.key,
            "timestamp": int(headers["X-API-Timestamp"]),
            "signature": headers["X-API-Signature"],
        } | window


def _read(response: httpx.Response, call: Call[T], *, is_saved: bool) -> T:
    if response.is_success:
        return codec.decode(b"null" if is_saved else response.content, call.answer)
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, Mapping):
        body = {"message": f"{call.method} {call.path} was answered {response.status_code}."}
    after = response.headers.get("Retry-After", "")
    raise api_error(response.status_code, body, int(after) if after.isdecimal() else None)
