"""The reference of configuration, and secrets that come from files, as processes are started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from exchange_site.configuration.environment import Environment
from exchange_site.configuration.reference import reference
from exchange_site.configuration.variables import BY_NAME

ROOT = Path(settings.BASE_DIR)
SECRET = "a secret of sixty-four characters, as long as it is random: 0123"


def test_the_reference_is_new() -> None:
    made = reference(settings.ENVIRONMENT_READINGS)
    assert made == (ROOT / "docs/configuration.md").read_text(), "run `make configuration`"


def test_every_variable_is_read_and_every_read_one_is_known() -> None:
    assert set(settings.ENVIRONMENT_READINGS) == set(BY_NAME)
    with pytest.raises(KeyError):
        Environment().str("UNHEARD_OF", default="")


def test_a_file_counts_without_its_last_line_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    monkeypatch.delenv("CUSTODY_TOKEN", raising=False)
    monkeypatch.setenv("CUSTODY_TOKEN_FILE", str(file))
    assert Environment().str("CUSTODY_TOKEN", default="") == SECRET


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_says_nothing_is_named(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.delenv("CUSTODY_TOKEN", raising=False)
    monkeypatch.setenv("CUSTODY_TOKEN_FILE", str(file))
    with pytest.raises(ImproperlyConfigured, match=str(file)):
        Environment().str("CUSTODY_TOKEN", default="")


def manage(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """With nothing in its environment but these."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "EXCHANGE_DATA": "/nowhere"} | variables,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """As an orchestrator mounts them."""
    secrets = {
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "REDIS_URL": os.environ["REDIS_URL"],
        "DJANGO_SECRET_KEY": SECRET,
        "API_KEY_SECRETS": f"another, {SECRET}".replace(",", ""),
    }
    for name, value in secrets.items():
        (tmp_path / name).write_text(f"{value}\n")
    return {f"{name}_FILE": str(tmp_path / name) for name in secrets}


def test_check_deploy_is_clean_on_files_alone(files: dict[str, str]) -> None:
    checked = manage("check", "--deploy", "--fail-level", "WARNING", **files)
    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


def test_what_is_wrong_is_one_line(files: dict[str, str]) -> None:
    for wrong in ({"REDIS_URL": "redis://localhost/0"}, {"REDIS_URL_FILE": "/not/there"}):
        refused = manage("check", **files | wrong)
        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1, refused.stderr
        assert "REDIS_URL" in refused.stderr


def test_metrics_without_a_token_are_refused(files: dict[str, str]) -> None:
    refused = manage("runengine", METRICS_PORT="1", **files)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert "MONITOR_TOKEN" in refused.stderr
