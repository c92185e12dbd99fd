"""What a market was before it was stopped, and comes back to.

Theory of operation. A market's state changes by commands of operators, and by its engine, which
only ever halts it. So what it was before is known without asking the engine: a stop on top of a
stop keeps what the first one found; a halt by the engine hides what operators asked for last; and
what was asked for a moment ago counts although the engine may not have applied it.
"""

from console.stop.models import MarketStop
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import MarketState
from trading.models import OutboxCommand

STOP_STATES = (MarketState.HALTED, MarketState.CANCEL_ONLY, MarketState.REDUCE_ONLY)
# In which a market may have been left on purpose. Nobody wants to come back to a halt.
_KEPT = (
    MarketState.ACTIVE,
    MarketState.POST_ONLY,
    MarketState.REDUCE_ONLY,
    MarketState.CANCEL_ONLY,
)
_TRADES = (MarketState.ACTIVE, MarketState.POST_ONLY)


def state_before_stop(market: Market) -> MarketState:
    newest = _newest_command(market.pk)
    stop = _row_of(newest)
    if stop is not None and stop.resumes_to:
        return MarketState(stop.resumes_to)
    state = MarketState(MarketStatus.objects.get(pk=market.pk).state)
    if newest is not None and (newest.applied_seq is None or state is MarketState.HALTED):
        state = MarketState(newest.payload["state"])
    return state if state in _KEPT else MarketState.ACTIVE


def state_to_resume(market: Market) -> MarketState:
    """What was restricted elsewhere than on the page of stops is opened to every order."""
    before = state_before_stop(market)
    is_ours = _row_of(_newest_command(market.pk)) is not None
    return before if is_ours or before in _TRADES else MarketState.ACTIVE


def newest_state_asked(market_id: str) -> MarketState | None:
    newest = _newest_command(market_id)
    return MarketState(newest.payload["state"]) if newest is not None else None


def _newest_command(market_id: str) -> OutboxCommand | None:
    asked = OutboxCommand.objects.filter(market=market_id, command_type="SetMarketState")
    return asked.order_by("-pk").first()


def _row_of(command: OutboxCommand | None) -> MarketStop | None:
    """Of the page, if it is the page's."""
    if command is None:
        return None
    rows = MarketStop.objects.filter(market=command.market_id, command_id=command.pk)
    return rows.order_by("-pk").first()
