"""Anna with her sub-accounts, behind the API."""

from typing import Any

from accounts.families.known import known_families
from accounts.models import User
from ledger.models import Wallet
from tests.trading.client import Answer, Api, Trader
from tests.trading.intake_server import IntakeApi


class _Acting:
    """Adds the header X-Account to all that is sent."""

    account: str

    def send(self, method: str, path: str, data: bytes = b"", **headers: str) -> Answer:
        headers.setdefault("HTTP_X_ACCOUNT", self.account)
        answer: Answer = super().send(method, path, data, **headers)  # type: ignore[misc]
        return answer


class ActingApi(_Acting, Api):
    def __init__(self, token: str | None, account: str) -> None:
        Api.__init__(self, token)
        self.account = account


class ActingIntakeApi(_Acting, IntakeApi):
    def __init__(self, token: str | None, account: str) -> None:
        IntakeApi.__init__(self, token)
        self.account = account


ACTING: dict[str, Any] = {"django": ActingApi, "intake": ActingIntakeApi}


def open_account(trader: Trader, name: str) -> User:
    answer = trader.api.post("/user/accounts", {"name": name})
    assert answer.status == 201, answer
    known_families.forget()
    return User.objects.get(pk=answer.body["accountId"])


def acting(trader: Trader, account: str, server: str = "django") -> Trader:
    """The same trader, who acts for a sub-account."""
    return Trader(ACTING[server](trader.api.token, account), trader.user, trader.refresh)


def send(trader: Trader, **said: Any) -> Answer:
    return trader.api.post("/user/transfers", {"amount": "100", "idempotencyKey": "k1"} | said)


def available(user: User) -> int:
    return Wallet.objects.get(user=user).available_units
