"""Runs of the stress ladder, asked for and climbed in the tests' own process; and their pages."""

import html
import re
from typing import Any

import msgspec
from django.test import Client
from django.utils import timezone

from common.redis_client import redis_client
from console.jobs import lives
from console.jobs.models import JobState
from console.stress.climb import climb
from console.stress.models import StressKind, StressRun
from matching.messages.snapshot import encode_snapshot
from matching.messages.streams import snapshots_key
from tests.admin.factories import make_user
from tests.console.test_stress_ladder import fund_runs_dry

URL = "/admin/stress/"


def keep_snapshot(market_id: str = "BTC-PERP", **fields: Any) -> int:
    """Where Alice goes bankrupt below 950, with other fields; its sequence."""
    taken = msgspec.structs.replace(fund_runs_dry(), **fields)
    redis_client().hset(snapshots_key(market_id), str(taken.seq), encode_snapshot(taken))
    return taken.seq


def keep_rubbish(seq: int, market_id: str = "BTC-PERP") -> None:
    redis_client().hset(snapshots_key(market_id), str(seq), b"EXSNAP02 half writ")


def ask(*moves_ppm: int, **fields: Any) -> StressRun:
    now = timezone.now()
    values = {
        "kind": StressKind.LADDER,
        "reason": "weekly",
        "state": JobState.WAITING,
        "asked_at": now,
        "beat_at": now,
    } | fields
    if "asked_by" not in values:
        values["asked_by"] = make_user()
    return StressRun.objects.create(moves_ppm=list(moves_ppm), **values)


def climbed(*moves_ppm: int, **fields: Any) -> StressRun:
    run = ask(*moves_ppm, **fields)
    assert lives.claim(StressRun, run.pk)
    climb(run.pk)
    run.refresh_from_db()
    return run


def url_of(run: StressRun, query: str = "") -> str:
    return f"{URL}{run.pk}/{query}"


def text_of(client: Client, url: str) -> str:
    """What the page says, without tags, blanks in one."""
    response = client.get(url)
    assert response.status_code == 200, url
    main = response.content.decode().partition('data-refresh-url="')[2] or response.content.decode()
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", main)))
