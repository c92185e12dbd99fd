"""Parts of two releases read each other: messages of one that has more fields, or fewer.

Where these fail, the contract in `docs/operating.md`, Upgrading, is broken: read that first.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from matching.messages.codec import CONTRACT, UndecodableMessage, decode_command, decode_entry
from matching.messages.commands import COMMAND_VERSION
from matching.messages.events import EVENT_VERSION
from matching.messages.snapshot import (
    MAGIC,
    EngineSnapshot,
    SnapshotUnusable,
    decode_snapshot,
)
from tests.contract.keep import KEPT, contract_now
from tests.contract.samples import ASKED, TOLD, again, least, most, parts_of, struct_of

ASKED_PARTS = parts_of(*ASKED)
TOLD_PARTS = {name: cls for name, cls in parts_of(*TOLD).items() if name not in ASKED_PARTS}
ALL_PARTS = TOLD_PARTS | ASKED_PARTS
OF_THIS_MAJOR = sorted(KEPT.glob(f"{CONTRACT.major}.*.json"))


def grown(cls: type) -> str:
    """As a newer release might write it."""
    said: Any = json.loads(most(cls))
    return json.dumps([*said, 7] if isinstance(said, list) else said | {"added_later": 7})


@pytest.mark.parametrize("name", TOLD_PARTS)
def test_what_is_told_is_read_without_what_its_reader_does_not_know(name):
    cls = ALL_PARTS[name]
    assert again(cls, grown(cls)) == most(cls)


@pytest.mark.parametrize("name", ASKED_PARTS)
def test_what_is_asked_is_refused_whole_where_its_reader_does_not_know_all_of_it(name):
    cls = ALL_PARTS[name]
    with pytest.raises(msgspec.ValidationError, match=r"unknown field|at most length"):
        again(cls, grown(cls))


@pytest.mark.parametrize("name", ALL_PARTS)
def test_what_an_older_release_leaves_out_has_its_default(name):
    cls = ALL_PARTS[name]
    said: Any = json.loads(most(cls))
    whole: Any = msgspec.json.decode(most(cls), type=cls)
    for at, field in reversed(list(enumerate(struct_of(cls).fields))):
        if field.required:
            continue
        default = msgspec.UNSET if field.default is msgspec.NODEFAULT else field.default
        expected = msgspec.structs.replace(whole, **{field.name: default})
        if isinstance(said, list):
            older: Any = said[:at]
            whole = expected  # of a shorter row all that comes after is missing, too
        else:
            older = {key: value for key, value in said.items() if key != field.encode_name}
        assert msgspec.json.decode(json.dumps(older), type=cls) == expected, field.name


def test_no_message_is_missed():
    """The walk finds what is known to be there, also what is only inside of others."""
    assert {"PlaceOrder", "Trigger", "MarketConfig", "WaitingRow", "IdWindow"} <= set(ASKED_PARTS)
    assert {"OutputEntry", "TradeLeg", "FundingPayment", "Heartbeat", "Depth"} <= set(TOLD_PARTS)


@pytest.mark.parametrize("path", OF_THIS_MAJOR, ids=lambda path: path.stem)
def test_what_a_release_of_this_major_wrote_is_read_and_written_the_same(path: Path):
    """To the byte: an engine that is upgraded in the middle of its input compares what it computes
    with what was published. So a new field is left out of the bytes where nobody used it."""
    kept = json.loads(path.read_text())
    for name, samples in kept["messages"].items():
        for text in samples.values():
            assert again(ALL_PARTS[name], text) == text, name
    now = contract_now()["values"]
    assert [name for name, old in kept["values"].items() if not set(old) <= set(now[name])] == []


def test_what_travels_today_is_kept_under_its_version():
    """If this fails: raise the minor of `CONTRACT`, then ``python -m tests.contract.keep``. Where
    the test above fails with it, that isn't enough: it is another major."""
    kept = KEPT / f"{CONTRACT}.json"
    assert kept in OF_THIS_MAJOR
    assert json.loads(kept.read_text()) == contract_now()
    assert COMMAND_VERSION == EVENT_VERSION == CONTRACT.major


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"events": [{"type": "OrderTeleported", "to": 7}]}, "OrderTeleported is unknown"),
        ({"v": EVENT_VERSION + 1}, f"version {EVENT_VERSION + 1}, and this release reads"),
        ({"events": [{"type": "CommandRejected", "code": "NOVEL"}]}, "NOVEL"),
    ],
)
def test_an_entry_of_another_release_says_so(entry, why):
    said = json.loads(least(parts_of(*TOLD)["OutputEntry"])) | entry
    with pytest.raises(UndecodableMessage, match=why):
        decode_entry(json.dumps(said).encode())


def test_a_command_of_another_release_names_what_is_unknown():
    with pytest.raises(UndecodableMessage, match="unknown field `added_later`"):
        decode_command(grown(ALL_PARTS["PlaceOrder"]).encode())


def test_a_snapshot_of_another_release_is_not_started_from():
    snapshot = msgspec.json.decode(most(EngineSnapshot), type=EngineSnapshot)
    body = msgspec.msgpack.encode(msgspec.to_builtins(snapshot) | {"added_later": [[1, 2]]})
    with pytest.raises(SnapshotUnusable, match="unknown field `added_later`"):
        decode_snapshot(MAGIC + hashlib.sha256(body).digest() + body)
