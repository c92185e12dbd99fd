"""What docs/api.md gives to a shell does there what it says."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from persistence.downloads.models import DailyFile
from tests.flow.daily_file import TRADED, file_of_today
from tests.flow.exchange import Exchange
from tests.patience import PATIENCE_S

__all__ = ["file_of_today"]

pytestmark = pytest.mark.django_db

DOCUMENT = Path(settings.BASE_DIR, "docs", "api.md")
(CHECKED,) = re.findall(r"^```bash\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)


def test_a_daily_file_is_fetched_and_checked(
    exchange: Exchange, file_of_today: DailyFile, tmp_path: Path
) -> None:
    script = CHECKED
    for written, ours in (("BTC-PERP", TRADED), ("2026-01-05", f"{file_of_today.day}")):
        assert written in script
        script = script.replace(written, ours)
    done = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", script],
        env={**os.environ, "SITE": exchange.url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    name = f"{TRADED}-trades-{file_of_today.day}.csv.gz"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{name}: OK\n", "")
    assert (tmp_path / name).stat().st_size == file_of_today.size_bytes
