"""What is served at `/`: the shell of the page that was built, or words that none was."""

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from terminal import bundle, views

pytestmark = pytest.mark.django_db


def test_where_none_was_built_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "bundle", lambda: None)
    answer = Client().get("/")
    assert answer.status_code == 503
    assert "make page" in answer.content.decode()


@pytest.mark.parametrize("path", ["/", "/trade/BTC-PERP", "/trade/%3Cscript%3E"])
def test_the_shell_runs_nothing_of_its_own(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = bundle.PageFiles(
        bundle.BUILDS, "assets/main-1.js", ["assets/a-2.js"], ["assets/b-3.css"]
    )
    monkeypatch.setattr(views, "bundle", lambda: page)
    answer = Client().get(path)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert text.count("<script") == 1
    assert '<script type="module" src="/static/terminal/assets/main-1.js"></script>' in text
    assert "style=" not in text
    assert "<style" not in text
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert answer["Cache-Control"] == "no-store"


def test_who_posts_to_it_is_told_so() -> None:
    answer = Client(enforce_csrf_checks=True).post("/trade/BTC-PERP", {"side": "LONG"})
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["code"] == "METHOD_NOT_ALLOWED"


def test_the_theme_is_known_to_the_first_paint(monkeypatch: pytest.MonkeyPatch) -> None:
    page = bundle.PageFiles(bundle.BUILDS, "main.js")
    monkeypatch.setattr(views, "bundle", lambda: page)
    client = Client()
    for cookie, shown in (("dark", True), ("light", True), ('"><script>', False)):
        client.cookies["theme"] = cookie
        text = client.get("/").content.decode()
        assert (f'data-theme="{cookie}"' in text) == shown
        assert text.count("<script") == 1


def test_what_was_built_is_small_and_kept_for_good() -> None:
    made = bundle.bundle()
    if made is None:
        pytest.skip("the page was not built here")
    scripts = list(made.folder.rglob("*.js.gz"))
    assert scripts
    assert sum(path.stat().st_size for path in scripts) < 200_000
    assert finders.find(f"terminal/{made.script}")
    answer = Client().get(f"/static/terminal/{made.script}", HTTP_ACCEPT_ENCODING="gzip")
    assert answer["Content-Encoding"] == "gzip"
    assert "immutable" in answer["Cache-Control"]


def test_a_build_is_of_its_sources_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    before = bundle.build_key()
    sources = bundle.sources()
    assert bundle.WEB / "src" / "main.tsx" in sources
    assert bundle.CLIENT / "feeds.ts" in sources
    assert bundle.CLIENT / "schema.ts" not in sources
    monkeypatch.setattr(bundle, "sources", lambda: sources[1:])
    assert bundle.build_key() != before
