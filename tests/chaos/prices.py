"""The stormy price source of the chaos exchange: `python -m tests.chaos.prices SEED BEGAN_MS`.

It takes the place of `runprices`, whose walk is too calm to liquidate anybody within minutes. The
price at each moment since the beginning is decided by the seed: trends that squeeze positions,
gaps that bankrupt them, seldom a jump that trips the circuit breaker, and calm between. Killed and
started again it goes on where it would be by then, so a long silence is a stale index and a gap.
"""

import math
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import redis

from common.redis.addresses import AddressedPool
from matching.messages.codec import encode_command
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import COMMAND_FIELD, input_stream

STEP_MS = 500
HOME_TICKS = {"BTC-PERP": 500_000, "ETH-PERP": 300_000, "SOL-PERP": 15_000}
FAR_FROM_HOME = 0.3  # of the price's logarithm; from there trends and gaps lead back


@dataclass(frozen=True)
class Weather:
    """Of some steps: drift and spread of each, and the jump they begin with, in logarithms."""

    steps: int
    drift: float
    spread: float
    gap: float = 0.0


def weather(rng: random.Random, away: float) -> Weather:
    """What comes next for a price this far from home, as a logarithm."""
    sign = rng.choice((1, -1)) if abs(away) < FAR_FROM_HOME else -math.copysign(1, away)
    draw = rng.random()
    if draw < 0.45:
        return Weather(rng.randint(6, 20), 0.0, 0.0006)
    if draw < 0.75:
        return Weather(rng.randint(6, 16), sign * rng.uniform(0.001, 0.004), 0.0008)
    if draw < 0.985:
        return Weather(rng.randint(2, 8), 0.0, 0.001, sign * rng.uniform(0.02, 0.13))
    return Weather(rng.randint(2, 8), 0.0, 0.001, sign * 0.25)


def prices(seed: int, market: str) -> Iterator[int]:
    """Ticks, one a step, for ever."""
    rng = random.Random(f"prices {seed} {market}")
    home = HOME_TICKS[market]
    yield home
    price = 0.0  # its logarithm over home's
    while True:
        now = weather(rng, price)
        price += now.gap
        for _ in range(now.steps):
            price += now.drift + now.spread * rng.gauss(0, 1)
            yield max(1, round(home * math.exp(price)))


def _publish(client: redis.Redis, ticks: dict[str, int]) -> None:
    pipeline = client.pipeline(transaction=False)
    for market, price in ticks.items():
        command = UpdateIndexPrice(index_price_ticks=price)
        pipeline.xadd(input_stream(market), {COMMAND_FIELD: encode_command(command)})
    pipeline.execute()


def main() -> None:
    seed, began_ms = int(sys.argv[1]), int(sys.argv[2])
    pool = AddressedPool.from_url(
        os.environ["REDIS_URL"], socket_timeout=2, socket_connect_timeout=1
    )
    client = redis.Redis.from_pool(pool)
    walks = {market: prices(seed, market) for market in HOME_TICKS}
    step = 0
    while True:
        now_ms = time.time_ns() // 1_000_000
        ticks = {}
        while step * STEP_MS <= now_ms - began_ms:
            ticks = {market: next(walk) for market, walk in walks.items()}
            step += 1
        try:
            _publish(client, ticks)
        except redis.RedisError:
            client.connection_pool.disconnect()  # only the newest price counts
        time.sleep(max(0.0, (began_ms + step * STEP_MS) / 1_000 - time.time()))


if __name__ == "__main__":
    main()
