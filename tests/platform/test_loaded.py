"""What each kind of process loads: hundreds are started in tests, and in an upgrade all at once.

Pages and their libraries are the API's alone, and so is what it loads at its start for a first
request not to wait.
"""

import os
import subprocess
import sys

import pytest

OF_PAGES = {"common.admin.base", "console.site", "unfold.admin"}
OF_CALLS = {"drf_spectacular.plumbing", "rest_framework.views", "rest_framework_simplejwt"}
OF_FACTORS = {"segno", "webauthn"}
OF_PRICES = {"ccxt"}
OF_FILES = {"pyarrow"}  # loaded with the first file that is read
OF_THE_DEMO = {"httpx"}
OF_TABLES = {"accounts.models", "psycopg", "trading.models"}
OF_TASKS = {"celery"}
RARE = OF_PAGES | OF_CALLS | OF_FACTORS | OF_PRICES | OF_FILES | OF_THE_DEMO

COMMAND = """
import sys
sys.argv[1:] = ['{}', '--help']
import manage
try:
    manage.main()
except SystemExit:
    pass
"""
WORKER = (
    "import sys; sys.argv[0] = 'celery'\n"
    "from exchange_site.celery import app\n"
    "app.loader.import_default_modules(); import persistence.bootsteps, console.health.collector"
)
API = "import exchange_site.api_server"


@pytest.mark.parametrize(
    ("process", "unneeded"),
    [
        (COMMAND.format("runengine"), RARE | OF_TABLES | OF_TASKS),
        (COMMAND.format("runprices"), RARE | OF_TASKS),
        (WORKER, RARE),
        ("import exchange_site.asgi", RARE - OF_CALLS | OF_TASKS),
    ],
    ids=["engine", "prices", "worker", "feeds"],
)
def test_a_process_loads_what_it_runs(process: str, unneeded: set[str]) -> None:
    assert _loaded(process) & unneeded == set()


def test_the_api_loads_pages_before_the_first_request() -> None:
    loaded = _loaded(API)
    assert OF_PAGES | OF_CALLS | OF_FACTORS - {"segno"} <= loaded
    assert not OF_FILES & loaded


def _loaded(process: str) -> set[str]:
    """Modules that are there once this has run."""
    said = subprocess.run(
        [sys.executable, "-c", f"{process}\nimport sys; print('\\n'.join(['', *sys.modules]))"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "exchange_site.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(said.stdout.split())
