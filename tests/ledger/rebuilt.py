"""A trader's money, rebuilt by a script that reads nothing but the API: what came in and went out,
what its fills, funding payments and closed positions say, and what its ledger says.
"""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

TRANSFERS = {
    "order_hold", "hold_release", "amend_hold", "margin_hold", "margin_added", "margin_removed",
    "withdrawal_hold", "withdrawal_back", "fill", "liquidation", "adl", "settlement",
}  # fmt: skip
BROUGHT = ("deposit", "withdrawal", "transfer", "referral", "adjustment")  # or took
Row = dict[str, Any]
Read = Callable[[str], Row]  # a path, answered to the trader


class Rebuilt:
    def __init__(self, get: Read) -> None:
        self.get = get
        self.ledger = self.all("/user/ledger", "ledger")
        self.fills = self.all("/user/fills", "fills")
        self.funding = self.all("/user/funding", "payments")
        self.closed = self.all("/user/positions/history", "positions")
        self.positions = self.all("/user/positions", "positions")
        self.kinds: defaultdict[str, Decimal] = defaultdict(Decimal)
        for line in self.ledger:
            self.kinds[line["kind"]] += Decimal(line["amount"])

    def all(self, path: str, name: str) -> list[Row]:
        """Every page of a list, oldest first."""
        rows: list[Row] = []
        cursor = ""
        while cursor is not None:
            page = self.get(f"{path}?limit=200{cursor and f'&cursor={cursor}'}")
            rows += page[name]
            cursor = page["nextCursor"]
        return rows[::-1]

    def sum(self, rows: list[Row], name: str) -> Decimal:
        return sum((Decimal(row[name]) for row in rows), Decimal(0))

    @property
    def brought(self) -> Decimal:
        """What is no trade's; lines of what was taken are below zero."""
        return sum((self.kinds[kind] for kind in BROUGHT), Decimal(0))

    def of_settlements(self, kind: str) -> Decimal:
        lines = [row for row in self.ledger if row["cause"] == "settlement" and row["kind"] == kind]
        return self.sum(lines, "amount")

    def equity_of_fills(self) -> Decimal:
        """From fills, funding and what the positions would bring now; a settlement is no fill."""
        return (
            self.brought
            + self.sum(self.fills, "realizedPnl")
            - self.sum(self.fills, "fee")
            - self.sum(self.fills, "liquidationFee")
            + self.sum(self.fills, "insuranceCover")
            - self.sum(self.fills, "lossShare")
            + self.sum(self.funding, "amount")
            + self.sum(self.funding, "fromProfit")
            + sum(self.of_settlements(k) for k in ("realized_pnl", "insurance_cover", "loss_share"))
            + self.sum(self.positions, "unrealizedPnl")
        )

    def require_right(self) -> None:
        equity = {name: Decimal(value) for name, value in self.get("/user/equity").items()}
        own = equity["available"] + equity["locked"] + equity["margin"]
        # The ledger alone: all lines, and those that are no transfers.
        assert self.sum(self.ledger, "amount") == own
        assert own + equity["unrealizedPnl"] == equity["equity"]
        assert sum(self.kinds[kind] for kind in TRANSFERS) == 0
        # Fills and payments alone; and both agree kind by kind.
        assert self.equity_of_fills() == equity["equity"]
        for kind, name, sign in (
            ("fee", "fee", -1),
            ("liquidation_fee", "liquidationFee", -1),
            ("insurance_cover", "insuranceCover", 1),
            ("loss_share", "lossShare", -1),
        ):
            of_fills = sign * self.sum(self.fills, name)
            assert self.kinds[kind] - self.of_settlements(kind) == of_fills, kind
        realized = self.sum(self.fills, "realizedPnl") + self.sum(self.funding, "fromProfit")
        assert self.kinds["realized_pnl"] == realized + self.of_settlements("realized_pnl")
        assert self.kinds["funding"] == self.sum(self.funding, "amount")
        if not self.positions:  # every position closed: their history has all of it
            assert self.brought + self.sum(self.closed, "netPnl") == equity["equity"]

    def require_payments_follow(self, settlements: dict[int, Row], lot_size: Decimal) -> None:
        """Each from the market's own history and the size of the position."""
        for payment in self.funding:
            settlement = settlements[payment["seq"]]
            per_lot = Decimal(settlement["amountPerLot"])
            sign = -1 if payment["side"] == "LONG" else 1
            assert Decimal(payment["amount"]) == sign * Decimal(payment["qty"]) / lot_size * per_lot
            for name in ("rate", "markPrice", "amountPerLot", "fundingTime", "settledAt"):
                assert payment[name] == settlement[name]


def require_rates_follow(settlements: list[Row], lot_size: Decimal) -> None:
    """Oldest first: what each carries makes the amount exact."""
    carried = Decimal(0)
    for row in settlements:
        exact = carried + Decimal(row["rate"]) * Decimal(row["markPrice"]) * lot_size
        per_lot, carried = Decimal(row["amountPerLot"]), Decimal(row["carried"])
        assert per_lot + carried == exact
        assert 0 <= carried < Decimal("0.000001")
