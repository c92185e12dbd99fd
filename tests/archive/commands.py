"""Commands of the archive, what they say, what there is after them, and how they end half way."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common.postgres.partitions import partitions_of
from ledger.archive import rows
from ledger.archive.models import detached_files
from tests.archive.told import get, traders
from tests.builders.partitions import POSTINGS


def run(command: str, *args: str, **options: Any) -> str:
    out = StringIO()
    call_command(command, *args, stdout=out, **options)
    return out.getvalue()


def archived(layout: rows.Layout = rows.POSTINGS) -> set[str]:
    return {file.name.removesuffix(".parquet") for file in detached_files(layout)}


def attached(table: str = POSTINGS) -> set[str]:
    return {partition.name for partition in partitions_of(table)}


def statements() -> list[bytes]:
    return [get(user, "/user/statement") for user in traders()]


def refused(command: str, *args: str, **options: Any) -> str:
    with pytest.raises(CommandError) as refusal:
        run(command, *args, **options)
    said = str(refusal.value)
    assert "\n" not in said
    return said


def die(*_: Any, **__: Any) -> Any:
    raise SystemExit


def die_behind(step: Callable[..., Any]) -> Callable[..., Any]:
    def dies(*args: Any, **kwargs: Any) -> Any:
        step(*args, **kwargs)
        raise SystemExit

    return dies
