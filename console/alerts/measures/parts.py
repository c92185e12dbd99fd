"""Engines, and the way from a command to its rows: as the status page measures them."""

from collections.abc import Callable

from console.alerts.measures.look import Look, NotMeasured, Reading, Readings
from console.health.report import ENGINE_FORGOTTEN_MS, Grade, MarketReport
from console.health.streams import MarketStreams


def engine_silence(look: Look) -> Readings:
    return _by_market(look, _silence)


def _silence(market: MarketReport) -> Reading:
    if market.streams is None:
        return Reading(None)
    ages = [engine.age_ms for engine in market.engines if not engine.halted]
    halted = [
        f"{engine.name} halted: {engine.halted}" for engine in market.engines if engine.halted
    ]
    return Reading(min(ages, default=ENGINE_FORGOTTEN_MS), "; ".join(halted))


def engine_lag(look: Look) -> Readings:
    return _by_market(
        look, _of_streams(lambda found: (found.input_lag_ms, found.input_lag_entries))
    )


def persistence_lag(look: Look) -> Readings:
    return _by_market(look, _of_streams(lambda found: (found.output_lag_ms, None)))


def _of_streams(
    figure: Callable[[MarketStreams], tuple[int, int | None]],
) -> Callable[[MarketReport], Reading]:
    def read(market: MarketReport) -> Reading:
        if market.streams is None:
            return Reading(None)
        value, waiting = figure(market.streams)
        waiting = market.persistence_lag_entries if waiting is None else waiting
        return Reading(value, f"{waiting:,} entries wait" if value else "")

    return read


def persistence_stopped(look: Look) -> Readings:
    return _by_market(
        look, lambda market: Reading(int(bool(market.rows.stopped)), market.rows.stopped)
    )


def unanswered(look: Look) -> Readings:
    return _by_market(look, _unanswered)


def _unanswered(market: MarketReport) -> Reading:
    rows = market.rows
    if not rows.stale_pending_orders + rows.stale_commands:
        return Reading(0)
    words = f"{rows.stale_pending_orders:,} orders and {rows.stale_commands:,} commands"
    return Reading(rows.oldest_waiting_ms, words)


def _by_market(look: Look, read: Callable[[MarketReport], Reading]) -> Readings:
    """Without Postgres the status knows no markets, which says nothing of them."""
    services = look.status.services
    if any(check.name == "Postgres" and check.level is not Grade.OK for check in services):
        raise NotMeasured("Postgres did not answer in time.")
    found = {}
    for market in look.status.markets:
        reading = read(market)
        found[market.market_id] = Reading(reading.value, reading.words, market.market_id)
    return found
