"""When an alert opens, turns graver, closes; and that there is one."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from common.postgres.alone import alone
from console.alerts import evaluation
from console.alerts.defaults import DEFAULTS, install_rules
from console.alerts.evaluation import judge
from console.alerts.measures import READERS
from console.alerts.measures.look import Look, NotMeasured, Reading
from console.alerts.models import Alert, AlertRule, AlertSnooze, MeasureLook, WebhookDelivery
from console.alerts.vocabulary import Measure, Severity, Unit
from console.tasks import watch as watch_task
from mails.models import Mail
from markets.models import Market, MarketStatus
from tests.admin.alert_rows import make_recipient
from tests.admin.factories import make_market, make_user
from tests.alerts.watching import NOW, at, opened, rule_of, watch

INDEX = Measure.INDEX_AGE
PLAIN = {"critical_from": None, "clears_at": None, "holds_s": 0, "clears_after_s": 0}
READERS_BY_MEASURE = cast(dict[Measure, Any], READERS)
Set = Callable[[Any], None]
pytestmark = pytest.mark.django_db


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Set:
    """What the measure of an index's age says from now on: a value of BTC-PERP, or readings."""

    def set_to(found: Any) -> None:
        if not isinstance(found, dict):
            found = {"BTC-PERP": Reading(found, "so it is", "BTC-PERP")}
        monkeypatch.setitem(READERS_BY_MEASURE, INDEX, lambda _: found)

    return set_to


def test_it_opens_at_the_threshold_and_not_below(market: Market) -> None:
    rule_of(INDEX, threshold=15_000, **PLAIN)
    watch(INDEX, at(14.999))
    assert not Alert.objects.exists()
    watch(INDEX, at(15))
    (alert,) = opened()
    assert (alert.value, alert.severity, alert.opened_at) == (15_000, "warning", at(15))
    assert (alert.market_id, alert.subject) == ("BTC-PERP", "BTC-PERP")


def test_of_what_is_bad_when_low_it_opens_at_the_threshold_and_not_above(market: Market) -> None:
    rule_of(Measure.INSURANCE_FUND, threshold=12_499_999, enabled=True, **PLAIN)
    watch(Measure.INSURANCE_FUND, NOW)
    assert not opened()
    rule_of(Measure.INSURANCE_FUND, threshold=12_500_000)
    watch(Measure.INSURANCE_FUND, NOW)
    assert len(opened()) == 1
    rule_of(Measure.INSURANCE_FUND, clears_at=13_000_000)
    for units, is_open in ((12_999_999, True), (13_000_000, True), (13_000_001, False)):
        MarketStatus.objects.update(insurance_units=units)
        watch(Measure.INSURANCE_FUND, NOW)
        assert bool(opened()) is is_open


def test_it_closes_beyond_where_it_clears(says: Set) -> None:
    rule_of(INDEX, **PLAIN | {"threshold": 20, "clears_at": 10})
    for second, (value, is_open) in enumerate(
        [(19, False), (20, True), (19, True), (10, True), (9, False), (19, False), (20, True)]
    ):
        says(value)
        watch(INDEX, at(second))
        assert bool(opened()) is is_open, value
    first, second_one = Alert.objects.order_by("pk")
    assert (first.worst_value, first.last_value, first.closed_why) == (20, 9, "clear again")
    assert second_one.closed_at is None


def test_it_closes_after_it_was_clear_for_long_enough(says: Set) -> None:
    rule_of(INDEX, **PLAIN | {"threshold": 20, "clears_after_s": 60})
    for seconds, value, is_open in [
        (0, 20, True), (10, 5, True), (60, 5, True), (65, 20, True), (70, 5, True),
        (129, 5, True), (130, 5, False),
    ]:  # fmt: skip
        says(value)
        watch(INDEX, at(seconds))
        assert bool(opened()) is is_open, seconds


def test_it_must_hold(says: Set) -> None:
    rule_of(INDEX, **PLAIN | {"threshold": 20, "holds_s": 30})
    says(20)
    for seconds in (0, 10, 29.9):
        watch(INDEX, at(seconds))
        assert not opened()
    watch(INDEX, at(30))
    (alert,) = opened()
    assert (alert.breached_at, alert.opened_at) == (NOW, at(30))


def test_a_breach_that_ends_before_it_held_leaves_nothing(says: Set) -> None:
    rule_of(INDEX, **PLAIN | {"threshold": 20, "holds_s": 30})
    for seconds, value in ((0, 20), (10, 19), (20, 20), (40, 20)):
        says(value)
        watch(INDEX, at(seconds))
    assert not opened()
    watch(INDEX, at(50))
    assert len(opened()) == Alert.objects.count() == 1


def test_nothing_is_known_to_have_held_while_nobody_looked(says: Set) -> None:
    rule_of(INDEX, **PLAIN | {"threshold": 20, "holds_s": 300})
    says(20)
    for seconds in (0, 1_000):
        watch(INDEX, at(seconds))
    assert not opened()
    assert Alert.objects.get().breached_at == at(1_000)


def test_a_figure_that_is_not_known_changes_nothing(says: Set) -> None:
    rule_of(INDEX, **PLAIN | {"threshold": 20})
    says(None)
    watch(INDEX, NOW)
    assert not Alert.objects.exists()
    says(20)
    watch(INDEX, at(1))
    says(None)
    watch(INDEX, at(2))
    assert opened()[0].measured_at == at(1)
    says({})  # there is no such market any more
    watch(INDEX, at(3))
    assert not opened()


@pytest.mark.parametrize(
    "error", [NotMeasured("Postgres did not answer in time."), ZeroDivisionError("x")]
)
def test_a_measure_that_fails_says_so_and_the_others_are_taken(
    says: Set, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    rule_of(INDEX, **PLAIN | {"threshold": 20})
    says(20)
    watch(INDEX, NOW)

    def fail(_: Any) -> Any:
        raise error

    monkeypatch.setitem(READERS_BY_MEASURE, INDEX, fail)
    evaluation.look_at(Look(at(1)), [INDEX, Measure.FAILED_SIGN_INS])
    assert len(opened()) == 1
    assert MeasureLook.objects.get(pk=INDEX).failed
    assert MeasureLook.objects.get(pk=Measure.FAILED_SIGN_INS).failed == ""


def test_a_slow_statement_is_a_measure_that_fails(
    says: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(_: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")

    monkeypatch.setattr(evaluation, "STATEMENT_TIMEOUT", "50ms")
    monkeypatch.setitem(READERS_BY_MEASURE, INDEX, sleep)
    watch(INDEX, NOW)
    assert "timeout" in MeasureLook.objects.get(pk=INDEX).failed


def test_it_turns_graver_and_asks_again(says: Set) -> None:
    rule_of(INDEX, **PLAIN | {"threshold": 20, "critical_from": 40})
    make_recipient("mail", "night@example.com")
    says(39)
    watch(INDEX, NOW)
    Alert.objects.update(acknowledged_by=make_user(), acknowledged_at=NOW, note="mine")
    says(40)
    watch(INDEX, at(1))
    (alert,) = opened()
    assert (alert.severity, alert.acknowledged_by, alert.note) == (Severity.CRITICAL, None, "")
    says(21)
    watch(INDEX, at(2))
    assert opened()[0].severity == Severity.CRITICAL
    says(1)
    watch(INDEX, at(3))
    subjects = list(Mail.objects.order_by("pk").values_list("subject", flat=True))
    assert subjects == [
        "[warning] opened: Index price old (BTC-PERP)",
        "[critical] worsened: Index price old (BTC-PERP)",
        "[critical] closed: Index price old (BTC-PERP)",
    ]


def test_a_market_s_own_rule_takes_the_place_of_the_one_for_all(market: Market, says: Set) -> None:
    eth = make_market("ETH-PERP")
    rule_of(INDEX, **PLAIN | {"threshold": 20})
    says({pk: Reading(30, "", pk) for pk in (market.pk, eth.pk)})
    watch(INDEX, NOW)
    assert len(opened()) == 2
    own = AlertRule.objects.create(measure=INDEX, market=eth, threshold=25, severity="critical")
    watch(INDEX, at(1))
    assert {(one.subject, one.rule_id == own.pk) for one in opened()} == {
        ("BTC-PERP", False), ("ETH-PERP", True),
    }  # fmt: skip
    AlertRule.objects.filter(pk=own.pk).update(enabled=False)
    watch(INDEX, at(2))
    assert [one.subject for one in opened()] == ["BTC-PERP"]
    ended = Alert.objects.filter(closed_at__isnull=False)
    assert {one.closed_why for one in ended} == {"the rule no longer applies"}


def test_who_is_told(says: Set) -> None:
    rule = rule_of(INDEX, **PLAIN | {"threshold": 20})
    grave = make_recipient("mail", "grave@example.com", least_severity="critical")
    hook = make_recipient()
    make_recipient("mail", "off@example.com", enabled=False)
    says(20)
    watch(INDEX, NOW)
    assert not Mail.objects.exists()
    assert WebhookDelivery.objects.get().recipient == hook
    rule.recipients.set([grave])  # named, it is told of whatever the rule says
    says(1)
    watch(INDEX, at(1))
    assert Mail.objects.get().to == "grave@example.com"
    assert WebhookDelivery.objects.count() == 1


def test_while_it_is_snoozed_nobody_is_told(says: Set) -> None:
    rule = rule_of(INDEX, **PLAIN | {"threshold": 20, "critical_from": 40})
    make_recipient("mail", "night@example.com")
    snooze = AlertSnooze.objects.create(
        rule=rule, subject="BTC-PERP", until=at(100), reason="we know", snoozed_at=NOW,
        snoozed_by=make_user(),
    )  # fmt: skip
    says(20)
    watch(INDEX, NOW)
    says(40)
    watch(INDEX, at(99))
    assert opened()
    assert not Mail.objects.exists()
    watch(INDEX, at(100))
    snooze.refresh_from_db()
    assert snooze.ended_at == snooze.until
    assert Mail.objects.get().subject.startswith("[critical] opened")


def test_of_what_closes_while_it_is_snoozed_whoever_heard_of_it_hears(says: Set) -> None:
    rule = rule_of(INDEX, **PLAIN | {"threshold": 20})
    make_recipient("mail", "night@example.com")
    says(20)
    watch(INDEX, NOW)
    AlertSnooze.objects.create(
        rule=rule, subject="BTC-PERP", until=at(100), reason="x", snoozed_at=NOW,
        snoozed_by=make_user(),
    )  # fmt: skip
    says(1)
    watch(INDEX, at(1))
    assert [mail.subject.split(":")[0] for mail in Mail.objects.order_by("pk")] == [
        "[warning] opened", "[warning] closed",
    ]  # fmt: skip


def test_rules_are_installed_once_and_are_the_operators_then() -> None:
    assert set(AlertRule.objects.values_list("measure", flat=True)) == set(Measure) == set(DEFAULTS)
    for rule in AlertRule.objects.all():
        rule.full_clean()  # marks are on their sides
    rule_of(INDEX, threshold=1, enabled=False)
    AlertRule.objects.filter(measure=Measure.PROFIT).delete()
    install_rules()
    assert AlertRule.objects.get(measure=INDEX).threshold == 1
    assert AlertRule.objects.count() == len(Measure)


def test_units_in_words() -> None:
    for value_ms, words in (
        (1_500, "1.5 s"), (60_000, "60 s"), (900_000, "15 min"), (14_400_000, "4 h"),
        (90_500, "90.5 s"), (-7_200_000, "-7,200 s"),
    ):  # fmt: skip
        assert Unit.SECONDS.words(value_ms) == words
    assert Unit.PERCENT.words(25_000) == "2.5 %"
    assert Unit.MONEY.words(1_234_500_000) == "1,234.50 USD"
    assert Unit.COUNT.words(12_000) == "12,000"


@pytest.mark.django_db(transaction=True)
def test_two_that_judge_at_once_open_one_alert(market: Market) -> None:
    rule = rule_of(INDEX, **PLAIN | {"threshold": 20})
    make_recipient("mail", "night@example.com")
    readings = {"BTC-PERP": Reading(20, "", "BTC-PERP")}
    at_once = threading.Barrier(4)
    failed: list[DatabaseError] = []

    def judge_it() -> None:
        try:
            at_once.wait()
            judge(rule.pk, readings, set(), NOW)
        except DatabaseError as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=judge_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert Alert.objects.count() == Mail.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_worker_watches_at_a_time(market: Market) -> None:
    """And what committed with an alert is gone with it."""
    rule_of(INDEX, **PLAIN | {"threshold": 20})

    def watch_elsewhere() -> None:
        watch_task()
        connections.close_all()

    with alone(evaluation._LOCK) as is_alone:
        assert is_alone
        thread = threading.Thread(target=watch_elsewhere)
        thread.start()
        thread.join()
    assert not MeasureLook.objects.exists()
    watch_task()
    assert MeasureLook.objects.count() == len(Measure)
    looked = MeasureLook.objects.get(pk=Measure.PROFIT).looked_at
    watch_task()  # not due yet
    assert MeasureLook.objects.get(pk=Measure.PROFIT).looked_at == looked
    ahead = timezone.now() + timedelta(days=1)  # a clock was set back
    MeasureLook.objects.update(looked_at=ahead)
    watch_task()
    assert MeasureLook.objects.get(pk=Measure.PROFIT).looked_at < ahead


@pytest.mark.django_db(transaction=True)
def test_what_is_told_commits_with_the_alert(market: Market) -> None:
    rule = rule_of(INDEX, **PLAIN | {"threshold": 20})
    make_recipient("mail", "night@example.com")
    with transaction.atomic():
        judge(rule.pk, {"BTC-PERP": Reading(20, "", "BTC-PERP")}, set(), NOW)
        assert Mail.objects.exists()
        transaction.set_rollback(True)
    assert not Mail.objects.exists()
    assert not Alert.objects.exists()
