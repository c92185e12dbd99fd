"""The client for programs that wait for each answer."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from exchange_client.calls import account as of_account
from exchange_client.calls import algos as of_algos
from exchange_client.calls import markets as of_markets
from exchange_client.calls import money as of_money
from exchange_client.calls import orders as of_orders
from exchange_client.calls import sessions as of_sessions
from exchange_client.calls.call import Call
from exchange_client.calls.money import FileCall
from exchange_client.clock import ExchangeClock
from exchange_client.errors import ExchangeError
from exchange_client.feeds.script import FeedScript
from exchange_client.feeds.sync_feed import Feed
from exchange_client.http.file_sink import FileSink
from exchange_client.http.script import Pause, Renew, Script, Send, Steps
from exchange_client.retries import Retries
from exchange_client.signing import Credentials, Tokens

P = ParamSpec("P")
T = TypeVar("T")


def _sends(make: Callable[P, Call[T]]) -> Callable[Concatenate["Client", P], T]:
    @wraps(make)
    def method(self: "Client", /, *args: P.args, **named: P.kwargs) -> T:
        return self.send(make(*args, **named))

    return method


class Client:
    """May be used by several threads at once. Use it as a context manager, or `close` it.

    ``http``: an httpx client of your own, with proxies or certificates; it stays yours to close."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None = None,
        *,
        retries: Retries | None = None,
        timeout_s: float = 10.0,
        window_ms: int | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self._is_own = http is None
        self._http = httpx.Client(timeout=timeout_s) if http is None else http
        self._renewing = threading.Lock()
        self._script = Script(
            base_url,
            credentials,
            build=self._http.build_request,
            retries=retries or Retries(),
            clock=ExchangeClock(),
            window_ms=window_ms,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._is_own:
            self._http.close()

    @property
    def tokens(self) -> Tokens:
        """The newest of the session, to keep for a later start."""
        return self._script.tokens

    def send(self, call: Call[T]) -> T:
        """Raises ExchangeError."""
        return self._run(self._script.answer(call))

    def pages(self, call: Call[T]) -> Iterator[T]:
        """A list from its first page to its last: `client.pages(calls.account.fills())`."""
        following: Call[T] | None = call
        while following is not None:
            page = self.send(following)
            yield page
            following = following.after(page)

    def save(self, file: FileCall, path: Path) -> Path:
        """A file as it comes, in its place once it is whole and right:
        `client.save(calls.money.statement(), Path("mine.csv"))`. Raises ExchangeError."""
        return self._run(self._script.save(file, path))

    def feed(
        self,
        *,
        books: Sequence[str] = (),
        channels: Sequence[str] = (),
        account: bool = False,
        url: str | None = None,
    ) -> Feed:
        """See `exchange_client.feeds`. ``books``: market ids; ``channels``: of other kinds, as
        "trades:BTC-PERP"; ``url``: of the feeds' own address, where there is one."""
        script = FeedScript(self._script, books, channels, has_account=account, url=url)
        return Feed(script, self._run)

    def _run(self, steps: Steps[T]) -> T:
        came: Any = None
        error: ExchangeError | None = None
        while True:
            try:
                step = steps.send(came) if error is None else steps.throw(error)
            except StopIteration as done:
                answer: T = done.value
                return answer
            came, error = None, None
            try:
                came = self._take(step)
            except ExchangeError as raised:
                error = raised

    def _take(self, step: Send | Pause | Renew) -> Any:
        match step:
            case Send(request=request, sink=sink):
                try:
                    if sink is not None:
                        return self._saved(request, sink)
                    return self._http.send(request)
                except httpx.RequestError as error:
                    return error
            case Pause(seconds=seconds):
                time.sleep(seconds)
            case Renew(stale=stale):
                with self._renewing:
                    self._run(self._script.renewing(stale))
        return None

    def _saved(self, request: httpx.Request, sink: FileSink) -> httpx.Response:
        response = self._http.send(request, stream=True)
        try:
            if not response.is_success:
                response.read()
                return response
            sink.begin()
            for piece in response.iter_bytes():
                sink.write(piece)
            return response
        finally:
            response.close()

    # --- what anybody may ask ---------------------------------------------------------------------

    server_time = _sends(of_markets.server_time)
    exchange = _sends(of_markets.exchange)
    markets = _sends(of_markets.markets)
    market = _sends(of_markets.market)
    tickers = _sends(of_markets.tickers)
    ticker = _sends(of_markets.ticker)
    depth = _sends(of_markets.depth)
    trades = _sends(of_markets.trades)
    candles = _sends(of_markets.candles)
    prices = _sends(of_markets.prices)
    funding = _sends(of_markets.funding)
    standings = _sends(of_markets.standings)
    liquidations = _sends(of_markets.liquidations)

    # --- orders -----------------------------------------------------------------------------------

    place_order = _sends(of_orders.place_order)
    preview_order = _sends(of_orders.preview_order)
    place_orders = _sends(of_orders.place_orders)
    amend_order = _sends(of_orders.amend_order)
    amend_orders = _sends(of_orders.amend_orders)
    cancel_order = _sends(of_orders.cancel_order)
    cancel_orders = _sends(of_orders.cancel_orders)
    cancel_all = _sends(of_orders.cancel_all)
    set_countdown = _sends(of_orders.set_countdown)
    close_position = _sends(of_orders.close_position)
    order = _sends(of_orders.order)
    orders = _sends(of_orders.orders)

    start_algo = _sends(of_algos.start_algo)
    algo = _sends(of_algos.algo)
    algos = _sends(of_algos.algos)
    pause_algo = _sends(of_algos.pause_algo)
    resume_algo = _sends(of_algos.resume_algo)
    end_algo = _sends(of_algos.end_algo)

    # --- the account ------------------------------------------------------------------------------

    snapshot = _sends(of_account.snapshot)
    equity = _sends(of_account.equity)
    positions = _sends(of_account.positions)
    closed_positions = _sends(of_account.closed_positions)
    fills = _sends(of_account.fills)
    funding_payments = _sends(of_account.funding_payments)
    ledger = _sends(of_account.ledger)
    fees = _sends(of_account.fees)
    set_leverage = _sends(of_account.set_leverage)
    adjust_margin = _sends(of_account.adjust_margin)
    accounts = _sends(of_account.accounts)
    make_account = _sends(of_account.make_account)
    transfer = _sends(of_account.transfer)
    transfers = _sends(of_account.transfers)
    fund = _sends(of_account.fund)
    withdraw = _sends(of_money.withdraw)
    withdrawals = _sends(of_money.withdrawals)
    cancel_withdrawal = _sends(of_money.cancel_withdrawal)
    withdrawal_addresses = _sends(of_money.withdrawal_addresses)
    daily_files = _sends(of_money.daily_files)

    # --- sessions and keys ------------------------------------------------------------------------

    sign_up = _sends(of_sessions.sign_up)
    sign_in = _sends(of_sessions.sign_in)
    sign_in_factor = _sends(of_sessions.sign_in_factor)
    sign_out = _sends(of_sessions.sign_out)
    keys = _sends(of_sessions.keys)
    make_key = _sends(of_sessions.make_key)
    delete_key = _sends(of_sessions.delete_key)
