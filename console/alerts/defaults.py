"""The rules a fresh exchange has: one for all markets of every measure. Once there they are the
operators' own: changed or switched off, never made again; a measure that is new gets its rule with
the migration that brings it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from console.alerts.models import AlertRule
from console.alerts.vocabulary import Measure, Severity


@dataclass(frozen=True)
class Default:
    """Marks are in what an operator writes: seconds, USD, per cent, or pieces."""

    threshold: float
    severity: Severity
    critical_from: float | None = None
    clears_at: float | None = None
    holds_s: int = 0
    clears_after_s: int = 60
    enabled: bool = True


_WARNING, _CRITICAL, _INFO = Severity.WARNING, Severity.CRITICAL, Severity.INFO
DEFAULTS: Mapping[Measure, Default] = {
    Measure.ENGINE_SILENCE: Default(10, _CRITICAL, clears_at=5),
    Measure.ENGINE_LAG: Default(2, _WARNING, 10, clears_at=1, holds_s=20),
    Measure.PERSISTENCE_LAG: Default(5, _WARNING, 30, clears_at=2, holds_s=20),
    Measure.PERSISTENCE_STOPPED: Default(1, _CRITICAL, clears_after_s=0),
    Measure.UNANSWERED: Default(15, _WARNING, 60, clears_at=5),
    Measure.INDEX_AGE: Default(15, _WARNING, 60, clears_at=10),
    Measure.MARK_OFF_INDEX: Default(2, _WARNING, 4, clears_at=1.5, holds_s=30),
    Measure.MARKET_HALTED: Default(1, _CRITICAL, clears_after_s=0),
    Measure.DEAD_LETTERS: Default(1, _WARNING, clears_after_s=0),
    Measure.INSURANCE_FUND: Default(1_000, _WARNING, 0, enabled=False),  # how much is low?
    Measure.INSURANCE_COVER: Default(0.5, _WARNING, 0.1, clears_at=0.6, holds_s=60),
    Measure.DEPOSIT_WAIT: Default(4 * 3_600, _WARNING, 24 * 3_600, clears_after_s=0),
    Measure.WITHDRAWAL_WAIT: Default(2 * 3_600, _WARNING, 12 * 3_600, clears_after_s=0),
    Measure.SENDING_STOPPED: Default(1, _CRITICAL, holds_s=30, clears_after_s=0),
    Measure.PAYOUT_AGE: Default(3_600, _WARNING, 6 * 3_600, clears_after_s=0),
    Measure.RECONCILE_DIFFERENCES: Default(1, _CRITICAL, clears_after_s=0),
    Measure.RECONCILE_AGE: Default(900, _WARNING, 3_600, clears_after_s=0),
    Measure.SEAL_LATE: Default(900, _WARNING, 6 * 3_600, holds_s=180, clears_after_s=0),
    Measure.FAULTY_STATEMENTS: Default(1, _CRITICAL, clears_after_s=0),
    Measure.FAILED_FILES: Default(1, _WARNING, clears_after_s=0),
    Measure.PARTITIONS_LATE: Default(1, _WARNING, holds_s=600, clears_after_s=0),
    Measure.FAILED_SIGN_INS: Default(20, _WARNING, 200, clears_at=10),
    Measure.PROFIT: Default(100_000, _WARNING, 1_000_000, clears_after_s=0),
    Measure.PROFIT_OF_DEPOSITS: Default(500, _INFO, clears_after_s=0),
    Measure.SELF_TRADES: Default(100, _INFO, clears_at=50),
    Measure.PAIR_TRADES: Default(80, _WARNING, clears_at=60, holds_s=300),
    Measure.FAMILY_TRADES: Default(50, _WARNING, clears_at=30, holds_s=300),
    Measure.CANCEL_RATIO: Default(98, _INFO, clears_at=95, holds_s=300),
}


def install_rules(using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """After each `migrate`: those of measures that have no rule for all markets."""
    rows = AlertRule.objects.using(using)
    rows.bulk_create(
        (_rule(measure, default) for measure, default in DEFAULTS.items()), ignore_conflicts=True
    )


def _rule(measure: Measure, default: Default) -> AlertRule:
    scale = measure.about.unit.scale

    def scaled(mark: float | None) -> int | None:
        return None if mark is None else round(mark * scale)

    return AlertRule(
        measure=measure,
        severity=default.severity,
        threshold=round(default.threshold * scale),
        critical_from=scaled(default.critical_from),
        clears_at=scaled(default.clears_at),
        holds_s=default.holds_s,
        clears_after_s=default.clears_after_s,
        enabled=default.enabled,
    )
