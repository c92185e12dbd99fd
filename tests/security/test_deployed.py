"""Without DEMO: what a browser is told, and what `check --deploy` finds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.admin.factories import make_user

pytestmark = pytest.mark.django_db

ROOT = Path(settings.BASE_DIR)


def deployed(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {n: v for n, v in os.environ.items() if n not in ("DEMO", "HTTPS")}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_django_finds_nothing_to_complain_of() -> None:
    secret = "k" + os.urandom(40).hex()
    check = deployed(
        "manage.py", "check", "--deploy", "--fail-level", "WARNING", DJANGO_SECRET_KEY=secret
    )
    assert check.returncode == 0, check.stderr
    assert "no issues" in check.stdout


def test_cookies_and_redirects_of_a_deployment() -> None:
    told = deployed(
        "-c",
        "import django; django.setup(); from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT,"
        " s.SECURE_HSTS_SECONDS, s.SECURE_PROXY_SSL_HEADER)",
        DJANGO_SETTINGS_MODULE="exchange_site.settings",
        TRUSTED_PROXIES="1",
    )
    words = "True True True 31536000 ('HTTP_X_FORWARDED_PROTO', 'https')"
    assert told.stdout.strip() == words, told.stderr


def test_plain_http_is_sent_to_tls_but_for_health(settings: object) -> None:
    settings.SECURE_SSL_REDIRECT = True  # type: ignore[attr-defined]
    assert Client().get("/markets").headers["Location"] == "https://testserver/markets"
    assert Client().get("/health").status_code in {200, 503}
    secure = Client().get("/admin/login/", secure=True)
    assert secure.status_code == 200


def test_pages_run_no_inline_script_and_stay_out_of_frames() -> None:
    """Pages of the console let scripts of ours evaluate text and style elements; no others do."""
    operator = Client()
    operator.force_login(make_user("boss", is_staff=True, is_superuser=True))
    for client, path in ((operator, "/admin/"), (Client(), "/admin/login/"), (Client(), "/docs")):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        console = path.startswith("/admin/")
        assert directives["script-src"] == "'self' 'unsafe-eval'" if console else "'self'"
        assert directives["style-src"] == "'self'"
        assert ("style-src-attr" in directives) == console
        assert directives["default-src"] == "'none'"
        assert "frame-ancestors 'none'" in policy
        assert headers["Referrer-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        page = client.get(path).content.decode()
        assert "<style" not in page
        assert "<script>" not in page


def test_staff_without_a_group_see_nothing() -> None:
    client = Client()
    client.force_login(make_user("groupless", is_staff=True))
    for path in ("", "status/", "trading/order/", "accounts/user/", "password_change/"):
        assert client.get(f"/admin/{path}").status_code == 302, path
