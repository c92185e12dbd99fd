"""What celery's beat sends is a task that its workers know."""

from typing import Any

import pytest
from celery.schedules import crontab

from exchange_site.celery import app
from exchange_site.schedule import BEAT_SCHEDULE


@pytest.mark.parametrize("entry", BEAT_SCHEDULE.values(), ids=lambda e: e["task"])
def test_what_beat_sends_is_known(entry: dict[str, Any]) -> None:
    app.loader.import_default_modules()
    assert entry["task"] in app.tasks
    # One that waited longer than until the next is superseded; of a time of day, than an hour.
    by_the_clock = isinstance(entry["schedule"], crontab)
    assert entry["options"]["expires"] == (3_600.0 if by_the_clock else entry["schedule"])
