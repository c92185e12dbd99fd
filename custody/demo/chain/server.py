"""The chain's HTTP API. What custody is asked takes its token; transfers from outside take none.

POST /payouts {id, address, amountUnits}     how it stands, as news
GET  /news?after=&limit=                     {news}
GET  /balance                                {balanceUnits, seq}
POST /addresses {count}                      {addresses}
POST /play/block, /play/reorg {depth, drops} something happens now
POST /transfers {to, amount, id?}            {id}: money from outside
GET  /addresses/ADDRESS                      {arrived}: what was sent there
GET  /height                                 {height}
"""

import hmac
import json
import random
import secrets
import threading
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from custody.demo.chain.blocks import Blocks
from custody.demo.chain.state import ChainState, Refused, height_of

BODY_BYTES_MAX = 100_000
CLIENT_WITHIN_S = 10.0
_UNITS = 1_000_000
_PUBLIC = ("/transfers", "/addresses/", "/height")
Answer = dict[str, Any]


class ChainServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, port: int, token: str, state: ChainState, blocks: Blocks, *, loses: float, seed: int
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.token, self.state, self.blocks, self.loses = token, state, blocks, loses
        self.rng = random.Random(seed)  # noqa: S311  a game
        self.rng_lock = threading.Lock()

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        """Raises Refused."""
        routes: dict[tuple[str, str], Callable[[], Answer]] = {
            ("POST", "/payouts"): lambda: self.state.take_payout(
                _text(body, "id"), _text(body, "address"), _whole(body, "amountUnits")
            ),
            ("GET", "/news"): lambda: {
                "news": self.state.news(_whole(query, "after", 0), _whole(query, "limit", 100))
            },
            ("GET", "/balance"): self.state.balance,
            ("POST", "/addresses"): lambda: {
                "addresses": self.state.new_addresses(_whole(body, "count", 1))
            },
            ("POST", "/transfers"): lambda: self._transfer(body),
            ("GET", "/height"): self._height,
            ("POST", "/play/block"): lambda: {"height": self.blocks.next_block()},
            ("POST", "/play/reorg"): lambda: self._reorganise(body),
        }
        if method == "GET" and path.startswith("/addresses/"):
            units = self.state.arrived_at(path.removeprefix("/addresses/"))
            return {"arrived": format(Decimal(units) / _UNITS, "f")}
        if (method, path) not in routes:
            raise Refused(404, "there is no such call")
        return routes[method, path]()

    def _transfer(self, body: Any) -> Answer:
        try:
            units = Decimal(str(body["amount"])) * _UNITS
            whole = int(units)
        except (InvalidOperation, KeyError, TypeError, ValueError, OverflowError):
            raise Refused(400, "amount must be a number") from None
        if whole != units:
            raise Refused(400, "amount has six decimals at most")
        name = body.get("id") or f"t{secrets.token_hex(8)}"
        if not isinstance(name, str) or len(name) > 100:
            raise Refused(400, "id must be text")
        return {"id": self.state.transfer_in(name, _text(body, "to"), whole)}

    def _height(self) -> Answer:
        with self.state.writing() as base:
            return {"height": height_of(base)}

    def _reorganise(self, body: Any) -> Answer:
        self.blocks.reorganise(_whole(body, "depth"), 1.0 if body.get("drops") else 0.0)
        return self._height()


class _Handler(BaseHTTPRequestHandler):
    server: ChainServer
    timeout = CLIENT_WITHIN_S
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, *_: Any) -> None:
        """Nothing a line a call would tell."""

    def _serve(self, method: str) -> None:
        asked = urlsplit(self.path)
        try:
            if not asked.path.startswith(_PUBLIC) or (method, asked.path) == ("POST", "/addresses"):
                self._require_token()
            query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
            body = self._body() if method == "POST" else {}
            answer = self.server.answer(method, asked.path, query, body)
        except Refused as refused:
            self._send(refused.status, {"message": refused.message})
            return
        if asked.path == "/payouts" and self._is_lost():
            self._send(500, {"message": "the answer was lost"})
            return
        self._send(200, answer)

    def _is_lost(self) -> bool:
        with self.server.rng_lock:
            return self.server.rng.random() < self.server.loses

    def _require_token(self) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.server.token.encode()):
            raise Refused(401, "this takes the custody's token")

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            raise Refused(413, f"send {BODY_BYTES_MAX} bytes at most")
        try:
            body = json.loads(self.rfile.read(int(length)) or b"{}")
        except (ValueError, RecursionError):
            raise Refused(400, "send JSON") from None
        if not isinstance(body, dict):
            raise Refused(400, "send a JSON object")
        return body

    def _send(self, status: int, body: Answer) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _text(body: Any, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise Refused(400, f"{name} must be text")
    return value


def _whole(body: Any, name: str, default: int | None = None) -> int:
    value = body.get(name, default)
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
        raise Refused(400, f"{name} must be a whole number")
    return value
