"""① Orders through the gateway, beside those of our own API, in turn, round by round.

The same traders, market and server as in `benchmarks.keys`; each trader has a key of HMAC-SHA256:

    tokens    POST /order with a token
    hmac      POST /order, signed
    gateway   POST /fapi/v1/order as the venue's clients send it, signed in the venue's way

Floor: the gateway at 0.8 of the rate of signed orders of our own API, at 64 connections.
"""

from benchmarks.http_load import (
    PLACEHOLDER,
    Measured,
    posting,
    posting_as_venue,
    posting_signed,
)
from benchmarks.intake import in_turn, make_exchange, order_body, served
from benchmarks.keys import make_hmac_keys
from benchmarks.report import Row, faster, main, progress
from benchmarks.servers import start_servers

STAGE = "gateway"
CONNECTIONS = (16, 64)
FLOOR_AT = 64
FLOOR = 0.8
FORM = (
    b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=24990.5"
    b"&newClientOrderId=%s" % PLACEHOLDER
)


def run(short: bool) -> list[Row]:
    rounds, seconds = (7, 1.0) if short else (9, 4.0)
    progress(STAGE, "starting servers and an exchange")
    start_servers()
    tokens = make_exchange()
    secrets = make_hmac_keys()
    templates = {
        "tokens": [posting("/order", token, order_body()) for token in tokens],
        "hmac": [posting_signed("/order", key, order_body()) for key in secrets],
        "gateway": [posting_as_venue("/fapi/v1/order", key, FORM) for key in secrets],
    }
    rows = []
    with served() as port:
        for connections in CONNECTIONS:
            targets = {kind: (port, requests) for kind, requests in templates.items()}
            found = in_turn(STAGE, targets, connections, rounds, seconds, secrets)
            rows += _rows(connections, found)
    return rows


def _rows(connections: int, found: dict[str, list[Measured]]) -> list[Row]:
    rates = {kind: [one.rate for one in measured] for kind, measured in found.items()}
    floor = FLOOR if connections == FLOOR_AT else None
    figure = f"gateway, {connections} connections"
    return [
        faster(STAGE, figure, rates["gateway"], "orders/s", rates["hmac"], floor),
        faster(STAGE, f"{figure}: to tokens", rates["gateway"], "orders/s", rates["tokens"], None),
    ]


if __name__ == "__main__":
    main(run, "gateway")
