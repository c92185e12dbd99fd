"""What a trader did, and what it brought: fills, money that moved, positions closed by force."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from common.postgres import keysets
from gateway.http.calls import VenueAsk
from gateway.http.data.windows import window_asked
from gateway.words.figures import price_text, qty_text
from gateway.words.symbols import asset, market_of, symbol_of
from gateway.words.vocabulary import SIDE_WORDS
from ledger.archive.reach import Reach
from ledger.models import AccountKind, EntryKind, LineKind, Posting
from ledger.selectors import LedgerFilter, newest_postings_of_user
from markets.conversions import to_ms, units_text
from markets.rules import all_market_rules
from matching.messages.vocabulary import ExecutionType, Role, Side
from trading import selectors
from trading.archive.models import files_end
from trading.archive.shown import in_turn, with_old_fills
from trading.archive.traders import Enough, OfTrader
from trading.models import Fill
from trading.trades import first_fill_id

FILLS_DEFAULT, FILLS_MAX = 500, 1_000
INCOME_DEFAULT, INCOME_MAX = 100, 1_000


def user_trades(asked: VenueAsk) -> list[dict[str, Any]]:
    """From an id or a time on, or the latest; the oldest of them first. The latest can be fewer
    than there are, as the venue's are those of a week; clients go on from an id or a time until
    they have fewer than they asked for, so that must have all."""
    params = asked.params
    market_id = market_of(params.required("symbol")).id
    limit = params.limit(FILLS_DEFAULT, FILLS_MAX)
    order_id = params.whole("orderId", 0) or None
    window = window_asked(params)
    rows = selectors.fills_of_user(asked.user_id, market_id, order_id, window)
    of_files = OfTrader(asked.user_id, market_id, order_id, window=window)
    if params.given("fromId"):
        first = params.whole("fromId", 0)
        rows = rows.filter(trade_id__gte=first, pk__gte=first_fill_id(market_id, first))
        of_files = replace(of_files, first_trade=first)
    if params.given("fromId") or params.given("startTime"):
        found = with_old_fills(
            asked.user_id,
            lambda: list(rows.order_by("pk")[:limit]),
            lambda _: not of_files.may_be_there(),  # what is oldest is in files, if any has some
            in_turn(of_files.oldest(limit)),
        )
        return [_trade(row) for row in found]
    if order_id:
        latest = in_turn(of_files.newest(limit))
    else:
        enough = Enough(market_id, limit)
        own = OfTrader(asked.user_id)
        latest = own.newest(keysets.LOOK_BACK_ROWS, enough, Reach())
    newest = with_old_fills(
        asked.user_id,
        lambda: _newest(asked.user_id, rows, limit, is_looked_for=not order_id),
        lambda found: found.is_whole(limit, asked.user_id),
        latest,
    )
    return [_trade(row) for row in newest.fills[::-1]]


class _Newest(NamedTuple):
    """``oldest``: the id from which on they were looked for; None for all."""

    fills: list[Fill]
    oldest: int | None

    def is_whole(self, limit: int, user_id: int) -> bool:
        """Whether files have none of them. A partition may have gone between the two looks."""
        if len(self.fills) == limit:
            return True
        return self.oldest is not None and self.oldest >= files_end(user_id)


def _newest(user_id: int, rows: QuerySet[Fill], limit: int, *, is_looked_for: bool) -> _Newest:
    """The newest first. Those that no index finds are looked for among so many of the trader's."""
    oldest = None
    if is_looked_for:
        oldest = keysets.key_after(selectors.fills_of_user(user_id), keysets.LOOK_BACK_ROWS)
    recent = rows if oldest is None else rows.filter(pk__gte=oldest)
    found = list(recent.order_by("-pk")[:limit])
    return _Newest(found, oldest)


def _trade(fill: Fill) -> dict[str, Any]:
    rules = all_market_rules()[fill.market_id]
    quote_units = rules.units_per_tick_lot * fill.price_ticks * fill.size_lots
    return {
        "buyer": fill.side == Side.LONG,
        "commission": units_text(fill.fee_units),
        "commissionAsset": asset(),
        "id": fill.trade_id,
        "maker": fill.role == Role.MAKER,
        "orderId": fill.order_id or 0,
        "price": price_text(fill.price_ticks, rules),
        "qty": qty_text(fill.size_lots, rules),
        "quoteQty": units_text(quote_units),
        "realizedPnl": units_text(fill.realized_pnl_units),
        "side": SIDE_WORDS[fill.side],
        "positionSide": "BOTH",
        "symbol": symbol_of(fill.market_id),
        "time": to_ms(fill.executed_at),
    }


# --- income ---------------------------------------------------------------------------------------

_INCOME_OF: Mapping[str, str] = {
    LineKind.REALIZED_PNL: "REALIZED_PNL",
    LineKind.FEE: "COMMISSION",
    LineKind.LIQUIDATION_FEE: "INSURANCE_CLEAR",
    LineKind.INSURANCE_COVER: "INSURANCE_CLEAR",
    LineKind.LOSS_SHARE: "INSURANCE_CLEAR",
    EntryKind.FUNDING: "FUNDING_FEE",
    EntryKind.DEPOSIT: "TRANSFER",
    EntryKind.TRANSFER: "TRANSFER",
    EntryKind.WITHDRAWAL: "TRANSFER",
    EntryKind.ADJUSTMENT: "TRANSFER",
    EntryKind.REFERRAL: "REFERRAL_KICKBACK",
}


def income(asked: VenueAsk) -> list[dict[str, Any]]:
    """What was gained and lost, and what came and went; not what moved from one account of the
    trader's to another."""
    params = asked.params
    limit = params.limit(INCOME_DEFAULT, INCOME_MAX)
    words = tuple(dict.fromkeys(_INCOME_OF.values()))
    chosen = params.text("incomeType").upper()
    kinds = [kind for kind, word in _INCOME_OF.items() if chosen in ("", word)]
    if chosen and chosen not in words:
        return []
    market_id = market_of(params.text("symbol")).id if params.given("symbol") else None
    wanted = LedgerFilter(kinds=kinds, market_id=market_id, window=window_asked(params))
    page = newest_postings_of_user(asked.user_id, wanted, limit, None)
    return [_income(posting) for posting in reversed(page.postings)]


def _income(posting: Posting) -> dict[str, Any]:
    entry = posting.entry
    trade = "" if entry.trade_id is None else str(entry.trade_id)
    kind = posting.kind or entry.kind
    return {
        "symbol": symbol_of(entry.market_id) if entry.market_id else "",
        "incomeType": _INCOME_OF[kind],
        "income": units_text(posting.amount_units),
        "asset": asset(),
        "info": trade or _INCOME_OF[kind],
        "time": to_ms(entry.created_at),
        "tranId": posting.pk,
        "tradeId": trade,
    }


# --- margin ---------------------------------------------------------------------------------------

_ADDED, _REDUCED = 1, 2  # the venue's words
_MARGIN_CHANGES = {EntryKind.MARGIN_ADDED: _ADDED, EntryKind.MARGIN_REMOVED: _REDUCED}


def margin_changes(asked: VenueAsk) -> list[dict[str, Any]]:
    """What the trader put into positions or took out, the latest first."""
    params = asked.params
    limit = params.limit(500, 500)
    market_id = market_of(params.required("symbol")).id
    chosen = params.whole("type", 0, _ADDED, _REDUCED)
    kinds = [kind for kind, word in _MARGIN_CHANGES.items() if chosen in (0, word)]
    wanted = LedgerFilter(kinds=kinds, market_id=market_id, window=window_asked(params))
    # Each has two lines: what the position got is what another account gave.
    page = newest_postings_of_user(asked.user_id, wanted, 2 * limit, None)
    of_positions = [one for one in page.postings if one.account.kind == AccountKind.MARGIN]
    return [_margin_change(posting) for posting in of_positions[:limit]]


def _margin_change(posting: Posting) -> dict[str, Any]:
    entry = posting.entry
    return {
        "symbol": symbol_of(entry.market_id or ""),
        "type": _MARGIN_CHANGES[EntryKind(entry.kind)],
        "deltaType": "USER_ADJUST",
        "amount": units_text(abs(posting.amount_units)),
        "asset": asset(),
        "time": to_ms(entry.created_at),
        "positionSide": "BOTH",
        "clientTranId": "",
    }


# --- forced ---------------------------------------------------------------------------------------

_FORCED = {"LIQUIDATION": ExecutionType.LIQUIDATION, "ADL": ExecutionType.ADL}


def force_orders(asked: VenueAsk) -> list[dict[str, Any]]:
    """Fills that closed a position by force, each as an order that was filled at once."""
    params = asked.params
    limit = params.limit(50, 100)
    market_id = market_of(params.text("symbol")).id if params.given("symbol") else None
    kinds = list(_FORCED.values())
    if params.given("autoCloseType"):
        kinds = [_FORCED[params.word("autoCloseType", list(_FORCED))]]
    rows = selectors.fills_of_user(asked.user_id, market_id, None, window_asked(params))
    forced = rows.filter(Q(execution__in=kinds) & Q(order__isnull=True))
    newest = with_old_fills(
        asked.user_id,
        lambda: _newest(asked.user_id, forced, limit, is_looked_for=True),
        lambda found: found.is_whole(limit, asked.user_id),
        OfTrader(asked.user_id).newest(keysets.LOOK_BACK_ROWS, reach=Reach()),
    )
    return [_forced(row) for row in newest.fills]


def _forced(fill: Fill) -> dict[str, Any]:
    rules = all_market_rules()[fill.market_id]
    price = price_text(fill.price_ticks, rules)
    size = qty_text(fill.size_lots, rules)
    units = rules.units_per_tick_lot * fill.price_ticks * fill.size_lots
    is_adl = fill.execution == ExecutionType.ADL
    named = f"adl_autoclose-{fill.pk}" if is_adl else f"autoclose-{fill.pk}"
    return {
        "orderId": fill.pk,
        "symbol": symbol_of(fill.market_id),
        "status": "FILLED",
        "clientOrderId": named,
        "price": price,
        "avgPrice": price,
        "origQty": size,
        "executedQty": size,
        "cumQuote": units_text(units),
        "timeInForce": "IOC",
        "type": "LIMIT",
        "reduceOnly": True,
        "closePosition": False,
        "side": SIDE_WORDS[fill.side],
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "origType": "LIMIT",
        "time": to_ms(fill.executed_at),
        "updateTime": to_ms(fill.executed_at),
    }
