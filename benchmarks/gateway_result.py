"""① to ③ and back: an order at the gateway that is answered with what the engine decided of it.

An exchange as `make run` starts it, with its engine; signed orders of traders that find nobody and
expire at once, asked for in turn, round by round:

    ack      newOrderRespType=ACK: answered when the order is committed
    result   newOrderRespType=RESULT: answered when the engine has decided

Ceiling: half of the results within three times what half of the acks take.
"""

import signal
import sys
import time

from benchmarks import http_load
from benchmarks.exchange import SHORT, Exchange, Stage, rush
from benchmarks.report import Row, compared, main, progress

STAGE = "gateway_result"
CONNECTIONS = (1, 16)
TIMES_MAX = 3.0
FORM = (
    b"symbol=M0PERPUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.01&price=49000"
    b"&newOrderRespType=%s&newClientOrderId=" + http_load.PLACEHOLDER
)


def run(short: bool) -> list[Row]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of the clean-up below
    exchange = Exchange()
    try:
        exchange.wait_ready()
        exchange.hold_prices(True)
        stage = Stage(exchange)
        stage.grow(SHORT[0])
        rush(exchange, stage, SHORT[0], 1.0)  # the first requests of a process are slow
        stage.wait_persisted()
        secrets = _keys_of_traders()
        rounds, seconds = (7, 1.0) if short else (15, 4.0)
        return [_row(exchange, secrets, count, rounds, seconds) for count in CONNECTIONS]
    finally:
        exchange.stop()


def _row(
    exchange: Exchange, secrets: dict[str, str], connections: int, rounds: int, seconds: float
) -> Row:
    found: dict[str, list[float]] = {"ACK": [], "RESULT": []}
    for number in range(rounds):
        progress(STAGE, f"{connections} connections; round {number + 1} of {rounds}")
        for answer, medians in found.items():
            plan = http_load.Plan(
                port=exchange.port,
                connections=connections,
                seconds=seconds,
                warm_up_s=0.3,
                prefix=f"{time.monotonic_ns() // 1_000_000 % 10**8:08d}",
                requests=[
                    http_load.posting_as_venue("/fapi/v1/order", key, FORM % answer.encode())
                    for key in secrets
                ],
                secrets=secrets,
            )
            medians.append(http_load.measure(plan).percentile_ms(50))
    figure = f"RESULT beside ACK, {connections} connections: p50"
    return compared(STAGE, figure, found["RESULT"], "ms", found["ACK"], 1 / TIMES_MAX)


def _keys_of_traders() -> dict[str, str]:
    from accounts.models import ApiKey
    from benchmarks.keys import make_hmac_keys

    made = make_hmac_keys()
    of_traders = ApiKey.objects.filter(user__username__startswith="taker", public_id__in=made)
    return {key.public_id: made[key.public_id] for key in of_traders}


if __name__ == "__main__":
    main(run, "gateway_result")
