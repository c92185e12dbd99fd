"""Runs all simulated traders against an API until told to stop."""

import asyncio
from dataclasses import dataclass

import httpx
import structlog

from simulator import views
from simulator.actions import MarketView
from simulator.client import (
    BACKOFF_FIRST_S,
    BACKOFF_MAX_S,
    TIMEOUT_S,
    Api,
    Pace,
    Session,
    SignInRefused,
)
from simulator.identity import Identity, Kind
from simulator.stats import Stats
from simulator.trader import Trader

log = structlog.get_logger(__name__)

SUMMARY_INTERVAL_S = 10.0
MARKETS_INTERVAL_S = 1.0
MARKET_RULES_EVERY = 30  # refreshes of the tickers per refresh of the markets' rules
# Shares of the request rate. A maker's turn takes more requests than a taker's, and the book must
# refill faster than it is eaten.
REQUESTS_PER_TURN = {Kind.MAKER: 4, Kind.TAKER: 2, Kind.CLOSER: 2, Kind.GAMBLER: 2}
SHARE = {Kind.MAKER: 0.55, Kind.TAKER: 0.12, Kind.CLOSER: 0.12, Kind.GAMBLER: 0.15}
REJOIN_AFTER_S = 30.0


@dataclass(frozen=True)
class Plan:
    url: str
    traders: list[Identity]
    rate_per_s: float
    seed: int
    duration_s: float | None = None


class Simulation:
    def __init__(self, plan: Plan, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._plan = plan
        self._transport = transport
        self._stop = asyncio.Event()
        self._markets: dict[str, MarketView] = {}
        self._markets_known = asyncio.Event()
        self._installation_is_new = True
        self._first_joins = asyncio.Lock()
        self._first_has_joined = False
        self._stats = Stats()
        self.total = Stats()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> Stats:
        """Until stopped or the plan's duration is over. Returns the totals."""
        async with httpx.AsyncClient(
            base_url=self._plan.url, timeout=TIMEOUT_S, transport=self._transport
        ) as http:
            api = Api(http, Pace(self._plan.rate_per_s), lambda: self._stats)
            jobs = [
                asyncio.create_task(self._watch_markets(api)),
                asyncio.create_task(self._summarise()),
                asyncio.create_task(self._trade(api)),
            ]
            stopped = asyncio.create_task(self._stop.wait())
            done, _ = await asyncio.wait(
                {*jobs, stopped},
                timeout=self._plan.duration_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for job in (*jobs, stopped):
                job.cancel()
            await asyncio.gather(*jobs, stopped, return_exceptions=True)
            for job in done - {stopped}:
                job.result()  # only a defect ends a job: let it be seen
        self._log_summary()
        return self.total

    # --- markets ----------------------------------------------------------------------------------

    async def _watch_markets(self, api: Api) -> None:
        rounds = 0
        rules: list[dict[str, str]] = []
        while True:
            if rounds % MARKET_RULES_EVERY == 0 or not rules:
                answer = await api.call_patiently("GET", "/markets")
                rules = answer.body["markets"] if answer.ok else rules
            for market in rules:
                answer = await api.call_patiently("GET", f"/markets/{market['id']}/ticker")
                if answer.ok:
                    self._markets[market["id"]] = views.market_view(market, answer.body)
            if any(view.is_tradable for view in self._markets.values()):
                self._markets_known.set()
            rounds += 1
            await asyncio.sleep(MARKETS_INTERVAL_S)

    # --- traders ----------------------------------------------------------------------------------

    async def _trade(self, api: Api) -> None:
        if not self._markets_known.is_set():
            log.info("simulator_waiting", url=self._plan.url, waiting_for="API and mark price")
        await self._markets_known.wait()
        async with asyncio.TaskGroup() as group:
            for identity in self._plan.traders:
                session = Session(api, identity)
                trader = Trader(identity, session, self._plan.seed)
                group.create_task(self._live(trader))

    async def _live(self, trader: Trader) -> None:
        while True:
            try:
                await self._join(trader)
                await self._turns(trader)
            except SignInRefused as error:
                log.warning("sign_in_refused", detail=str(error))
                await asyncio.sleep(REJOIN_AFTER_S)

    async def _join(self, trader: Trader) -> None:
        """The first trader goes ahead. If it was known, so will the others be, and they spend no
        sign-ups, which an operator may have limited."""
        if not self._first_has_joined:
            async with self._first_joins:
                if not self._first_has_joined:
                    self._installation_is_new = await trader.join(may_be_new=True)
                    self._first_has_joined = True
                    return
        await trader.join(may_be_new=self._installation_is_new)

    async def _turns(self, trader: Trader) -> None:
        failures = 0
        while True:
            failures = 0 if await trader.take_turn(self._markets) else failures + 1
            pause_s = trader.pause_s(self._mean_pause_s(trader.identity.kind))
            if failures:
                pause_s = max(pause_s, min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(failures, 10)))
            await asyncio.sleep(pause_s)

    def _mean_pause_s(self, kind: Kind) -> float:
        """Turns of this kind, all its traders together, use this kind's share of the rate."""
        peers = sum(1 for identity in self._plan.traders if identity.kind is kind)
        return peers * REQUESTS_PER_TURN[kind] / (SHARE[kind] * self._plan.rate_per_s)

    # --- summary ----------------------------------------------------------------------------------

    async def _summarise(self) -> None:
        while True:
            await asyncio.sleep(SUMMARY_INTERVAL_S)
            self._log_summary()

    def _log_summary(self) -> None:
        stats, self._stats = self._stats, Stats()
        self.total.add(stats)
        log.info("simulator_summary", **stats.summary())
