"""⑤ Events of a market onto its status: rules, states, prices, countdowns, the insurance fund."""

from matching.messages.events import (
    CommandRejected,
    CountdownSet,
    InsuranceFunded,
    MarketConfigured,
    MarketStateChanged,
    MarkPriceChanged,
    OutputEntry,
)
from matching.messages.vocabulary import MarketState, RejectCode
from persistence.projection.batch import Batch
from persistence.projection.prices import PriceFigures


def project_insurance_funded(batch: Batch, _entry: OutputEntry, event: InsuranceFunded) -> None:
    batch.post(event)


def project_countdown_set(batch: Batch, _entry: OutputEntry, event: CountdownSet) -> None:
    batch.perps.countdowns[event.account_id] = (event.due_ms, event.protective)


def project_mark_price_changed(batch: Batch, _entry: OutputEntry, event: MarkPriceChanged) -> None:
    """A price that was taken arms the breaker; one that went stale changes nothing else."""
    status = batch.market_status()
    status.mark_price_ticks = event.mark_price_ticks
    status.index_price_ticks = event.index_price_ticks
    status.index_ms = event.index_ms
    if status.first_index_ms is None:
        status.first_index_ms = event.index_ms
    status.index_stale = event.index_stale
    status.premium_sum_ppb = event.premium_sum_ppb
    status.premium_count = event.premium_count
    status.next_funding_ms = event.next_funding_ms
    if not event.index_stale:
        status.mark_price_ms = batch.time_ms
        status.breaker_armed = True
        prices = PriceFigures(batch.time_ms, event.mark_price_ticks, event.index_price_ticks)
        batch.prices.append(prices)


def project_market_state_changed(
    batch: Batch, _entry: OutputEntry, event: MarketStateChanged
) -> None:
    """An operator who ends a halt has seen the jump: the next mark price is taken whatever it is.
    Settlement ends all countdowns."""
    status = batch.market_status()
    status.state = event.state.value
    status.state_reason = event.reason.value
    if event.state is MarketState.SETTLED:
        batch.perps.countdowns.clear()
        batch.perps.countdowns_over = True
    elif event.previous_state is MarketState.HALTED:
        status.breaker_armed = False


def project_market_configured(batch: Batch, _entry: OutputEntry, event: MarketConfigured) -> None:
    status = batch.market_status()
    status.applied_config_version = event.config_version
    change = event.funding_change
    if change is not None:
        status.funding_since_ms = change.since_ms
        status.funding_is_split = True
        status.funding_accrued_ppb = change.accrued_ppb
        status.funding_rate_ppb = change.rate_ppb
        status.next_funding_ms = change.next_funding_ms
        status.premium_sum_ppb = status.premium_count = 0


def project_command_rejected(batch: Batch, entry: OutputEntry, event: CommandRejected) -> None:
    if event.code is RejectCode.MALFORMED:
        batch.malformed.append(entry)
