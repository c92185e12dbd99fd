"""Who is deleveraged first: the positions of one side, best score first, found one at a time.

Theory of operation. With u the profit over entry value and l the notional over equity (BitMEX,
"ADL ranking"), the score is u·l for a profit and u/l for a loss, compared as exact fractions; ties
go by account id, and those without equity come last. Per lot, with v and w of `position_index`,

    u = (p − v)/|v|      1/l = (p − w)/|p|      p = ±k·mark: the signed value of a lot

so at any mark both factors fall with v and rise with w, the smaller equity making a profit count
for more and a loss for less. The search is best first: a heap of nodes by the bound of what is
below them, and of accounts by their score. Popping a node puts what is in it into the heap; when
an account is popped, nothing that is left can be ahead of it. So the first f of n positions cost
about (f + log n)·log n, where sorting would cost n·log n. Where many positions trade profit for
leverage so that all score about the same, bounds tell little and more nodes are read: at worst
each once in a pass.

A ranking is of one mark, and lives for one liquidation pass. Positions that change in it are put in
again; what the heap has of their past is recognised and dropped.
"""

import heapq

from matching.core.market.state import Account, State
from matching.core.risk.position_index import Node, PositionIndex

# What a candidate is, in the order in which they are looked at.
UNBOUNDED = 0  # a node of which nothing is known: it has positions without equity
SCORED = 1
WITHOUT_EQUITY = 2


class Candidate:
    """A node, or an account as it was when it was put in. Its score is a fraction whose denominator
    is positive; of a node it is a bound."""

    __slots__ = (
        "account",
        "denominator",
        "entry_cost_units",
        "kind",
        "least_id",
        "margin_units",
        "node",
        "numerator",
        "position_lots",
    )

    def __init__(self, node: Node | None, account: Account | None, least_id: int) -> None:
        self.node = node
        self.account = account
        self.least_id = least_id
        self.kind = WITHOUT_EQUITY if node is None else UNBOUNDED
        self.numerator = 0
        self.denominator = 1
        self.position_lots = self.entry_cost_units = self.margin_units = 0
        if account is not None:
            self.position_lots = account.position_lots
            self.entry_cost_units = account.entry_cost_units
            self.margin_units = account.margin_units

    def score(self, lot_value: int, cost: int, cost_lots: int, debt: int, debt_lots: int) -> None:
        """From v = cost/cost_lots and w = debt/debt_lots; as it is where there is no equity."""
        profit = lot_value * cost_lots - cost
        equity = lot_value * debt_lots - debt
        entry_value, notional = abs(cost), abs(lot_value) * debt_lots
        if equity <= 0 or not entry_value:
            return
        self.kind = SCORED
        if profit > 0:
            self.numerator, self.denominator = profit * notional, entry_value * equity
        else:
            self.numerator, self.denominator = profit * equity, entry_value * notional

    def is_of_the_past(self) -> bool:
        account = self.account
        return account is not None and (
            account.position_lots != self.position_lots
            or account.entry_cost_units != self.entry_cost_units
            or account.margin_units != self.margin_units
        )

    def __lt__(self, other: "Candidate") -> bool:
        if self.kind != other.kind:
            return self.kind < other.kind
        ours = self.numerator * other.denominator
        theirs = other.numerator * self.denominator
        if ours != theirs:
            return ours > theirs
        return self.least_id < other.least_id


class Ranking:
    """The positions of one side at one mark price. Made of an index that is up to date.

    nodes_read    how many nodes of the index it has looked into so far
    """

    def __init__(self, state: State, index: PositionIndex, is_long: bool) -> None:
        self.is_long = is_long
        self.lot_value_units = state.tiers.k * state.mark_price_ticks * (1 if is_long else -1)
        self.nodes_read = 0
        self._heap: list[Candidate] = []
        self._push_node(index.side(is_long).root)

    def push(self, account: Account) -> None:
        """Put in a position that changed, or that was popped and may still be asked for."""
        lots = account.position_lots
        if not lots or (lots > 0) is not self.is_long:
            return
        candidate = Candidate(None, account, account.account_id)
        cost, held = account.entry_cost_units, abs(lots)
        candidate.score(self.lot_value_units, cost, held, cost - account.margin_units, held)
        heapq.heappush(self._heap, candidate)

    def pop(self) -> Account | None:
        """The best that is left; None: there is none."""
        while self._heap:
            candidate = heapq.heappop(self._heap)
            node = candidate.node
            if node is None:
                if not candidate.is_of_the_past():
                    return candidate.account
                continue
            self.nodes_read += 1
            node.tighten(self.is_long)
            for child in node.children:
                self._push_node(child)
            for account in node.accounts:
                self.push(account)
        return None

    def _push_node(self, node: Node) -> None:
        if not node.cost_lots:
            return
        candidate = Candidate(node, None, node.least_id)
        candidate.score(
            self.lot_value_units, node.cost_units, node.cost_lots, node.debt_units, node.debt_lots
        )
        heapq.heappush(self._heap, candidate)
