"""Where records and lists of the admin are."""

from functools import cache

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import get_script_prefix, reverse
from django.utils.encoding import iri_to_uri


def url_of(model: type[Model], pk: int | str) -> str:
    before, after = _around_key(model, get_script_prefix())
    return f"{before}{iri_to_uri(str(quote(pk)))}{after}"


def list_url(model: type[Model], query: str) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return f"{reverse(name)}?{query}"


@cache
def _around_key(model: type[Model], _script_prefix: str) -> tuple[str, str]:
    """What is before and after the key: a page links hundreds of records, and `reverse` costs more
    than all else of a link."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    before, _, after = reverse(name, args=["KEY"]).partition("KEY")
    return before, after
