"""The figures themselves: one function per measure, from what is there to readings by subject.

A function returns the readings of all its subjects that are worth one: a subject without a reading
has nothing to alarm about. What could not be known is a reading without a value. Every read is
bounded, by an index or by how far it looks back; see `vocabulary.ABOUT` for what that leaves out.
"""

from collections.abc import Callable, Mapping

from console.alerts.measures import conduct, doors, markets, parts, profits
from console.alerts.measures.look import Look, Readings
from console.alerts.vocabulary import Measure

READERS: Mapping[Measure, Callable[[Look], Readings]] = {
    Measure.ENGINE_SILENCE: parts.engine_silence,
    Measure.ENGINE_LAG: parts.engine_lag,
    Measure.PERSISTENCE_LAG: parts.persistence_lag,
    Measure.PERSISTENCE_STOPPED: parts.persistence_stopped,
    Measure.UNANSWERED: parts.unanswered,
    Measure.INDEX_AGE: markets.index_age,
    Measure.MARK_OFF_INDEX: markets.mark_off_index,
    Measure.MARKET_HALTED: markets.market_halted,
    Measure.DEAD_LETTERS: markets.dead_letters,
    Measure.INSURANCE_FUND: markets.insurance_fund,
    Measure.INSURANCE_COVER: markets.insurance_cover,
    Measure.DEPOSIT_WAIT: doors.deposit_wait,
    Measure.WITHDRAWAL_WAIT: doors.withdrawal_wait,
    Measure.SENDING_STOPPED: doors.sending_stopped,
    Measure.PAYOUT_AGE: doors.payout_age,
    Measure.RECONCILE_DIFFERENCES: doors.reconcile_differences,
    Measure.RECONCILE_AGE: doors.reconcile_age,
    Measure.SEAL_LATE: doors.seal_late,
    Measure.FAULTY_STATEMENTS: doors.faulty_statements,
    Measure.FAILED_FILES: doors.failed_files,
    Measure.PARTITIONS_LATE: doors.partitions_late,
    Measure.FAILED_SIGN_INS: doors.failed_sign_ins,
    Measure.PROFIT: profits.profit,
    Measure.PROFIT_OF_DEPOSITS: profits.profit_of_deposits,
    Measure.SELF_TRADES: conduct.self_trades,
    Measure.PAIR_TRADES: conduct.pair_trades,
    Measure.FAMILY_TRADES: conduct.family_trades,
    Measure.CANCEL_RATIO: conduct.cancel_ratio,
}
