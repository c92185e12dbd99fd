"""The reference of configuration, and secrets that come from files, as processes are started."""

import os
import runpy
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
        Environment().text("UNHEARD_OF", default="")


def test_a_file_counts_without_its_last_line_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    monkeypatch.delenv("CUSTODY_TOKEN", raising=False)
    monkeypatch.setenv("CUSTODY_TOKEN_FILE", str(file))
    assert Environment().text("CUSTODY_TOKEN", default="") == SECRET


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"\n"])
def test_a_file_that_says_nothing_is_named(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.delenv("CUSTODY_TOKEN", raising=False)
    monkeypatch.setenv("CUSTODY_TOKEN_FILE", str(file))
    with pytest.raises(ImproperlyConfigured, match=str(file)):
        Environment().text("CUSTODY_TOKEN", default="")


SETTINGS = str(ROOT / "exchange_site/settings.py")
SEALED = f"{SECRET} too"
WRONG = [
    ("DATABASE_URL", "sqlite:///exchange"),
    ("DATABASE_URL", "postgres://exchange:hidden@host"),
    ("DATABASE_URL", "postgres://exchange:hidden@host:port/exchange"),
    ("DATABASE_URL", "postgres://exchange:hid#den@host/exchange"),
    ("DATABASE_URL", "postgres://exchange:hidden@host,[::1/exchange"),
    ("DATABASE_URL", "postgres://exchange:hidden@host:70000/exchange"),
    ("DATABASE_URL", "postgres://exchange:hidden@host/exchange?ssl=yes"),
    ("REPLICA_URL", "redis://:hidden@host/0"),
    ("REDIS_URL", "redis://:hid/den@host/0"),
    ("REDIS_URL", "redis://:hidden@host/zero"),
    ("REDIS_URL", "unix://"),
    ("BROKER_URL", "amqp://host"),
    ("DJANGO_SECRET_KEY", "hidden"),
    ("API_KEY_SECRETS", f"{SEALED},hidden"),
    ("API_KEY_SECRETS", ","),
    ("MONITOR_TOKEN", "hidden"),
    ("CUSTODY_WEBHOOK_SECRETS", "hidden"),
    ("IDENTITY_SECRETS", f"{SEALED},hidden"),
    ("WITHDRAWALS_NEED_FACTOR", "ture"),
    ("LIMITS", "enabled"),
    ("HTTPS", "2"),
    ("TRUSTED_PROXIES", "-1"),
    ("TRUSTED_PROXIES", "one"),
    ("FRESH_FACTOR_S", "5m"),
    ("WITHDRAWAL_COOLING_S", "1d"),
    ("SEAL_ENTRIES", "10"),
    ("PARTITION_ENTRIES", "1e9"),
    ("METRICS_PORT", "65536"),
    ("WORKER_LEASE_S", "0"),
    ("WORKER_LEASE_S", "3s"),
    ("TRACES_SHARE", "nan"),
    ("TRACES_URL", "http://[::1"),
    ("LOG_LEVEL", "loud"),
    ("ALLOWED_HOSTS", "https://exchange.example"),
    ("CSRF_TRUSTED_ORIGINS", "exchange.example"),
    ("CSRF_TRUSTED_ORIGINS", "https://exchange.example/admin"),
    ("PUBLIC_URL", "exchange.example"),
    ("PASSKEY_RP_ID", "https://exchange.example"),
    ("PASSKEY_ORIGINS", "https://another.example"),
    ("COUNTRY_HEADER", "CF IPCountry"),
    ("BLOCKED_COUNTRIES", "KP"),
    ("BLOCKED_COUNTRIES", "Iran"),
    ("EMAIL_URL", "mail.example"),
    ("EMAIL_URL", "smtp://user:hid#den@mail.example"),
    ("MAIL_FROM", "nobody"),
    ("GATEWAY_SYMBOLS", "BTC-PERP"),
    ("EXCHANGE_DATA", str(ROOT / "manage.py")),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_nothing_starts_with_what_cannot_be_meant(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        runpy.run_path(SETTINGS)
    assert not {"hidden", "hid", "den"} & set(str(refused.value).split())
    assert len(str(refused.value).splitlines()) == 1


def test_what_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As orchestrators hand on what they don't have: no switch is turned off by it."""
    for name in ("LIMITS", "WITHDRAWALS_NEED_FACTOR", "FEEDS_CONNECTIONS_MAX", "ALLOWED_HOSTS"):
        monkeypatch.setenv(name, "")
    found = runpy.run_path(SETTINGS)
    assert (found["LIMITS"], found["WITHDRAWALS_NEED_FACTOR"]) == (True, True)
    assert (found["FEEDS_CONNECTIONS_MAX"], found["ALLOWED_HOSTS"][0]) == (3_000, "localhost")


def test_values_are_taken_as_they_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A space beside a comma is none of a country's, a dollar sign names no other variable, and a
    plus in a password is a plus."""
    meant = {
        "BLOCKED_COUNTRIES": "kp, IR",
        "COUNTRY_HEADER": "CF-IPCountry",
        "TRUSTED_PROXIES": "1",
        "CUSTODY_TOKEN": "$ecret of custody, as it is",
        "DATABASE_URL": "postgres://exchange:a+b%23@first,second:5433/exchange"
        "?target_session_attrs=read-write",
        "REPLICA_URL": "postgres://exchange:c@third/exchange",
        "EMAIL_URL": "smtp+tls://user:p%40ss@mail.example",
        "WORKER_LEASE_S": "1.5",
    }
    for name, value in meant.items():
        monkeypatch.setenv(name, value)
    found = runpy.run_path(SETTINGS)
    assert found["BLOCKED_COUNTRIES"] == {"KP", "IR"}
    assert found["CUSTODY_TOKEN"] == meant["CUSTODY_TOKEN"]
    primary, replica = found["DATABASES"]["default"], found["DATABASES"]["replica"]
    assert (primary["PASSWORD"], primary["HOST"], primary["PORT"]) == (
        "a+b#",
        "first,second",
        "5432,5433",
    )
    assert primary["OPTIONS"]["target_session_attrs"] == "read-write"
    assert "target_session_attrs" not in replica["OPTIONS"]  # a replica takes no writes
    assert replica["OPTIONS"]["connect_timeout"] == primary["OPTIONS"]["connect_timeout"]
    assert (found["EMAIL_HOST_PASSWORD"], found["EMAIL_PORT"]) == ("p@ss", 587)
    assert found["WORKER_LEASE_S"] == 1.5


def test_a_socket_of_postgres_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgres://exchange@/exchange?host=/run/postgresql&port=5433"
    monkeypatch.setenv("DATABASE_URL", address)
    found = runpy.run_path(SETTINGS)["DATABASES"]["default"]
    assert (found["HOST"], found["PORT"]) == ("", "")
    assert (found["OPTIONS"]["host"], found["OPTIONS"]["port"]) == ("/run/postgresql", "5433")


@pytest.mark.parametrize(
    "command",
    [
        ("manage.py", "runengine"),
        ("-m", "exchange_site.serve", "api"),
        ("-m", "celery", "-A", "exchange_site", "beat"),
    ],
)
def test_every_process_says_it_in_one_line(command: tuple[str, ...]) -> None:
    refused = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"LIMITS": "maybe"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (refused.returncode, refused.stderr) == (1, "error: LIMITS is neither 0 nor 1.\n")


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


def test_what_is_for_play_is_not_safe(files: dict[str, str]) -> None:
    played = {"DEMO": "1", "LIMITS": "0", "CUSTODY_NETWORKS": "demo,manual"}
    checked = manage("check", "--deploy", **files | played)
    assert checked.returncode == 1
    for name in (*played, "SELF_ONRAMP"):
        assert f"(accounts.E005) {name} " in checked.stderr


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
