"""① Order intake with API keys: the rate of orders that are signed, beside that with tokens.

The same traders, market, server and orders as in `benchmarks.intake`, in turn, round by round:

    tokens   a token in each request, as `benchmarks.intake` measures it
    hmac     each request signed with HMAC-SHA256, a key a trader
    ed25519  each request signed with Ed25519

Floor: HMAC at 0.85 of the rate with tokens, at 16 and 64 connections. A signature of Ed25519 takes
some thirty times as long to check; its rate is shown, with no floor. The load generator is on the
same machine, so it signs what goes with a token, too, and throws that away.
"""

from benchmarks.http_load import Measured, posting, posting_signed
from benchmarks.intake import in_turn, make_exchange, order_body, served
from benchmarks.report import Row, faster, main, progress
from benchmarks.servers import start_servers

STAGE = "keys"
CONNECTIONS = (16, 64)
HMAC_FLOOR = 0.85
FLOORS = {"hmac": HMAC_FLOOR, "ed25519": None}


def run(short: bool) -> list[Row]:
    rounds, seconds = (7, 1.0) if short else (9, 4.0)
    progress(STAGE, "starting servers and an exchange")
    start_servers()
    tokens = make_exchange()
    secrets = {"hmac": make_hmac_keys(), "ed25519": _make_ed25519_keys()}
    templates = {"tokens": [posting("/order", token, order_body()) for token in tokens]} | {
        kind: [posting_signed("/order", public_id, order_body()) for public_id in of_kind]
        for kind, of_kind in secrets.items()
    }
    known = secrets["hmac"] | secrets["ed25519"]
    rows = []
    with served() as port:
        for connections in CONNECTIONS:
            targets = {kind: (port, requests) for kind, requests in templates.items()}
            found = in_turn(STAGE, targets, connections, rounds, seconds, known)
            rows += _rows(connections, found)
    return rows


def _rows(connections: int, found: dict[str, list[Measured]]) -> list[Row]:
    by_token = [measured.rate for measured in found["tokens"]]
    rows = []
    for kind, floor in FLOORS.items():
        rates = [measured.rate for measured in found[kind]]
        figure = f"{kind}, {connections} connections"
        rows.append(faster(STAGE, figure, rates, "orders/s", by_token, floor))
    for kind, measured in found.items():
        share = max(one.cpu_share for one in measured)
        figure = f"{kind}, {connections} connections: load generator, share of a core"
        rows.append(Row(STAGE, figure, share * 100, "%"))
    return rows


def make_hmac_keys() -> dict[str, str]:
    """Public id → secret, one of each trader."""
    import secrets

    from accounts.models import ApiKey, User
    from accounts.sealing import seal

    made = {}
    for user in User.objects.order_by("pk"):
        public_id, secret = f"hm{secrets.token_hex(16)}", secrets.token_urlsafe(32)
        ApiKey.objects.create(
            user=user,
            name="hmac",
            public_id=public_id,
            sealed_secret=seal(secret, public_id, user.pk),
            **_TRADES,
        )
        made[public_id] = secret
    return made


def _make_ed25519_keys() -> dict[str, str]:
    """Public id → private key in hex, one of each trader."""
    import secrets

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from accounts.models import ApiKey, User

    made = {}
    for user in User.objects.order_by("pk"):
        private = Ed25519PrivateKey.generate()
        public_id = f"ed{secrets.token_hex(16)}"
        ApiKey.objects.create(
            user=user,
            name="ed25519",
            public_id=public_id,
            public_key=private.public_key().public_bytes_raw(),
            **_TRADES,
        )
        made[public_id] = private.private_bytes_raw().hex()
    return made


_TRADES = {"may_read": False, "may_trade": True, "may_withdraw": False}


if __name__ == "__main__":
    main(run, "keys")
