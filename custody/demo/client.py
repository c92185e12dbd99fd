"""`custody.interface.Custody`, over HTTP to the demo's chain. Nothing it answers is trusted to have
a form: what isn't as it should be is as if it hadn't answered."""

import re
from functools import cache
from typing import Annotated, Any, TypeVar

import httpx
import msgspec

from custody.interface import SEQ_MAX, CustodyAway, CustodyBalance, News, Unsendable
from matching.messages.limits import MAX_MONEY_UNITS

TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 1_000_000
_ADDRESS = re.compile(r"dm1[0-9a-z]{20,60}")
AnyStruct = TypeVar("AnyStruct", bound=msgspec.Struct)


class _News(msgspec.Struct):
    news: list[News]


class _Balance(msgspec.Struct, rename="camel"):
    balance_units: Annotated[int, msgspec.Meta(ge=-MAX_MONEY_UNITS, le=MAX_MONEY_UNITS)]
    seq: Annotated[int, msgspec.Meta(ge=0, le=SEQ_MAX)]


class _Addresses(msgspec.Struct):
    addresses: list[str]


@cache
def _client() -> httpx.Client:
    """Of the process: to make one costs more than to ask."""
    return httpx.Client(timeout=TIMEOUT_S, trust_env=False)


class DemoCustody:
    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    def is_address(self, text: str) -> bool:
        return _ADDRESS.fullmatch(text) is not None

    def send(self, send_id: str, address: str, amount_units: int) -> News | None:
        body = {"id": send_id, "address": address, "amountUnits": amount_units}
        return self._ask("POST", "/payouts", News, body)

    def news(self, after: int, limit: int) -> list[News]:
        found = self._ask("GET", f"/news?after={after}&limit={limit}", _News).news
        return sorted(found, key=lambda one: one.seq)[:limit]

    def balance(self) -> CustodyBalance | None:
        found = self._ask("GET", "/balance", _Balance)
        return CustodyBalance(found.balance_units, found.seq)

    def new_addresses(self, count: int) -> list[str]:
        found = self._ask("POST", "/addresses", _Addresses, {"count": count}).addresses
        return [address for address in found if self.is_address(address)][:count]

    def _ask(
        self, method: str, path: str, kind: type[AnyStruct], body: dict[str, Any] | None = None
    ) -> AnyStruct:
        try:
            answer = _client().request(method, self._url + path, json=body, headers=self._headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CustodyAway(f"custody doesn't answer ({type(error).__name__})") from error
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise Unsendable("custody refuses it for good")
        if not answer.is_success or len(answer.content) > ANSWER_BYTES_MAX:
            raise CustodyAway(f"custody answers {answer.status_code}")
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CustodyAway("custody answers what can't be read") from error
