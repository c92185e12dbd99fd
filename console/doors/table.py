"""The table of `docs/operating.md`: who may open and do what, in Markdown."""

import re
from collections.abc import Iterator, Sequence

from django.contrib import admin
from django.http import HttpRequest

from console.doors.pages import PAGES, Page
from console.doors.records import all_records
from console.doors.roles import ROLES, request_as

BEGIN = "<!-- what groups may: made by `make permissions` -->"
END = "<!-- end of what groups may -->"
NOTHING = "–"
_GROUP = re.compile(r"[(][?]P(<[a-z_]+>)[^)]*[)]")  # of an address that is a pattern


def whole_table() -> str:
    requests = [request_as(role) for role in ROLES]
    parts = [
        "Pages of the console, under `/admin`. *See* is to open one, *do* to send its form.",
        _table("page", _page_rows(requests)),
        "Lists and records. Those of the same rights share a row; *History* is for whoever sees\n"
        "the record and the audit.",
        _table("records", _record_rows(requests)),
        "Actions of lists.",
        _table("action", _action_rows(requests)),
    ]
    return "\n\n".join(parts)


def with_table(document: str) -> str:
    """Raises ValueError where the document has no place for it."""
    before, found, rest = document.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"no place for the table: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{whole_table()}\n\n{END}{after}"


def _table(first: str, rows: Iterator[Sequence[str]]) -> str:
    head = [first, *ROLES]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _page_rows(requests: Sequence[HttpRequest]) -> Iterator[Sequence[str]]:
    addresses = _addresses()
    for page in PAGES:
        yield [f"`{addresses[page.name]}`", *(_page_words(page, request) for request in requests)]


def _page_words(page: Page, request: HttpRequest) -> str:
    said = [("see", page.lets_see(request)), ("do", page.lets_do(request))]
    return ", ".join(word for word, lets in said if lets) or NOTHING


def _record_rows(requests: Sequence[HttpRequest]) -> Iterator[Sequence[str]]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for records in all_records():
        rights = tuple(records.words(request) or NOTHING for request in requests)
        alike.setdefault(rights, []).append(records.name)
    for rights, names in alike.items():
        yield [", ".join(names), *rights]


def _action_rows(requests: Sequence[HttpRequest]) -> Iterator[Sequence[str]]:
    for records in all_records():
        for name in records.action_names():
            may = ["do" if name in records.actions(one) else NOTHING for one in requests]
            yield [f"{records.name}: {records.action_title(name)}", *may]


def _addresses() -> dict[str, str]:
    """By the name of a url of the site, without the prefix of the site."""
    found: dict[str, str] = {}
    for pattern in admin.site.get_urls():
        if name := getattr(pattern, "name", None):
            found[name] = "/" + _GROUP.sub(r"\1", str(pattern.pattern).strip("^$"))
    return found
