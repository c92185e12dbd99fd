"""The status page as gauges, for whoever alarms on them. Every worker can say: take the largest."""

from collections.abc import Iterator

from django.db import connections
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from common.metrics.measures import (
    ENGINES_ALIVE,
    FINDING,
    INPUT_LAG_ENTRIES,
    INPUT_LAG_SECONDS,
    OUTPUT_LAG_ENTRIES,
    OUTPUT_LAG_SECONDS,
    Shown,
)
from console.health.report import ExchangeStatus, exchange_status


class StatusCollector(Collector):
    """Asked in a thread of its own, which keeps no connection."""

    def describe(self) -> list[Metric]:
        return []  # else it would be asked as it is registered, too

    def collect(self) -> Iterator[Metric]:
        try:
            status = exchange_status()
        finally:
            connections.close_all()
        yield _findings(status)
        for shown, values in _lags(status).items():
            family = _family(shown)
            for market_id, value in values.items():
                family.add_metric([market_id], value)
            yield family


def _family(shown: Shown) -> GaugeMetricFamily:
    return GaugeMetricFamily(shown.name, shown.meaning, labels=shown.labels)


def _findings(status: ExchangeStatus) -> GaugeMetricFamily:
    family = _family(FINDING)
    for check in status.services:
        family.add_metric(["", check.name], int(check.level))
    for market in status.markets:
        for check in market.checks:
            family.add_metric([market.market_id, check.name], int(check.level))
    return family


def _lags(status: ExchangeStatus) -> dict[Shown, dict[str, float]]:
    """Nothing of a market while Redis is away: its finding says that."""
    lags: dict[Shown, dict[str, float]] = {
        shown: {}
        for shown in (
            INPUT_LAG_ENTRIES,
            INPUT_LAG_SECONDS,
            OUTPUT_LAG_ENTRIES,
            OUTPUT_LAG_SECONDS,
            ENGINES_ALIVE,
        )
    }
    for market in status.markets:
        streams, entries = market.streams, market.persistence_lag_entries
        if streams is None or entries is None:
            continue
        lags[INPUT_LAG_ENTRIES][market.market_id] = streams.input_lag_entries
        lags[INPUT_LAG_SECONDS][market.market_id] = streams.input_lag_ms / 1_000
        lags[OUTPUT_LAG_ENTRIES][market.market_id] = entries
        lags[OUTPUT_LAG_SECONDS][market.market_id] = streams.output_lag_ms / 1_000
        lags[ENGINES_ALIVE][market.market_id] = sum(engine.alive for engine in market.engines)
    return lags
