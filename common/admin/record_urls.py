"""Where records and lists of the admin are."""

from functools import cache

from django.apps import apps
from django.contrib.admin.utils import quote
from django.db.models import BigIntegerField, Model
from django.urls import get_script_prefix, reverse
from django.utils.encoding import iri_to_uri


def key_of(text: str) -> int | None:
    """What somebody sent as the number of a row; None for what can be no row's. (Python itself
    raises for numbers of thousands of digits.)"""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(BigIntegerField.MAX_BIGINT)):
        return None
    key = int(text)
    return key if key <= BigIntegerField.MAX_BIGINT else None


def url_of(model: type[Model] | str, pk: int | str) -> str:
    """``model`` may be a label, as in "trading.Order": of a floor above the one that links."""
    before, after = _around_key(model, get_script_prefix())
    return f"{before}{iri_to_uri(str(quote(pk)))}{after}"


def list_url(model: type[Model] | str, query: str) -> str:
    return f"{list_path(model)}?{query}"


def list_path(model: type[Model] | str) -> str:
    return _list_path(model, get_script_prefix())


@cache
def _list_path(model: type[Model] | str, _script_prefix: str) -> str:
    """Kept, as `reverse` takes long: every page's navigation links all lists."""
    model = _model(model)
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@cache
def _around_key(model: type[Model] | str, _script_prefix: str) -> tuple[str, str]:
    """What is before and after the key: a page links hundreds of records, and `reverse` costs more
    than all else of a link."""
    model = _model(model)
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    before, _, after = reverse(name, args=["KEY"]).partition("KEY")
    return before, after


def _model(model: type[Model] | str) -> type[Model]:
    return apps.get_model(model) if isinstance(model, str) else model
