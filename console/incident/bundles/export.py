"""A stretch of a market as a bundle: read from Redis and Postgres into a file."""

import json
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import redis
from django.core.serializers.json import DjangoJSONEncoder
from django.forms.models import model_to_dict
from django.utils import timezone

from common.errors import DomainError, ErrorCode
from common.redis_client import redis_client
from console.incident.bundles.file import (
    INPUT,
    MARKET,
    OUTPUT,
    SNAPSHOT,
    BundleTooLarge,
    BundleWriter,
    line_of,
    sha256_of_file,
)
from console.incident.kept import KeptOutput
from console.incident.stretch import Stretch
from markets.models import Market
from matching import RUNNING_BUILD
from matching.messages.commands import COMMAND_VERSION
from matching.messages.events import EVENT_VERSION
from matching.messages.streams import COMMAND_FIELD, id_order, trimmed_key
from matching.runtime.replay import (
    ReplayImpossible,
    ReplayStart,
    snapshot_before,
    stored_input,
    stored_output,
)

_IN_MEMORY_BYTES = 2**22


@dataclass(frozen=True)
class Exported:
    """``file`` is the caller's to close, and is gone when it is."""

    file: IO[bytes]
    name: str
    sha256: str
    from_seq: int
    to_seq: int


def seqs_of(stretch: Stretch) -> tuple[int, int]:
    """The first and the last sequence published in it. Raises DomainError where there is none, and
    redis.RedisError."""
    output = KeptOutput(redis_client(), stretch.market.pk)
    if stretch.is_by_seq:
        low, high = stretch.low_seq, min(stretch.high_seq, output.last_seq())
    else:
        low, high = output.seq_since(stretch.start), output.seq_since(stretch.end) - 1
    if low > high or not high:
        message = "Redis keeps no entry of this stretch: there is nothing to replay or to export."
        raise DomainError(ErrorCode.NOT_FOUND, message)
    return low, high


def export(stretch: Stretch) -> Exported:
    """Raises DomainError where it can't be had, and redis.RedisError."""
    from_seq, to_seq = seqs_of(stretch)
    market_id = stretch.market.pk
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115  the caller closes it
    try:
        with BundleWriter(file) as writer:
            _write(writer, stretch.market, from_seq, to_seq)
    except (ReplayImpossible, BundleTooLarge) as error:
        file.close()
        raise DomainError(ErrorCode.NOT_FOUND, str(error)) from error
    except BaseException:
        file.close()
        raise
    name = f"{market_id}-{from_seq}-{to_seq}.incident.zip"
    return Exported(file, name, sha256_of_file(file), from_seq, to_seq)


def _write(writer: BundleWriter, market: Market, from_seq: int, to_seq: int) -> None:
    client = redis_client()
    kept = snapshot_before(client, market.pk, from_seq)
    writer.add(SNAPSHOT, [kept.frame])
    applied = writer.add(INPUT, _inputs(client, market.pk, kept, to_seq))
    trimmed: Any = client.get(trimmed_key(market.pk))
    if trimmed and id_order(trimmed.decode()) > id_order(kept.input_id):
        raise ReplayImpossible("the input stream was cut meanwhile: try again")
    if kept.seq + applied < to_seq:
        raise ReplayImpossible(f"the input stream ends before sequence {to_seq}")
    published = writer.add(
        OUTPUT,
        (
            line_of(f"{seq}-0", frame)
            for seq, frame in stored_output(client, market.pk, kept.seq + 1, to_seq)
        ),
    )
    writer.add(MARKET, [_rules(market)])
    writer.finish(
        {
            "market": market.pk,
            "fromSeq": from_seq,
            "toSeq": to_seq,
            "snapshotSeq": kept.seq,
            "inputs": applied,
            "outputs": published,
            "madeAt": timezone.now().isoformat(),
            "versions": {
                "command": COMMAND_VERSION,
                "event": EVENT_VERSION,
                "core": RUNNING_BUILD,
                "python": platform.python_version(),
            },
        }
    )


def _inputs(client: redis.Redis, market_id: str, kept: ReplayStart, to_seq: int) -> Iterator[bytes]:
    """Each command is one sequence."""
    left = to_seq - kept.seq
    for input_id, fields in stored_input(client, market_id, kept.input_id):
        yield line_of(input_id, fields.get(COMMAND_FIELD, b""))
        left -= 1
        if not left:
            return


def _rules(market: Market) -> bytes:
    rules = {field.attname: field.value_from_object(market) for field in market._meta.fields}
    tiers = [model_to_dict(tier, exclude=("id", "market")) for tier in market.tiers.all()]
    text = json.dumps({**rules, "tiers": tiers}, cls=DjangoJSONEncoder, indent=2)
    return text.encode()
