"""Replays and bundles of a market that a real engine ran."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from console.audit.models import AuditRow
from console.incident import replays
from console.incident.bundles import file as bundle
from console.incident.kept import KeptOutput
from console.incident.models import ReplayRun, Verdict
from console.jobs import lives
from console.jobs.models import JobState
from matching.messages.snapshot import EngineSnapshot
from matching.messages.streams import input_stream, output_stream, snapshots_key
from matching.runtime.replay import state_at
from tests.recovery.exchange import MARKET, Exchange, exchange

__all__ = ["exchange"]

ClientOf = Callable[[str], Client]
URL = "/admin/incident/"
FROM, TO = 40, 50
QUERY = f"{URL}?market={MARKET}&from={FROM}&to={TO}"


@pytest.fixture
def ran(exchange: Exchange) -> Exchange:
    """Some 60 sequences with snapshots on the way, all persisted; its engine has stopped."""
    engine = exchange.start(snapshot_every=30)
    exchange.trade(18)
    exchange.settle()
    engine.stop()
    assert exchange.published_seq() > TO
    assert min(exchange.snapshots()) < FROM
    return exchange


REPLAY = {"act": "replay", "reason": "a look"}
EXPORT = {"act": "export", "reason": "for the developers"}


def exported(client: Client, query: str = QUERY) -> bytes:
    response = client.post(query, EXPORT)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/zip"
    return response.getvalue()


def opened(path: Path, **options: Any) -> str:
    out = io.StringIO()
    call_command("openincident", path, stdout=out, **options)
    return out.getvalue()


def repacked(data: bytes, path: Path, changes: dict[str, bytes | None], rehash: bool) -> Path:
    """The bundle with other parts; with their checksums if ``rehash``."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        parts: dict[str, bytes | None] = {name: old.read(name) for name in old.namelist()}
        manifest = json.loads(old.read(bundle.MANIFEST))
    parts |= changes
    if rehash:
        for name, part in changes.items():
            assert part is not None
            said = {"bytes": len(part), "sha256": bundle.sha256_of_file(io.BytesIO(part))}
            manifest["parts"][name] = said
        parts[bundle.MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, part in parts.items():
            if part is not None:
                new.writestr(name, part)
    return path


def test_a_bundle_opens_to_the_same_state(
    ran: Exchange, client_of: ClientOf, tmp_path: Path
) -> None:
    data = exported(client_of("risk"))
    path, state_path = tmp_path / "incident.zip", tmp_path / "state.json"
    path.write_bytes(data)
    said = opened(path, state=state_path)
    assert f"{MARKET}: sequences {FROM} to {TO}, from a snapshot at" in said
    assert f"state after sequence {TO}: ACTIVE" in said
    assert "entries are the same as published" in said
    assert "mark 25,000.00 USD" in said
    state = msgspec.json.decode(state_path.read_bytes(), type=EngineSnapshot)
    assert state == state_at(ran.client, MARKET, TO)
    row = AuditRow.objects.get(verb="exported")
    assert row.market == MARKET
    sha256 = bundle.sha256_of_file(io.BytesIO(data))
    assert sha256 in row.words
    assert f"SHA-256 {sha256}" in said


def test_it_opens_without_postgres_and_redis(
    ran: Exchange, client_of: ClientOf, tmp_path: Path, free_closed_port: int
) -> None:
    good, damaged = tmp_path / "incident.zip", tmp_path / "damaged.zip"
    good.write_bytes(exported(client_of("risk")))
    damaged.write_bytes(good.read_bytes()[:-100])
    nowhere = f"127.0.0.1:{free_closed_port}"
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://nobody@{nowhere}/none",
        "REDIS_URL": f"redis://{nowhere}/0",
    }
    for path, status in ((good, 0), (damaged, 1)):
        done = subprocess.run(
            [sys.executable, "manage.py", "openincident", str(path)],
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_bundle_by_time_ends_where_the_stretch_does(
    ran: Exchange, client_of: ClientOf, tmp_path: Path
) -> None:
    time = KeptOutput(ran.client, MARKET).time_of(ran.published_seq())
    assert time is not None
    at = f"{time:%Y-%m-%dT%H:%M:%S.%f}"
    made = io.BytesIO(exported(client_of("superuser"), f"{URL}?market={MARKET}&at={at}"))
    found = bundle.read_bundle(made)
    assert found.manifest["toSeq"] == ran.published_seq()
    assert len(found.inputs) == found.manifest["toSeq"] - found.manifest["snapshotSeq"]
    assert found.market["tiers"]


def test_a_damaged_bundle_is_refused_in_one_line(
    ran: Exchange, client_of: ClientOf, tmp_path: Path
) -> None:
    data, path = exported(client_of("risk")), tmp_path / "incident.zip"
    damaged = [data[:cut] for cut in range(0, len(data), 997)]
    damaged += [b"", b"no zip at all", b"PK\x03\x04" * 50]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name in bundle.PARTS:
        for other in (None, b"", parts[name][:-1], parts[name] + b"x"):
            damaged.append(repacked(data, path, {name: other}, rehash=False).read_bytes())
    for manifest in (b"", b"[]", b"{}", b'{"format": "other"}', b"\xff"):
        changed = repacked(data, path, {bundle.MANIFEST: manifest}, rehash=False)
        damaged.append(changed.read_bytes())
    rubbish = [b"rubbish", b"[1]", b"{}", b'{"id": 1}', b'{"id": "1-0", "base64": "!"}', b"\xff"]
    for name in (bundle.INPUT, bundle.OUTPUT, bundle.MARKET, bundle.SNAPSHOT):
        for part in rubbish:
            damaged.append(repacked(data, path, {name: part}, rehash=True).read_bytes())
    for one in damaged:
        path.write_bytes(one)
        with pytest.raises(CommandError) as refused:
            opened(path)
        assert str(refused.value).startswith(f"{path}: ")
        assert len(str(refused.value)) > len(f"{path}: ")
        assert "\n" not in str(refused.value)
    for nowhere in (tmp_path / "none", tmp_path):
        with pytest.raises(CommandError):
            opened(nowhere)


def test_every_flipped_byte_is_found_or_harmless(
    ran: Exchange, client_of: ClientOf, tmp_path: Path
) -> None:
    data, path = exported(client_of("risk")), tmp_path / "incident.zip"
    path.write_bytes(data)
    whole = bundle.read_bundle(io.BytesIO(data))
    for place in range(0, len(data), 61):
        flipped = bytearray(data)
        flipped[place] ^= 0x10
        try:
            found = bundle.read_bundle(io.BytesIO(bytes(flipped)))
        except bundle.BundleDamaged:
            continue
        assert found == whole  # a date, a field that nobody reads


def test_other_output_is_a_difference(ran: Exchange, client_of: ClientOf, tmp_path: Path) -> None:
    data = exported(client_of("risk"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        output = archive.read(bundle.OUTPUT)
    lines = output.splitlines(keepends=True)
    lines[9] = lines[9].replace(b"time_ms", b"time_mS")
    path = repacked(data, tmp_path / "x.zip", {bundle.OUTPUT: b"".join(lines)}, rehash=True)
    with pytest.raises(CommandError, match="differs from what was published"):
        opened(path)
    path = repacked(data, tmp_path / "x.zip", {bundle.OUTPUT: b""}, rehash=True)
    assert "nothing of it was kept" in opened(path)


def replayed(run_id: int) -> None:
    assert lives.claim(ReplayRun, run_id)
    replays.carry_out(run_id)


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury", "superuser"])
@pytest.mark.django_db
def test_who_may_replay_and_export(client_of: ClientOf, market: object, group: str) -> None:
    client, may = client_of(group), group in ("risk", "superuser")
    for act in ("replay", "export", "cancel", "", "x"):
        response = client.post(QUERY, {"act": act, "reason": "a look"})
        assert response.status_code == (302 if may else 403)
    page = client.get(QUERY).content.decode()
    assert ("Replay this range" in page) == may
    assert ("Export as a bundle" in page) == may
    assert not ReplayRun.objects.exists()  # there is nothing to replay
    assert not AuditRow.objects.filter(verb__in=("replayed", "exported")).exists()
    assert Client().post(QUERY, EXPORT).status_code == 302


def test_a_range_is_replayed_and_its_result_kept(ran: Exchange, client_of: ClientOf) -> None:
    client = client_of("risk")
    page = client.post(QUERY, REPLAY, follow=True).content.decode()
    assert "waits for a worker" in page
    assert "data-settled" not in page
    again = client.post(QUERY, REPLAY, follow=True).content.decode()
    assert "Another run is under way" in again
    run = ReplayRun.objects.get()
    assert (run.from_seq, run.to_seq, run.state) == (FROM, TO, JobState.WAITING)
    before = ran.client.xlen(output_stream(MARKET)), ran.client.xlen(input_stream(MARKET))
    replayed(run.pk)
    run.refresh_from_db()
    assert run.verdict == Verdict.SAME
    assert run.result == f"{TO - FROM + 1} entries are the same, up to sequence {TO}."
    assert run.result in client.get(f"{URL}?part=body").content.decode()
    assert "data-settled" in client.get(f"{URL}?part=body").content.decode()
    assert (
        ran.client.xlen(output_stream(MARKET)),
        ran.client.xlen(input_stream(MARKET)),
    ) == before
    assert AuditRow.objects.filter(verb="replayed", market=MARKET).count() == 1
    assert not lives.claim(ReplayRun, run.pk)  # delivered once more


def test_what_differs_is_shown(ran: Exchange, client_of: ClientOf) -> None:
    key = output_stream(MARKET)
    entries: Any = ran.client.xrange(key)
    ran.client.delete(key)
    for entry_id, fields in entries:
        data = fields[b"entry"]
        if entry_id == b"40-0":
            data = data.replace(b'"seq":40', b'"seq": 40')
        ran.client.xadd(key, {"entry": data}, id=entry_id)
    client = client_of("risk")
    client.post(QUERY, REPLAY)
    replayed(ReplayRun.objects.get().pk)
    run = ReplayRun.objects.get()
    assert run.verdict == Verdict.DIFFERENT
    assert run.result.startswith("Sequence 40 differs.")
    assert "Sequence 40 differs." in client.get(QUERY).content.decode()


def test_a_replay_that_can_t_be_done_fails_with_words(ran: Exchange, client_of: ClientOf) -> None:
    ran.client.delete(snapshots_key(MARKET))
    client = client_of("risk")
    client.post(QUERY, REPLAY)
    replayed(ReplayRun.objects.get().pk)
    run = ReplayRun.objects.get()
    assert run.state == JobState.FAILED
    assert "there is no snapshot" in run.why
    page = client.post(QUERY, EXPORT, follow=True).content.decode()
    assert "there is no snapshot" in page


def test_lost_workers_and_cancelling(
    ran: Exchange, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of("risk")
    client.post(QUERY, REPLAY)
    ReplayRun.objects.update(state="running", beat_at=timezone.now() - timedelta(hours=1))
    assert "worker was lost" in client.get(f"{URL}?part=body").content.decode()
    client.post(QUERY, REPLAY)
    waiting = ReplayRun.objects.filter(state="waiting")
    waiting.update(beat_at=timezone.now() - timedelta(hours=1))
    client.post(QUERY, REPLAY)  # the silent one is in nobody's way
    third = ReplayRun.objects.latest("pk")
    assert ReplayRun.objects.filter(state="failed").count() == 2
    monkeypatch.setattr(replays, "TOLD_EVERY_S", 0)
    heard = replays.ProgressKeeper.heard

    def cancel_then_hear(teller: replays.ProgressKeeper, seq: int) -> None:
        client.post(QUERY, {"act": "cancel", "run": str(third.pk)})
        heard(teller, seq)

    monkeypatch.setattr(replays.ProgressKeeper, "heard", cancel_then_hear)
    replayed(third.pk)
    third.refresh_from_db()
    assert third.state == "cancelled"
    for run in (str(third.pk), "x", "", "9" * 40):
        page = client.post(QUERY, {"act": "cancel", "run": run}, follow=True).content.decode()
        assert "has ended already" in page or "There is no such replay" in page


def test_what_is_too_large_is_refused(
    ran: Exchange, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "BYTES_MAX", 3_000)
    page = client_of("risk").post(QUERY, EXPORT, follow=True).content.decode()
    assert "A bundle has at most" in page
