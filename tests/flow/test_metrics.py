"""What the running exchange counts of an order's life, as a Prometheus would fetch it."""

from collections.abc import Callable
from functools import partial

import httpx
import pytest
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from tests.flow.exchange import MARKET, Exchange, Trader, wait_for

pytestmark = pytest.mark.django_db

HEADERS = {"Authorization": f"Bearer {settings.MONITOR_TOKEN}"}

Samples = dict[tuple[str, str], float]  # by name, and the one label that tells samples apart


def scrape(exchange: Exchange, process: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{exchange.metrics_ports[process]}/metrics", headers=HEADERS)


def samples(exchange: Exchange, process: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(scrape(exchange, process).text):
        for sample in family.samples:
            if "le" not in sample.labels:
                found[sample.name, ",".join(sample.labels.values())] = sample.value
    return found


@pytest.fixture(scope="module")
def before(exchange: Exchange) -> dict[str, Samples]:
    return {process: samples(exchange, process) for process in ("api", "engine", "worker")}


# Each stage of an order's life: who counts it, by which name, for what.
STAGES = [
    ("api", "exchange_http_seconds_count", ""),
    ("api", "exchange_http_answers_total", "202"),
    ("api", "exchange_lane_seconds_count", "intake"),
    ("api", "exchange_lane_calls_sum", "intake"),
    ("engine", "exchange_engine_turn_seconds_count", MARKET),
    ("engine", "exchange_command_age_seconds_count", MARKET),
    ("engine", "exchange_engine_commands_total", MARKET),
    ("worker", "exchange_persist_seconds_count", ""),
    ("worker", "exchange_persist_age_seconds_count", ""),
    ("worker", "exchange_persist_entries_total", MARKET),
]


def test_an_order_is_counted_at_every_stage(
    exchange: Exchange, before: dict[str, Samples], new_trader: Callable[..., Trader]
) -> None:
    """The API's processes are two: whichever took the order, the sum has it."""
    trader = new_trader()
    trader.wait_until(trader.place("LONG", "0.01", "40000"), "open")
    for process, name, label in STAGES:
        wait_for(
            partial(_has_grown, exchange, process, (name, label), before),
            f"{name} of {process} to grow",
        )


def _has_grown(
    exchange: Exchange, process: str, key: tuple[str, str], before: dict[str, Samples]
) -> bool:
    return samples(exchange, process).get(key, 0) > before[process].get(key, 0)


def test_one_order_counts_once(exchange: Exchange, new_trader: Callable[..., Trader]) -> None:
    trader = new_trader()
    key = "exchange_http_answers_total", "202"
    counted = samples(exchange, "api").get(key, 0)
    for _ in range(3):
        trader.place("LONG", "0.01", "40000")
    assert samples(exchange, "api")[key] == counted + 3


def test_the_status_page_is_shown(exchange: Exchange) -> None:
    alive = "exchange_engines_alive", MARKET
    wait_for(lambda: samples(exchange, "worker").get(alive), "an engine that beats")
    found = samples(exchange, "worker")
    assert found["exchange_finding", ",Postgres"] == 0
    assert found["exchange_output_lag_entries", MARKET] >= 0
    assert samples(exchange, "engine")["exchange_engine_running", MARKET] == 1


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer another"}])
@pytest.mark.parametrize("process", ["api", "engine", "worker"])
def test_strangers_see_nothing(exchange: Exchange, process: str, headers: dict[str, str]) -> None:
    address = f"http://127.0.0.1:{exchange.metrics_ports[process]}"
    refused = httpx.get(f"{address}/metrics", headers=headers)
    assert refused.status_code == 401
    assert "exchange_" not in refused.text
    assert httpx.get(f"{address}/other", headers=HEADERS).status_code == 404
