"""The words of alerts: measures, their units, how grave.

A value is a whole number of its unit's smallest part: milliseconds, money units, parts per million,
or pieces. Operators read and write seconds, USD, per cent, or pieces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from markets.display import money, percent
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY, PPM

VALUE_MAX = 2**62


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)

    @property
    def tone(self) -> str:
        """The name of its colour in the style sheet."""
        return ("plain", "warn", "bad")[self.rank]


class Unit(StrEnum):
    COUNT = "count"
    SECONDS = "s"
    MONEY = "USD"
    PERCENT = "%"

    @property
    def scale(self) -> int:
        """Smallest parts in one of what an operator writes."""
        return _SCALES[self]

    @property
    def sign(self) -> str:
        return "" if self is Unit.COUNT else self.value

    def plain(self, value: int) -> Decimal:
        return Decimal(value) / self.scale

    def value_of(self, plain: Decimal) -> int:
        """Raises ValueError for what is finer than the smallest part, or out of reach."""
        if not plain.is_finite() or abs(plain) > VALUE_MAX // self.scale:
            raise ValueError("Too large a number.")
        scaled = plain * self.scale
        if scaled != int(scaled):
            raise ValueError("Too many decimals for its unit.")
        return int(scaled)

    def words(self, value: int) -> str:
        if self is Unit.MONEY:
            return money(value)
        if self is Unit.PERCENT:
            return percent(value)
        if self is Unit.SECONDS:
            return _time_words(value)
        return f"{value:,}"


def _time_words(value_ms: int) -> str:
    """Exactly: in whole hours or minutes where it is some of them."""
    for length_ms, name in ((3_600_000, "h"), (60_000, "min")):
        if value_ms >= 2 * length_ms and value_ms % length_ms == 0:
            return f"{value_ms // length_ms:,} {name}"
    return f"{Decimal(value_ms) / 1_000:,} s"


_SCALES: Mapping[Unit, int] = {
    Unit.COUNT: 1,
    Unit.SECONDS: 1_000,
    Unit.MONEY: MONEY_UNITS_PER_CURRENCY,
    Unit.PERCENT: PPM // 100,
}


class MeasureScope(StrEnum):
    """What a measure's subjects are: "", "BTC-PERP", "17", "BTC-PERP/17", "BTC-PERP/3+9"."""

    EXCHANGE = "the exchange"
    MARKET = "each market"
    TRADER = "each trader"
    TRADER_IN_MARKET = "each trader in a market"
    PAIR_IN_MARKET = "each pair of traders in a market"

    @property
    def has_markets(self) -> bool:
        return self not in (MeasureScope.EXCHANGE, MeasureScope.TRADER)

    @property
    def has_traders(self) -> bool:
        return self not in (MeasureScope.EXCHANGE, MeasureScope.MARKET)


class Measure(StrEnum):
    ENGINE_SILENCE = "engine_silence"
    ENGINE_LAG = "engine_lag"
    PERSISTENCE_LAG = "persistence_lag"
    PERSISTENCE_STOPPED = "persistence_stopped"
    UNANSWERED = "unanswered"
    INDEX_AGE = "index_age"
    MARK_OFF_INDEX = "mark_off_index"
    MARKET_HALTED = "market_halted"
    DEAD_LETTERS = "dead_letters"
    INSURANCE_FUND = "insurance_fund"
    INSURANCE_COVER = "insurance_cover"
    DEPOSIT_WAIT = "deposit_wait"
    WITHDRAWAL_WAIT = "withdrawal_wait"
    SENDING_STOPPED = "sending_stopped"
    PAYOUT_AGE = "payout_age"
    RECONCILE_DIFFERENCES = "reconcile_differences"
    RECONCILE_AGE = "reconcile_age"
    SEAL_LATE = "seal_late"
    FAULTY_STATEMENTS = "faulty_statements"
    FAILED_FILES = "failed_files"
    PARTITIONS_LATE = "partitions_late"
    FAILED_SIGN_INS = "failed_sign_ins"
    PROFIT = "profit"
    PROFIT_OF_DEPOSITS = "profit_of_deposits"
    SELF_TRADES = "self_trades"
    PAIR_TRADES = "pair_trades"
    FAMILY_TRADES = "family_trades"
    CANCEL_RATIO = "cancel_ratio"

    @property
    def about(self) -> "About":
        return ABOUT[self]


@dataclass(frozen=True)
class About:
    """``is_low_bad``: an alert opens at or below the threshold, otherwise at or above it.
    ``every_s``: how often it is worth being taken. ``blind``: what it can't know."""

    title: str
    unit: Unit
    scope: MeasureScope
    every_s: int
    what: str
    blind: str
    is_low_bad: bool = False


_ENGINE = "Without Redis nothing is known, and nothing changes."
_CONDUCT = "Traders are accounts: whoever has two is two."
ABOUT: Mapping[Measure, About] = {
    Measure.ENGINE_SILENCE: About(
        "Engine silent", Unit.SECONDS, MeasureScope.MARKET, 10,
        "since the newest heartbeat of an engine that is not halted; an hour if there is none",
        _ENGINE,
    ),
    Measure.ENGINE_LAG: About(
        "Engine lag", Unit.SECONDS, MeasureScope.MARKET, 10,
        "age of the oldest command that waits for the engine", _ENGINE,
    ),
    Measure.PERSISTENCE_LAG: About(
        "Persistence lag", Unit.SECONDS, MeasureScope.MARKET, 10,
        "age of the oldest entry that is not persisted", _ENGINE,
    ),
    Measure.PERSISTENCE_STOPPED: About(
        "Persistence stopped", Unit.COUNT, MeasureScope.MARKET, 10,
        "1 while a fault of persistence is unresolved, else 0", "Why: the fault's page says it.",
    ),
    Measure.UNANSWERED: About(
        "Orders unanswered", Unit.SECONDS, MeasureScope.MARKET, 10,
        "age of the oldest order or command that no engine has answered for 5 s",
        "Whether its trader still waits.",
    ),
    Measure.INDEX_AGE: About(
        "Index price old", Unit.SECONDS, MeasureScope.MARKET, 10,
        "since the last index price the engine took, in a market that is open",
        "An index that is fresh and wrong. While persistence is behind, it is older than it is.",
    ),
    Measure.MARK_OFF_INDEX: About(
        "Mark far from index", Unit.PERCENT, MeasureScope.MARKET, 10,
        "distance of the mark price from the index price, of the index",
        "Which of the two is wrong; excursions between two looks.",
    ),
    Measure.MARKET_HALTED: About(
        "Market halted by the engine", Unit.COUNT, MeasureScope.MARKET, 10,
        "1 while the circuit breaker or an exhausted insurance fund halts the market, else 0",
        "Halts that operators asked for are theirs to know.",
    ),
    Measure.DEAD_LETTERS: About(
        "Dead letters", Unit.COUNT, MeasureScope.MARKET, 60,
        "entries of the last hour that no engine could read, of the newest 1,000 of all markets",
        "What their sender meant.",
    ),
    Measure.INSURANCE_FUND: About(
        "Insurance fund low", Unit.MONEY, MeasureScope.MARKET, 60,
        "what the fund of an open market holds", "What it will be asked for: see the risk board.",
        is_low_bad=True,
    ),
    Measure.INSURANCE_COVER: About(
        "Insurance cover low", Unit.PERCENT, MeasureScope.MARKET, 60,
        "the fund, of the open interest at the mark; none where nothing is open",
        "How near positions are to liquidation: see risk board and stress ladder. " + _ENGINE,
        is_low_bad=True,
    ),
    Measure.DEPOSIT_WAIT: About(
        "Deposits waiting", Unit.SECONDS, MeasureScope.EXCHANGE, 60,
        "age of the oldest deposit that waits for an operator",
        "Deposits by custody: they wait for confirmations, not for operators.",
    ),
    Measure.WITHDRAWAL_WAIT: About(
        "Withdrawals waiting", Unit.SECONDS, MeasureScope.EXCHANGE, 60,
        "age of the oldest withdrawal that waits for operators, or for a stop to end",
        "Whether its trader still wants it.",
    ),
    Measure.SENDING_STOPPED: About(
        "Sending stopped", Unit.COUNT, MeasureScope.EXCHANGE, 10,
        "causes for which no withdrawal goes by itself: a difference, a case of custody, an "
        "operator",
        "What custody doesn't say.",
    ),
    Measure.PAYOUT_AGE: About(
        "Withdrawal at custody", Unit.SECONDS, MeasureScope.EXCHANGE, 60,
        "how long the oldest withdrawal that is approved has been where it is on its way",
        "Whether it is on its way.",
    ),
    Measure.RECONCILE_DIFFERENCES: About(
        "Reconciliation differs", Unit.COUNT, MeasureScope.EXCHANGE, 10,
        "differences of the newest reconciliation of everything", "What came since that run.",
    ),
    Measure.RECONCILE_AGE: About(
        "Reconciliation old", Unit.SECONDS, MeasureScope.EXCHANGE, 60,
        "since the newest reconciliation of everything ended; if there was none, since the first "
        "market was made",
        "Whether a run is on at this moment.",
    ),
    Measure.SEAL_LATE: About(
        "Seal late", Unit.SECONDS, MeasureScope.EXCHANGE, 60,
        "how long the next seal of the journal could have been made: since its last entry is "
        "there, or the seal before it",
        "Why: the log says `seal_refused` or `seal_put_off`.",
    ),
    Measure.FAULTY_STATEMENTS: About(
        "Statements that don't add up", Unit.COUNT, MeasureScope.EXCHANGE, 60,
        "statements of traders, found within a day, whose movements weren't what their balances "
        "differ by, 1,000 at most",
        "Statements that nobody asked for.",
    ),
    Measure.FAILED_FILES: About(
        "Daily files failed", Unit.COUNT, MeasureScope.EXCHANGE, 60,
        "daily files that could not be written when that was tried last, 1,000 at most",
        "Days that wait for persistence, which are not tried yet.",
    ),
    Measure.PARTITIONS_LATE: About(
        "Partitions late", Unit.PERCENT, MeasureScope.EXCHANGE, 60,
        "what is missing of a partition's width of ids that is to be free before the partition "
        "that has no end; from 100 % on that one has rows",
        "Why: the log says `partitions_put_off`. Rows have a place in any case.",
    ),
    Measure.FAILED_SIGN_INS: About(
        "Failed sign-ins", Unit.COUNT, MeasureScope.EXCHANGE, 10,
        "wrong passwords at the console's door in the last 10 minutes, 10,000 at most",
        "Those refused unseen, and those of traders at the API: both are limited, not kept.",
    ),
    Measure.PROFIT: About(
        "Unusual profit", Unit.MONEY, MeasureScope.TRADER, 300,
        "realised profit less fees of today and yesterday, by UTC, of the 50 who gained most",
        "Unrealised profit, funding, and what belongs to the same person elsewhere. " + _CONDUCT,
    ),
    Measure.PROFIT_OF_DEPOSITS: About(
        "Unusual profit for its deposits", Unit.PERCENT, MeasureScope.TRADER, 300,
        "the same profit, of all approved deposits, counted as 100 USD at least; of the 200 who "
        "gained most",
        "What was withdrawn or adjusted since. " + _CONDUCT,
    ),
    Measure.SELF_TRADES: About(
        "Self-trades prevented", Unit.COUNT, MeasureScope.TRADER_IN_MARKET, 60,
        "orders of a trader that went within an hour because they met the trader's own, among the "
        "market's newest 20,000 orders",
        "Intent: who quotes both sides meets themselves. " + _CONDUCT,
    ),
    Measure.PAIR_TRADES: About(
        "Trades between two", Unit.PERCENT, MeasureScope.PAIR_IN_MARKET, 60,
        "what two traders traded with each other within an hour, of all that the busier of them "
        "traded; of pairs with 20 trades or more, among the market's newest 20,000 trades",
        "Whether the two are one person; in a market with two traders any pair looks so.",
    ),
    Measure.FAMILY_TRADES: About(
        "Trades inside a family", Unit.PERCENT, MeasureScope.TRADER_IN_MARKET, 60,
        "what the accounts of a family traded with each other within an hour, of all that they "
        "traded, by its main account; of families with 20 such trades or more, among the market's "
        "newest 20,000 trades",
        "Why: self-trade prevention is each account's own. " + _CONDUCT,
    ),
    Measure.CANCEL_RATIO: About(
        "Large orders cancelled", Unit.PERCENT, MeasureScope.TRADER_IN_MARKET, 60,
        "of a trader's large limit orders (at least the market's impact notional) that were placed "
        "and ended within an hour, those the trader cancelled without a fill; of traders with 20 "
        "or more, among the market's newest 20,000 orders",
        "Intent: market makers look so too. An order moved by amending is one order.",
    ),
}  # fmt: skip
