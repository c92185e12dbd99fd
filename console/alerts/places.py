"""Where the rows behind an alert are: the page that explains it."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from django.urls import reverse

from common.admin.record_urls import list_url, url_of
from console.alerts.models import Alert
from console.alerts.vocabulary import Measure
from ledger.models import Deposit, DepositStatus
from markets.models import Market
from persistence.downloads.models import DailyFile
from persistence.models import DeadLetter, PersistenceFault, ReconcileRun
from trading.statements.models import FaultyStatement

Place = tuple[str, str]  # what it is called, and its address


def places_of(alert: Alert) -> list[Place]:
    """The first explains it best."""
    found = _OWN[Measure(alert.measure)](alert)
    if alert.market_id:
        found.append((alert.market_id, url_of(Market, alert.market_id)))
        at = alert.opened_at or alert.breached_at
        when = {"market": alert.market_id, "at": f"{at:%Y-%m-%dT%H:%M}", "minutes": "10"}
        found.append(("Timeline", f"{reverse('admin:incident')}?{urlencode(when)}"))
    return found


def _status(_: Alert) -> list[Place]:
    return [("Status", reverse("admin:status"))]


def _withdrawals(_: Alert) -> list[Place]:
    return [("Withdrawals", reverse("admin:withdrawals"))]


def _money(_: Alert) -> list[Place]:
    return [("Is it right?", reverse("admin:money"))]


def _market(_: Alert) -> list[Place]:
    return []


def _fund(alert: Alert) -> list[Place]:
    query = urlencode({"market": alert.market_id})
    return [("Risk board", f"{reverse('admin:risk')}?{query}")]


def _list(title: str, model: type, query: str = "") -> Callable[[Alert], list[Place]]:
    return lambda _: [(title, list_url(model, query))]


def _family(alert: Alert) -> list[Place]:
    return [
        (f"Accounts of {user}", reverse("admin:family", args=[user])) for user in alert.user_ids
    ] + _exposure(alert)


def _exposure(alert: Alert) -> list[Place]:
    return [
        (f"Exposure of account {user}", reverse("admin:risk-trader", args=[user]))
        for user in alert.user_ids
    ]


def _rows(title: str, label: str) -> Callable[[Alert], list[Place]]:
    """The orders or fills of its traders in its market."""

    def places(alert: Alert) -> list[Place]:
        market = {"market__id__exact": alert.market_id}
        return [
            (
                f"{title} of account {user}",
                list_url(label, urlencode({"user__id__exact": user, **market})),
            )
            for user in alert.user_ids
        ] + _exposure(alert)

    return places


_OWN: Mapping[Measure, Callable[[Alert], list[Place]]] = {
    Measure.ENGINE_SILENCE: _status,
    Measure.ENGINE_LAG: _status,
    Measure.PERSISTENCE_LAG: _status,
    Measure.PERSISTENCE_STOPPED: _list("Faults", PersistenceFault),
    Measure.UNANSWERED: _status,
    Measure.INDEX_AGE: _status,
    Measure.MARK_OFF_INDEX: _market,
    Measure.MARKET_HALTED: _status,
    Measure.DEAD_LETTERS: _list("Dead letters", DeadLetter),
    Measure.INSURANCE_FUND: _fund,
    Measure.INSURANCE_COVER: _fund,
    Measure.DEPOSIT_WAIT: _list("Deposits", Deposit, f"status__exact={DepositStatus.REQUESTED}"),
    Measure.WITHDRAWAL_WAIT: _withdrawals,
    Measure.SENDING_STOPPED: lambda alert: [
        *_withdrawals(alert),
        ("Custody", reverse("admin:custody")),
    ],
    Measure.PAYOUT_AGE: _withdrawals,
    Measure.RECONCILE_DIFFERENCES: _list("Reconciliation", ReconcileRun),
    Measure.FAULTY_STATEMENTS: _list("Faulty statements", FaultyStatement),
    Measure.FAILED_FILES: _list("Daily files", DailyFile, "result=failed"),
    Measure.PARTITIONS_LATE: _status,
    Measure.RECONCILE_AGE: _money,
    Measure.SEAL_LATE: _money,
    Measure.FAILED_SIGN_INS: lambda _: [
        ("Failed sign-ins", list_url("accounts.SignInFailure", ""))
    ],
    Measure.PROFIT: _exposure,
    Measure.PROFIT_OF_DEPOSITS: _exposure,
    Measure.SELF_TRADES: _rows("Orders", "trading.Order"),
    Measure.PAIR_TRADES: _rows("Fills", "trading.Fill"),
    Measure.FAMILY_TRADES: _family,
    Measure.CANCEL_RATIO: _rows("Orders", "trading.Order"),
}
