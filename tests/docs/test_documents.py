"""What the documents point at is there: links, files, commands, settings, calls, screenshots."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from matching.messages import commands, events

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PICTURE_BYTES_MAX = 300_000

names = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def _targets(text: str) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            yield target


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@names
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in _targets(document.read_text()):
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        assert file.is_relative_to(ROOT), target
        if anchor:
            assert anchor in _anchors(file), target


@names
def test_every_file_named_exists(document: Path) -> None:
    text = document.read_text()
    for name in re.findall(r"`([\w/]+/[\w./]+\.(?:py|md|txt|toml))`", text):
        assert (ROOT / name).exists(), name


@names
def test_every_management_command_named_exists(document: Path) -> None:
    known = get_commands()
    for command in re.findall(r"manage\.py ([a-z_]+)", document.read_text()):
        assert command in known, command


@names
def test_every_setting_named_is_read_somewhere(document: Path) -> None:
    readers = [*(ROOT / "exchange_site").rglob("*.py"), ROOT / "Makefile"]
    code = "\n".join(reader.read_text() for reader in readers)
    for row in re.findall(r"^\| (`[A-Z][A-Z_]+`(?:, `[A-Z_]+`)*) \|", document.read_text(), re.M):
        for setting in re.findall(r"`([A-Z_]+)`", row):
            assert f'"{setting}"' in code, setting


@names
def test_no_document_names_a_machine(document: Path) -> None:
    text = document.read_text()
    assert not re.search(r"(?<![\w.])/(work|home|root|tmp)/", text)


def test_every_call_in_the_table_of_calls_is_served() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    table = text[text.index("## HTTP") : text.index("## Layout")]
    rows = re.findall(r"^\| ((?:GET|POST|PATCH|DELETE).*?) \|", table, re.MULTILINE)
    calls = [call for row in rows for call in re.findall(r"/[a-z/:-]+", row)]
    assert len(calls) > 15
    for call in calls:
        of_market = call in {"/depth", "/trades", "/candles", "/ticker"}
        named = call.replace(":id", "1").replace(":network", "demo")
        path = f"/markets/BTC-PERP{call}" if of_market else named
        try:
            resolve(path)
        except Resolver404:
            pytest.fail(f"{call} is not served")


def test_the_messages_table_is_whole() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    for union in (commands.Command, events.Event):
        for message in union.__args__:
            assert f"`{message.__name__}`" in text, message.__name__


def test_answers_of_an_operators_questions_are_shown_and_small() -> None:
    folder = ROOT / "docs/screenshots/questions"
    shown = set(re.findall(r"\((\S+\.jpg)\)", (folder / "questions.md").read_text()))
    assert {picture.name for picture in folder.glob("*.jpg")} == shown
    assert len(shown) == 4 * 17
    assert all((folder / name).stat().st_size < PICTURE_BYTES_MAX for name in shown)


def test_pictures_are_shown_and_small() -> None:
    text = "\n".join(document.read_text() for document in DOCUMENTS)
    pictures = list((ROOT / "docs/screenshots").glob("*.png"))
    assert pictures
    for picture in pictures:
        assert f"screenshots/{picture.name}" in text, picture.name
        assert picture.stat().st_size < PICTURE_BYTES_MAX, picture.name
