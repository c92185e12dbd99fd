"""Forms as a browser finds them on a page, with what it would send."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.test import Client

TOKEN = "csrfmiddlewaretoken"


@dataclass
class RenderedForm:
    """``fields``: by name, what it sends as it is. ``names``: of all that it has, buttons too."""

    action: str
    method: str
    key: str = ""
    fields: dict[str, list[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def said(self, **more: str) -> dict[str, Any]:
        """With what a person fills in."""
        return {**self.fields, **more}


def _is_sent(kind: str, said: dict[str, str]) -> bool:
    """Without a click on it."""
    if kind in ("checkbox", "radio"):
        return "checked" in said
    return kind not in ("submit", "button", "image", "reset")


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[RenderedForm] = []
        self._form: RenderedForm | None = None
        self._select: tuple[str, RenderedForm] | None = None
        self._first = ""  # what a list of choices sends, if nothing is chosen
        self._text: tuple[str, RenderedForm] | None = None
        self._elsewhere: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            method = said.get("method", "get").lower()
            self._form = RenderedForm(said.get("action", ""), method, said.get("id", ""))
            self.forms.append(self._form)
        elif "form" in said and tag in ("input", "button", "select", "textarea"):
            self._elsewhere.append((tag, said))
        elif self._form is not None:
            self._add(self._form, tag, said)

    def _add(self, form: RenderedForm, tag: str, said: dict[str, str]) -> None:
        name, kind = said.get("name", ""), said.get("type", "text")
        if tag == "option" and self._select is not None:
            of_name, of_form = self._select
            if "selected" in said:
                of_form.fields.setdefault(of_name, []).append(said.get("value", ""))
            self._first = self._first or said.get("value", "")
        elif not name or "disabled" in said:
            return
        elif tag == "select":
            self._select = (name, form) if "multiple" not in said else None
            self._first = ""
        elif tag == "textarea":
            form.fields[name] = [""]
            self._text = (name, form)
        elif tag == "input" and _is_sent(kind, said):
            form.fields.setdefault(name, []).append(said.get("value", ""))
        form.names.add(name)

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            name, form = self._text
            form.fields[name][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select" and self._select is not None:
            name, form = self._select
            form.fields.setdefault(name, [self._first])
            self._select = None
        elif tag == "textarea":
            self._text = None

    def whole(self) -> list[RenderedForm]:
        by_key = {form.key: form for form in self.forms if form.key}
        for tag, said in self._elsewhere:
            if said["form"] in by_key:
                self._add(by_key[said["form"]], tag, said)
        return self.forms


def forms_of(page: str) -> list[RenderedForm]:
    """Those that are sent, and don't only ask."""
    parser = _Forms()
    parser.feed(page)
    return [form for form in parser.whole() if form.method == "post"]


def opened(client: Client, url: str, having: str = TOKEN) -> RenderedForm:
    """The form of a page that has a field or a button of that name."""
    response = client.get(url)
    assert response.status_code == 200, (url, response.status_code)
    forms = forms_of(response.content.decode())
    (form,) = (one for one in forms if having in one.names)
    return form
