"""The tables of a family."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from accounts.families.services import MAIN, members
from accounts.models import User
from common.admin import NOTHING, when
from common.admin.base import Cell, Table, badge, link, list_link
from ledger.models import Wallet
from ledger.transfers.models import Transfer
from ledger.transfers.selectors import transfers_of
from markets.display import gain_or_loss, money, size
from trading.fees.days import sums_of
from trading.fees.models import TierMove
from trading.fees.moving import DAYS
from trading.fees.selectors import Fees
from trading.models import Position

ROWS_SHOWN = 20


def family_of(main_id: int) -> list[User]:
    return list(members(main_id))


def figures(accounts: Sequence[User], fees: Fees) -> list[tuple[str, Cell]]:
    """Of all accounts together."""
    ids = [account.pk for account in accounts]
    wallets = list(Wallet.objects.filter(user__in=ids))
    margin = sum(one.margin_units for one in Position.objects.filter(user__in=ids))
    return [
        ("Accounts", str(len(accounts))),
        ("Available", money(sum(one.available_units for one in wallets))),
        ("Held by orders", money(sum(one.held_units for one in wallets))),
        ("Margin", money(margin)),
        (f"Volume of {DAYS} days", money(fees.volume_units)),
        ("Fee tier", fees.tier.name if fees.tier else "the market's own fees"),
        ("Set by", fees.set_by.value),
    ]


def members_table(accounts: Sequence[User]) -> Table:
    wallets = Wallet.objects.in_bulk([account.pk for account in accounts])
    today = datetime.now(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    return Table(
        "Accounts",
        User,
        ("account", "state", "available", "held", f"volume of {DAYS} days"),
        [
            (
                link(User, account.pk, account.account_name or f"{MAIN}: {account.username}"),
                _state(account),
                money(wallets[account.pk].available_units),
                money(wallets[account.pk].held_units),
                money(sums_of([account.pk], first, today).volume_units),
            )
            for account in accounts
        ],
    )


def _state(account: User) -> Cell:
    if account.archived_at is not None:
        return badge("archived")
    return badge("active", "ok") if account.is_active else badge("suspended", "bad")


def positions_table(accounts: Sequence[User]) -> Table:
    held = Position.objects.filter(user__in=accounts).exclude(position_lots=0)
    rows = held.select_related("user", "market").order_by("market_id", "user_id")
    return Table(
        "Open positions",
        Position,
        ("market", "account", "size", "margin", "realized"),
        [
            (
                link(Position, row.pk, row.market_id),
                row.user.account_name or MAIN,
                size(row.position_lots, row.market),
                money(row.margin_units),
                gain_or_loss(row.realized_pnl_units),
            )
            for row in rows
        ],
    )


def transfers_table(main: User) -> Table:
    rows = transfers_of(main.pk, ROWS_SHOWN, None)
    return Table(
        "Latest transfers",
        Transfer,
        ("transfer", "from", "to", "amount", "at"),
        [
            (
                link(Transfer, row.pk),
                _end(row.from_user, row.sender, main),
                _end(row.to_user, row.receiver, main),
                money(row.amount_units),
                when(row.transferred_at),
            )
            for row in rows
        ],
        note=list_link(Transfer, f"q={main.username}", "All of them"),
    )


def _end(account: User, of: User, main: User) -> Cell:
    """Another family's account leads to it."""
    if of.pk == main.pk:
        return account.account_name or MAIN
    return link(User, account.pk, account.username)


def moves_table(moves: Iterable[TierMove]) -> Table:
    return Table(
        "Moves between fee tiers by volume",
        TierMove,
        ("day", "from", "to", "volume"),
        [
            (
                link(TierMove, row.pk, row.day),
                row.from_tier or NOTHING,
                row.to_tier or NOTHING,
                money(int(row.volume_units)),
            )
            for row in moves
        ],
    )
