"""⑥ The gateway's depth streams beside our own book feed, in one process of the API.

The same four markets, 75 clients who hear all four, and books, ten a second of each, in turn, round
by round; so there are 300 streams of either kind:

    book    `book:BTC-PERP` and the others at /ws
    depth   btcusdt@depth@100ms and the others under /fstream

Ceiling: what a message costs the process is 1.3 of what one of our own costs.
"""

from benchmarks.feeds import Measured, engines, make_markets, measure, serving
from benchmarks.feeds_listeners import Plan
from benchmarks.report import Row, compared, main, progress
from benchmarks.servers import start_servers
from exchange_site.embedded.parts import api_command
from exchange_site.embedded.ports import free_port

STAGE = "gateway streams"
CLIENTS = 75  # a process of the API has room for 100
FURTHER_MARKETS = ("SOL-PERP", "XRP-PERP")
FLOOR = 1 / 1.3


def run(short: bool) -> list[Row]:
    rounds, seconds = (5, 3.0) if short else (9, 8.0)
    progress(STAGE, "starting servers")
    start_servers()
    markets = _make_markets()
    port = free_port()
    streams = [f"{market_id.partition('-')[0].lower()}usdt@depth@100ms" for market_id in markets]
    path = f"/fstream/stream?streams={'/'.join(streams)}"
    asked = {
        "book": Plan(port, CLIENTS, [f"book:{market_id}" for market_id in markets], seconds),
        "depth": Plan(port, CLIENTS, [], seconds, path),
    }
    found: dict[str, list[Measured]] = {name: [] for name in asked}
    with serving(api_command(port), port) as pid, engines(markets):
        for number in range(rounds):
            for name, plan in asked.items():
                progress(STAGE, f"{CLIENTS} clients, {name}; round {number + 1} of {rounds}")
                found[name].append(measure(pid, plan))
    costs = {name: [one.us_per_message for one in measured] for name, measured in found.items()}
    rows = [compared(STAGE, "CPU of a message", costs["depth"], "µs", costs["book"], FLOOR)]
    for name, measured in found.items():
        rate = min(one.heard.messages / one.seconds for one in measured)
        closed = sum(one.heard.closed for one in measured)
        rows.append(Row(STAGE, f"{name}: messages", rate, "/s"))
        rows.append(Row(STAGE, f"{name}: disconnected", closed, ""))
    return rows


def _make_markets() -> list[str]:
    """With all of their rules, as the gateway asks for them."""
    from markets.models import LeverageTier, Market
    from tests.builders.markets import build_market
    from trading.services import configure_market

    known = list(Market.objects.filter(pk__in=make_markets()))
    markets = [*known, *map(build_market, FURTHER_MARKETS)]
    for market in markets:
        tier = LeverageTier(floor_units=0, max_leverage=50, maintenance_ppm=10_000)
        configure_market(market, by=None, tiers=[tier])
    return [market.pk for market in markets]


if __name__ == "__main__":
    main(run, "gateway_streams")
