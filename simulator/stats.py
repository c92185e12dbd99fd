"""What the simulator did, for its summary line."""

from collections import Counter
from typing import Any


class Stats:
    """Counts since the last summary."""

    def __init__(self) -> None:
        self.requests = 0
        self.accepted = 0
        self.rejected: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def summary(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "accepted": self.accepted,
            "rejected": dict(sorted(self.rejected.items())),
            "errors": dict(sorted(self.errors.items())),
        }

    def add(self, other: "Stats") -> None:
        self.requests += other.requests
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.errors += other.errors
