"""Names that operators know, for what says ids."""

import re
from collections.abc import Sequence

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from accounts.models import User

_NUMBERED = re.compile(r"\b(user|account) ([1-9]\d{0,17})\b")


def with_names(texts: Sequence[str]) -> list[str]:
    """What says "user 5" or "account 5", as a message of an engine, with the names that operators
    know; looked up once for all of them."""
    ids = {int(number) for text in texts for _, number in _NUMBERED.findall(text)}
    users = User.objects.filter(pk__in=ids) if ids else User.objects.none()
    names = dict(users.values_list("pk", "username"))

    def named(text: str) -> str:
        is_safe = isinstance(text, SafeString)

        def name_of(found: re.Match[str]) -> str:
            name = names.get(int(found[2]), found[2])
            return f"{found[1]} {escape(name) if is_safe else name}"

        said = _NUMBERED.sub(name_of, text)
        return mark_safe(said) if is_safe else said  # noqa: S308  as safe as it was

    return [named(text) for text in texts]
