"""All positions of a market in the order in which they become liquidatable, with what it takes to
find the best ranked of them at any mark price.

Theory of operation. A B+ tree per side, sorted by (liquidation price, account id): whoever is
liquidatable at a mark price is at one end of it. Prices change with positions and not with the
mark, so the trees are brought up to date by the accounts that changed, at a logarithm each; where
that is most of them, as after funding, they are made anew.

The ranking of deleveraging (`ranking`) does change with the mark, and no one order fits them all.
But with v = V/|Q| the signed entry value a lot and w = (V − M)/|Q| the signed value a lot at which
nothing is left, a position's score at any mark falls with v and rises with w. So each node keeps
the least v and the greatest w below it, as exact fractions, perhaps of two accounts; the score of
a position that had both is a bound for all of them, and exact where they are alike.

What comes widens the bounds on its way down. What goes leaves them as they are: too wide is still
right, and costs one look too many. They are drawn tight again when a node is read for a ranking,
when it is split, and when as much has gone from a leaf as it holds.
"""

from bisect import bisect_left, bisect_right

from matching.core.market.state import Account, State

NODE_SIZE = 64  # entries of a leaf, children of an inner node
NODES_FULL = 48  # of a side that is made anew
# Positions that changed are taken in at the next mark price, or at once when there are so many of
# them, so that no mark price has to wait for the trades of a quiet index.
CHANGES_KEPT = 1_024

Key = tuple[int, int]  # liquidation price (NEVER_TICKS: none), account id


class Node:
    """Part of a side. A leaf has ``accounts``, one per key; an inner node has ``children``, each
    with keys from its own on.

    cost_units / cost_lots    the least v below, or less; 0 lots: nothing is below
    debt_units / debt_lots    the greatest w below, or more
    least_id                  of the accounts below, or less
    """

    __slots__ = (
        "accounts",
        "children",
        "cost_lots",
        "cost_units",
        "debt_lots",
        "debt_units",
        "is_leaf",
        "keys",
        "least_id",
        "removals",
    )

    def __init__(self, is_leaf: bool) -> None:
        self.is_leaf = is_leaf
        self.keys: list[Key] = []
        self.accounts: list[Account] = []
        self.children: list[Node] = []
        self.removals = 0  # from this leaf since its bounds were tight
        self.cost_units = self.cost_lots = 0
        self.debt_units = self.debt_lots = 0
        self.least_id = 0

    def widen(self, cost: int, cost_lots: int, debt: int, debt_lots: int, least_id: int) -> None:
        """Make the bounds hold for these, too."""
        if not self.cost_lots:
            self.cost_units, self.cost_lots = cost, cost_lots
            self.debt_units, self.debt_lots = debt, debt_lots
            self.least_id = least_id
            return
        if cost * self.cost_lots < self.cost_units * cost_lots:
            self.cost_units, self.cost_lots = cost, cost_lots
        if debt * self.debt_lots > self.debt_units * debt_lots:
            self.debt_units, self.debt_lots = debt, debt_lots
        self.least_id = min(self.least_id, least_id)

    def tighten(self, is_long: bool) -> None:
        """Bounds from what is below now. Accounts that left the side meanwhile don't count, and
        those that changed will be widened for when they are taken in."""
        self.removals = 0
        self.cost_lots = 0
        for account in self.accounts:
            lots = account.position_lots
            if lots and (lots > 0) is is_long:
                cost = account.entry_cost_units
                held = abs(lots)
                self.widen(cost, held, cost - account.margin_units, held, account.account_id)
        for child in self.children:
            if child.cost_lots:
                self.widen(
                    child.cost_units,
                    child.cost_lots,
                    child.debt_units,
                    child.debt_lots,
                    child.least_id,
                )


class PositionsOfSide:
    """The long or the short positions."""

    def __init__(self, is_long: bool) -> None:
        self.is_long = is_long
        self.root = Node(is_leaf=True)

    def add(self, price_ticks: int, account: Account) -> None:
        key = (price_ticks, account.account_id)
        cost, held = account.entry_cost_units, abs(account.position_lots)
        debt = cost - account.margin_units
        path: list[Node] = []
        node = self.root
        node.widen(cost, held, debt, held, account.account_id)
        while not node.is_leaf:
            path.append(node)
            node = node.children[max(0, bisect_right(node.keys, key) - 1)]
            node.widen(cost, held, debt, held, account.account_id)
        at = bisect_left(node.keys, key)
        node.keys.insert(at, key)
        node.accounts.insert(at, account)
        while len(node.keys) > NODE_SIZE:
            node = self._split(node, path)

    def _split(self, node: Node, path: list[Node]) -> Node:
        """Half of it into a new node beside it; the parent of both."""
        half = len(node.keys) // 2
        right = Node(node.is_leaf)
        right.keys = node.keys[half:]
        right.accounts = node.accounts[half:]
        right.children = node.children[half:]
        del node.keys[half:], node.accounts[half:], node.children[half:]
        right.tighten(self.is_long)
        if path:
            parent = path.pop()
        else:
            parent = self.root = Node(is_leaf=False)
            parent.keys.append(node.keys[0])
            parent.children.append(node)
        node.tighten(self.is_long)
        at = parent.children.index(node) + 1
        parent.keys.insert(at, right.keys[0])
        parent.children.insert(at, right)
        if len(parent.children) == 2:
            parent.tighten(self.is_long)
        return parent

    def remove(self, price_ticks: int, account_id: int) -> None:
        key = (price_ticks, account_id)
        path: list[Node] = []
        node = self.root
        while not node.is_leaf:
            path.append(node)
            node = node.children[max(0, bisect_right(node.keys, key) - 1)]
        at = bisect_left(node.keys, key)
        del node.keys[at], node.accounts[at]
        node.removals += 1
        if node.keys and node.removals >= len(node.keys):
            node.tighten(self.is_long)
        while not node.keys and path:
            parent = path.pop()
            at = parent.children.index(node)
            del parent.keys[at], parent.children[at]
            node = parent
        while not self.root.is_leaf and len(self.root.children) < 2:
            self.root = self.root.children[0] if self.root.children else Node(is_leaf=True)

    def rebuild(self, entries: list[tuple[Key, Account]]) -> None:
        """Anew from all of its positions, in order, with room in each node."""
        nodes: list[Node] = []
        for start in range(0, len(entries), NODES_FULL):
            leaf = Node(is_leaf=True)
            for key, account in entries[start : start + NODES_FULL]:
                leaf.keys.append(key)
                leaf.accounts.append(account)
            leaf.tighten(self.is_long)
            nodes.append(leaf)
        while len(nodes) > 1:
            parents: list[Node] = []
            for start in range(0, len(nodes), NODES_FULL):
                parent = Node(is_leaf=False)
                parent.children = nodes[start : start + NODES_FULL]
                parent.keys = [child.keys[0] for child in parent.children]
                parent.tighten(self.is_long)
                parents.append(parent)
            nodes = parents
        self.root = nodes[0] if nodes else Node(is_leaf=True)

    def due(self, mark_ticks: int) -> list[int]:
        """Account ids of the liquidatable ones, the first to become so first."""
        found: list[int] = []
        self._collect_due(self.root, mark_ticks, found)
        return found

    def _collect_due(self, node: Node, mark_ticks: int, found: list[int]) -> bool:
        """False at the first that isn't liquidatable."""
        for at in range(len(node.keys)):
            place = len(node.keys) - 1 - at if self.is_long else at
            if not node.is_leaf:
                if not self._collect_due(node.children[place], mark_ticks, found):
                    return False
                continue
            price, account_id = node.keys[place]
            if price < mark_ticks if self.is_long else price > mark_ticks:
                return False
            found.append(account_id)
        return True


def _key_of(entry: tuple[Key, Account]) -> Key:
    return entry[0]


class PositionIndex:
    """Both sides, and where each account is in them."""

    def __init__(self) -> None:
        self.longs = PositionsOfSide(is_long=True)
        self.shorts = PositionsOfSide(is_long=False)
        self._entries: dict[int, tuple[bool, int]] = {}  # account → (is long, price)
        self._seen: dict[int, Account] = {}  # changed, told of, and not taken in yet

    def side(self, is_long: bool) -> PositionsOfSide:
        return self.longs if is_long else self.shorts

    def update(self, state: State) -> None:
        """Take in all positions that changed since the last time."""
        self._seen.update(state.unindexed)
        state.unindexed.clear()
        is_most = 4 * len(self._seen) > len(self._entries)
        for account in self._seen.values():
            entry = self._entries.pop(account.account_id, None)
            if entry is not None and not is_most:
                self.side(entry[0]).remove(entry[1], account.account_id)
            lots = account.position_lots
            if not lots:
                continue
            price = state.tiers.liquidation_price_ticks(
                lots, account.entry_cost_units, account.margin_units
            )
            if not is_most:
                self.side(lots > 0).add(price, account)
            self._entries[account.account_id] = (lots > 0, price)
        self._seen.clear()
        if is_most:
            self._rebuild(state)

    def _rebuild(self, state: State) -> None:
        """Cheaper than taking out and putting in where most have changed, as by funding."""
        sides: dict[bool, list[tuple[Key, Account]]] = {True: [], False: []}
        for account_id, (is_long, price) in self._entries.items():
            sides[is_long].append(((price, account_id), state.accounts[account_id]))
        for is_long, entries in sides.items():
            entries.sort(key=_key_of)
            self.side(is_long).rebuild(entries)

    def changes(self, state: State) -> list[Account]:
        """Those that changed since the last call or `update`, which stay where they were."""
        changed = list(state.unindexed.values())
        self._seen.update(state.unindexed)
        state.unindexed.clear()
        return changed

    def unplaced(self) -> list[Account]:
        """All of those that changed since the last `update`."""
        return list(self._seen.values())

    def due(self, mark_ticks: int) -> list[int]:
        """Account ids of the positions liquidatable at this mark price."""
        return self.longs.due(mark_ticks) + self.shorts.due(mark_ticks)
