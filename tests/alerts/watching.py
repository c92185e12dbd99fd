"""Looks at times of the test's own, and what came of them."""

from datetime import datetime, timedelta
from typing import Any

from console.alerts.evaluation import look_at
from console.alerts.measures import READERS
from console.alerts.measures.look import Look, Readings
from console.alerts.models import Alert, AlertRule
from console.alerts.vocabulary import Measure
from tests.admin.money_rows import NOW

__all__ = ["NOW"]


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def read(measure: Measure, now: datetime = NOW) -> Readings:
    return READERS[measure](Look(now))


def value(measure: Measure, subject: str = "BTC-PERP", now: datetime = NOW) -> int | None:
    """Of a subject that has a reading; -1 of one that has none."""
    found = read(measure, now).get(subject)
    return found.value if found else -1


def rule_of(measure: Measure, **changed: Any) -> AlertRule:
    rule = AlertRule.objects.get(measure=measure, market=None)
    for name, word in changed.items():
        setattr(rule, name, word)
    rule.save()
    return rule


def watch(measure: Measure, now: datetime) -> None:
    look_at(Look(now), [measure])


def opened(**of: Any) -> list[Alert]:
    """Those that are open."""
    return list(Alert.objects.filter(opened_at__isnull=False, closed_at=None, **of).order_by("pk"))
