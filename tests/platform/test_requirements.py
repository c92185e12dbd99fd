"""Running needs requirements.txt alone: the parts import all they do without any other package."""

import os
import re
import subprocess
import sys
from importlib import metadata

from django.conf import settings

# What each part of the exchange imports when it runs; a broker's transport only once it connects.
IMPORTS = """
import sys
from importlib.machinery import PathFinder

class Named(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)

hidden = set(sys.argv[1:])
sys.meta_path = [Named if finder is PathFinder else finder for finder in sys.meta_path]

import exchange_site.api_server, exchange_site.asgi, exchange_site.wsgi
import exchange_site.management.commands.runexchange
import matching.management.commands.runengine
import prices.management.commands.runprices, simulator.management.commands.simulate
import prices.sources.venues
import celery.apps.beat, celery.apps.worker, celery.worker.consumer, celery.bin.celery
import exchange_site.serve, supervisor.supervisord
from exchange_site.celery import app
app.loader.import_default_modules()
app.connection_for_write().transport
"""


def test_the_parts_run_on_what_requirements_name() -> None:
    named = _named()
    hidden = [
        module
        for module, packages in metadata.packages_distributions().items()
        if not named & {_plain(package) for package in packages}
    ]
    assert "pytest" in hidden
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORTS, *hidden],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "exchange_site.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr


def _named() -> set[str]:
    """The packages of requirements.txt, and those they ask for, with what was asked of each."""
    lines = (settings.BASE_DIR / "requirements.txt").read_text().splitlines()
    wanted = [_wanted(line) for line in lines if line.strip() and not line.startswith("#")]
    found: set[tuple[str, str]] = set()
    while wanted:
        name, extras = wanted.pop()
        for extra in ("", *extras):
            if (name, extra) in found:
                continue
            found.add((name, extra))
            try:
                asked = metadata.requires(name) or []
            except metadata.PackageNotFoundError:  # of another platform or Python
                continue
            wanted += [_wanted(line) for line in asked if _applies(line, extra)]
    return {name for name, _ in found}


def _wanted(line: str) -> tuple[str, tuple[str, ...]]:
    match = re.match(r"([\w.-]+)\s*(?:\[([^\]]*)\])?", line)
    assert match is not None, line
    extras = tuple(extra.strip() for extra in (match[2] or "").split(",") if extra.strip())
    return _plain(match[1]), extras


def _applies(line: str, extra: str) -> bool:
    """Markers of platforms are passed over: what is not there is left out."""
    marker = line.partition(";")[2]
    named = re.search(r"""extra\s*==\s*["']([^"']+)["']""", marker)
    return named is None or named[1] == extra


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
