"""What must hold after every command.

Two strengths: `check_turn` costs by what the command did, however large the market is, and runs in
production after each command; `check_invariants` recounts everything and runs in tests and before a
snapshot is used. A broken invariant is a bug of the engine, never a trader's fault: the market
halts.

**Positions and fund together are worth something.** Of what is in a market, W = Σ M − Σ V + fund
belongs to positions and the fund, and Σ Q = 0 makes it the sum of all equities, M + Q·k·z − V, at
any price z. W ≥ 0 holds since there is always a z at which no equity is below zero:

- After a liquidation pass it is the mark. Who lacks maintenance was liquidated, and who was left
  without equity deleveraged; the others have more. A pass follows in the same turn whenever a mark
  is taken, funding is paid, or a halted market opens again, so nobody trades before it.
- Opening at a price away from the mark needs margin for the loss at the mark. Closing c of q lots
  leaves (1 − c/q) of the equity, less a rounding below one unit; being whole, that is not below
  zero. Taking out margin leaves more than the loss at the mark.
- Funding moves Q·Δ: every equity at z is the same one at z + Δ/k afterwards.
- A new mark changes no position, so z stays the old mark until the pass is over.

So a winner who closes takes only what is there, and what others may lose later is theirs. A command
can break this only by a bug, and one that finds it broken, as in a snapshot somebody tampered with,
is not to blame.

**No event takes from a wallet.** What a wallet gives, it gives before the command is sent, and the
ledger when an order asks for its hold (`OrderTriggered`). Every leg and every release only adds.
"""

from matching.core.book.book import BookSide
from matching.core.market.position import reducible_lots
from matching.core.market.state import Account, State, Turn


class InvariantBroken(Exception):
    """The text names the invariant and the numbers."""


def _require(holds: bool, invariant: str, *numbers: object) -> None:
    if not holds:
        raise InvariantBroken(f"{invariant}: {', '.join(map(str, numbers))}")


def check_turn(state: State, turn: Turn) -> None:
    """The market's totals, the top of the book, and the accounts this turn touched."""
    _require(state.net_lots == 0, "positions add up to zero", state.net_lots)
    inside = (
        state.held_units
        + state.margin_units
        + state.fees_units
        + state.insurance_units
        - state.entry_cost_units
    )
    _require(inside == state.wallets_units, "money is conserved", inside, state.wallets_units)
    _require(state.held_units >= 0, "held is not negative", state.held_units)
    _require(state.insurance_units >= 0, "insurance is not negative", state.insurance_units)
    worth = state.worth_units
    _require(
        worth >= 0 or turn.worth_before_units < 0,
        "positions and fund together are worth something",
        turn.worth_before_units,
        worth,
    )
    least = state.least_to_wallet_units
    _require(least >= 0, "no event takes from a wallet", least)
    bids, asks = state.book.bids, state.book.asks
    if bids.best is not None and asks.best is not None:
        bid, ask = bids.best.price_ticks, asks.best.price_ticks
        _require(bid < ask, "best bid is below best ask", bid, ask)
    for account in turn.touched.values():
        _check_account(account)


def _check_account(account: Account) -> None:
    _require(account.margin_units >= 0, "margin is not negative", account.account_id)
    if not account.position_lots:
        _require(
            account.margin_units == 0 and account.entry_cost_units == 0,
            "a flat position has no margin and no cost",
            account.account_id,
            account.margin_units,
            account.entry_cost_units,
        )
    _require(
        0 <= account.reduce_only_lots <= abs(account.position_lots),
        "reduce-only orders close at most the position",
        account.account_id,
        account.reduce_only_lots,
        account.position_lots,
    )


def check_invariants(state: State) -> None:
    """Recount every total from its parts, and check the structure of the book. Raises
    InvariantBroken."""
    check_turn(state, Turn(state.clock_ms, state.worth_units))
    accounts = state.accounts.values()
    for account in accounts:
        _check_account(account)
        _require(not account.is_idle(), "idle accounts are dropped", account.account_id)
        _check_orders_of(account)
    totals = (
        ("net lots", state.net_lots, sum(a.position_lots for a in accounts)),
        ("open interest", state.open_interest_lots, sum(max(0, a.position_lots) for a in accounts)),
        ("margin", state.margin_units, sum(a.margin_units for a in accounts)),
        ("entry cost", state.entry_cost_units, sum(a.entry_cost_units for a in accounts)),
        (
            "held",
            state.held_units,
            sum(o.remaining_lots * o.reserve_per_lot_units for o in state.book.orders.values()),
        ),
        ("orders", len(state.book.orders), sum(len(a.open_orders) for a in accounts)),
        (
            "conditional orders",
            len(state.triggers.orders) + len(state.triggers.fired) + len(state.triggers.asleep),
            sum(len(a.waiting) + len(a.asleep) for a in accounts),
        ),
        (
            "attached orders",
            sum(len(attached) for attached in state.triggers.attached.values()),
            sum(
                1
                for a in accounts
                for w in (*a.waiting.values(), *a.asleep.values())
                if w.parent_id and not w.is_triggered
            ),
        ),
    )
    for name, kept, counted in totals:
        _require(kept == counted, f"{name} equals its recount", kept, counted)
    for order_id, other_id in state.pairs.items():
        _check_pair(state, order_id, other_id)
    counted_orders = _check_side(state.book.bids) + _check_side(state.book.asks)
    _require(counted_orders == len(state.book.orders), "the book holds every order once")


def _check_pair(state: State, order_id: int, other_id: int) -> None:
    """A pair lasts while nothing of it is filled and none has fired."""
    resting, waiting = state.book.orders.get(order_id), state.triggers.find(order_id)
    is_whole = waiting is not None and not waiting.is_triggered
    if resting is not None:
        is_whole = not resting.filled_lots and other_id not in state.book.orders
    _require(is_whole, "orders of a pair have not filled or fired", order_id, other_id)


def _check_orders_of(account: Account) -> None:
    reduce_only_lots = 0
    for order in account.open_orders.values():
        _require(order.remaining_lots > 0, "open orders have lots left", order.order_id)
        _require(order.reserve_per_lot_units >= 0, "reserve is not negative", order.order_id)
        if order.reduce_only:
            reduce_only_lots += order.remaining_lots
            _require(
                reducible_lots(account.position_lots, order.is_long) > 0,
                "a reduce-only order opposes its position",
                order.order_id,
            )
    _require(
        reduce_only_lots == account.reduce_only_lots,
        "reduce-only lots equal their recount",
        account.account_id,
    )


def _check_side(side: BookSide) -> int:
    """Levels best first, each the sum of its orders, each order older than the next."""
    orders = 0
    previous_price = 0
    for level in side.levels():
        price = level.price_ticks
        if previous_price:
            in_order = price < previous_price if side.is_bids else price > previous_price
            _require(in_order, "levels are ordered by price", previous_price, price)
        else:
            _require(side.best is level, "the best level is known", price)
        previous_price = price
        lots = 0
        previous_arrival = 0
        for order in level:
            _require(order.price_ticks == price, "an order rests at its price", order.order_id)
            _require(order.level is level, "an order knows its level", order.order_id)
            _require(order.arrival > previous_arrival, "orders queue by arrival", order.order_id)
            previous_arrival = order.arrival
            lots += order.remaining_lots - order.hidden_lots
            _require(
                0 <= order.hidden_lots < order.remaining_lots, "orders show lots", order.order_id
            )
            orders += 1
        _require(lots == level.size_lots and lots > 0, "a level is the sum of its orders", price)
    return orders
