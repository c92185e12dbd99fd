"""What a key may be used for; every call of the API names the one it needs, or takes no key."""

from enum import StrEnum


class Scope(StrEnum):
    READ = "read"
    TRADE = "trade"
    WITHDRAW = "withdraw"
