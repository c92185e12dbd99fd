"""One simulated trader: looks at the market, asks its behaviour, performs what it says."""

import random
from collections.abc import Mapping
from decimal import Decimal

import structlog

from simulator import behaviour, holders, views
from simulator.actions import Action, Holding, MarketView, in_batches
from simulator.client import Session
from simulator.identity import Identity, Kind

log = structlog.get_logger(__name__)

TOP_UP = Decimal(100_000)
GAMBLERS_TOP_UP = Decimal(1_000)  # so that its bets are most of what it has
POOR_CODE = "INSUFFICIENT_BALANCE"


class Trader:
    def __init__(self, identity: Identity, session: Session, seed: int) -> None:
        self.identity = identity
        self._session = session
        self._rng = random.Random(f"{seed}:{identity.username}")  # noqa: S311  play, no secret

    async def join(self, *, may_be_new: bool) -> bool:
        """Signs up or in and brings money where there is none. True if the trader is new."""
        is_new = await self._session.sign_up_or_in(may_be_new=may_be_new)
        if is_new:
            await self._top_up()
        return is_new

    async def take_turn(self, markets: Mapping[str, MarketView]) -> bool:
        """False if the API did not answer."""
        market = markets[self._rng.choice(sorted(markets))]
        actions = await self._decide(market)
        for action in in_batches(actions or []):
            answer = await self._session.perform(action)
            if answer.is_outage:
                return False
            if POOR_CODE in answer.refusals:
                await self._top_up()
                break
        return actions is not None

    def pause_s(self, mean_s: float) -> float:
        """Time to the next turn: random around the mean, so that traders don't march in step."""
        return mean_s * self._rng.uniform(0.5, 1.5)

    async def _decide(self, market: MarketView) -> list[Action] | None:
        """None if the API did not say how the trader stands."""
        holding = await self._holding(market.market_id)
        if holding is None:
            return None
        if self.identity.kind is Kind.TAKER:
            return behaviour.taker_actions(self._rng, market, holding.size)
        if self.identity.kind is Kind.CLOSER:
            return holders.closer_actions(self._rng, market, holding)
        if self.identity.kind is Kind.GAMBLER:
            answer = await self._session.call("GET", "/user/equity")
            if not answer.ok:
                return None
            wallet = views.available(answer.body)
            return holders.gambler_actions(self._rng, market, holding, wallet)
        answer = await self._session.call(
            "GET", f"/user/orders?status=open&marketId={market.market_id}&limit=100"
        )
        if not answer.ok:
            return None
        orders = views.open_orders(answer.body)
        return behaviour.maker_actions(self._rng, market, orders, holding.size)

    async def _holding(self, market_id: str) -> Holding | None:
        """None if the API did not say."""
        answer = await self._session.call("GET", f"/user/positions?marketId={market_id}")
        return views.holding(answer.body, market_id) if answer.ok else None

    async def _top_up(self) -> None:
        amount = GAMBLERS_TOP_UP if self.identity.kind is Kind.GAMBLER else TOP_UP
        answer = await self._session.top_up(amount)
        if not answer.ok:
            log.warning("top_up_refused", trader=self.identity.username, code=answer.code)
