"""What the processes tell of an order, and which orders are traced."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum

from django.conf import settings

_WHOLE = 1 << 64


class Stage(StrEnum):
    """Names of spans. PLACE is the root of the order's trace, all others are below it."""

    PLACE = "place"  # ① from the request's arrival to its answer
    CHANGE = "change"  # ① likewise, of what amends or cancels it
    PUBLISH = "publish"  # ② the input stream takes its command
    MATCH = "match"  # ③ the turn of its market that applied a command of it
    PERSIST = "persist"  # ⑤ the batch with rows of it, up to its commit
    TELL = "tell"  # ⑥ a batch of its market, as clients are told of it


def are_traced() -> bool:
    """Whether any orders are. Asked before what `tell_stage` wants is looked for."""
    return bool(settings.TRACES_URL)


def tell_stage(
    stage: Stage, order_ids: Iterable[int], began_ns: int, ended_ns: int, market_id: str = ""
) -> None:
    """Where `are_traced`. Times are the wall clock's. An order that is no part of the share costs
    the making of its trace's id."""
    share = settings.TRACES_SHARE * _WHOLE
    for order_id in order_ids:
        trace_id = trace_id_of(order_id)
        if trace_id % _WHOLE < share:
            _add(stage, order_id, trace_id, (began_ns, ended_ns), market_id)


def send_stages() -> None:
    """Those that wait, now: by a process that ends without Python's own end."""
    if are_traced():
        from common.tracing.spans import send_spans

        send_spans()


def trace_id_of(order_id: int) -> int:
    return _drawn(order_id, "trace", 16)


def root_id_of(order_id: int) -> int:
    """Of the span that placed it."""
    return _drawn(order_id, "root", 8)


def _drawn(order_id: int, what: str, size: int) -> int:
    """As if at random, and nobody's who lacks the secret; never 0, which stands for no id."""
    key = settings.SECRET_KEY.encode()[: hashlib.blake2b.MAX_KEY_SIZE]
    text = f"{what}:{order_id}".encode()
    return int.from_bytes(hashlib.blake2b(text, key=key, digest_size=size).digest()) or 1


def _add(
    stage: Stage, order_id: int, trace_id: int, times_ns: tuple[int, int], market_id: str
) -> None:
    # The library is large, and loaded by those who send.
    from common.tracing.spans import add_span

    attributes: dict[str, str | int] = {"exchange.order_id": order_id}
    if market_id:
        attributes["exchange.market"] = market_id
    add_span(stage, trace_id, root_id_of(order_id), stage is Stage.PLACE, times_ns, attributes)
