"""① → ②: the only writer of the input streams.

Called after the commit of what a command speaks of. A command that Redis did not take stays
`pending` (orders) or not applied (outbox rows), and is sent by `trading.commands.backlog`, before
any that is committed after it.
"""

import time
from collections.abc import Iterable, Sequence

import redis
import structlog

from common.redis_client import probe_redis_client, redis_client, request_redis_client
from common.tracing.stages import Stage, are_traced, tell_stage
from matching.messages.codec import encode_command
from matching.messages.commands import Command, named_order
from matching.messages.streams import COMMAND_FIELD, by_server, input_stream, newest_id
from trading.commands.marks import mark_unsent

log = structlog.get_logger(__name__)


# An entry that can't be appended holds no other one up; the first of them is raised.
_APPEND_ALL = """
local failure = false
for i, stream in ipairs(KEYS) do
    local reply = redis.pcall('XADD', stream, '*', ARGV[1], ARGV[i + 1])
    failure = failure or (reply.err and reply)
end
return failure
"""


def publish_command(market_id: str, command: Command) -> None:
    """Append to the market's input stream. Raises redis.RedisError."""
    _append(redis_client(), [(market_id, command)])


def publish_commands(commands: Iterable[tuple[str, Command]]) -> None:
    """Append many, in their order, in one round trip. Raises redis.RedisError."""
    _append(redis_client(), commands)


def _append(client: redis.Redis, commands: Iterable[tuple[str, Command]]) -> None:
    """In their order, in one round trip."""
    _send(
        client,
        [(input_stream(market_id), encode_command(command)) for market_id, command in commands],
    )


def _send(client: redis.Redis, sent: Sequence[tuple[str, bytes]]) -> None:
    """To these streams, a call for each server that has any of them. Raises what the first of those
    raised that did not take all."""
    parts = by_server(client, dict.fromkeys(stream for stream, _ in sent))
    faults = []
    for server, streams in parts:
        mine = set(streams)
        try:
            _send_to(server, sent if len(parts) == 1 else [one for one in sent if one[0] in mine])
        except redis.RedisError as error:
            faults.append(error)
    if faults:
        raise faults[0]


def _send_to(server: redis.Redis, sent: Sequence[tuple[str, bytes]]) -> None:
    """Many go as one call of a script: a pipeline's calls cost several times as much here. One
    alone, as most requests send it, needs no script."""
    if len(sent) == 1:
        ((stream, data),) = sent
        server.xadd(stream, {COMMAND_FIELD: data})
    elif sent:
        streams, entries = zip(*sent, strict=True)
        server.eval(_APPEND_ALL, len(sent), *streams, COMMAND_FIELD, *entries)


def last_published_id(market_id: str) -> str:
    """Of the newest entry the input stream ever had; "0-0" for none. Raises redis.RedisError."""
    pipeline = redis_client().pipeline(transaction=False)
    pipeline.xinfo_stream(input_stream(market_id))
    (info,) = pipeline.execute(raise_on_error=False)
    return newest_id(info) or "0-0"


def publish_promptly(market_id: str, commands: Iterable[Command]) -> None:
    """Append many of one market, and give up soon. Raises redis.RedisError."""
    _append(probe_redis_client(), ((market_id, command) for command in commands))


def publish_committed(commands: Sequence[tuple[str, Command]]) -> None:
    """Append commands that are committed in Postgres; when Redis refuses, mark their markets.

    For `transaction.on_commit`: the sender has its answer already and must not see an error, nor
    wait for a Redis that is away. A command that can't be encoded stays behind alone.
    """
    sent = []
    for market_id, command in commands:
        try:
            sent.append((input_stream(market_id), encode_command(command)))
        except Exception:
            log.exception("command_not_encoded", market=market_id, kind=type(command).__name__)
    began_ns = time.time_ns()
    try:
        _send(request_redis_client(), sent)
    except Exception as error:  # noqa: BLE001  what was committed is acknowledged
        kinds = sorted({type(command).__name__ for _, command in commands})
        markets = {market_id for market_id, _ in commands}
        log.warning(
            "commands_not_published",
            markets=sorted(markets),
            kinds=kinds,
            commands=len(commands),
            error=str(error),
        )
        mark_unsent(markets)
    else:
        if are_traced():
            named = {named_order(command) for _, command in commands} - {0}
            tell_stage(Stage.PUBLISH, named, began_ns, time.time_ns())
