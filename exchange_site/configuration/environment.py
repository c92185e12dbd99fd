"""Reads what is set, by the names that `variables` has, and remembers how each was read.

``NAME_FILE`` names a file with the value of ``NAME``, so that a secret needs to be in no
environment, which children inherit and tools print. The end of its last line is not part of it.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from exchange_site.configuration.variables import BY_NAME, IN_A_FILE


@dataclass(frozen=True)
class VariableReading:
    kind: str  # as in "list of text"
    default: Any  # `REQUIRED` where there is none


REQUIRED = object()
_KINDS = {
    str: "text",
    int: "number",
    float: "number",
    bool: "0 or 1",
    list: "list",
    dict: "pairs",
    None: "address",
}


class FromFiles(Mapping[str, str]):
    """The process's environment, where values may be in files. Raises ImproperlyConfigured."""

    def __getitem__(self, name: str) -> str:
        named = os.environ.get(f"{name}{IN_A_FILE}")
        if not named:
            return os.environ[name]
        if os.environ.get(name):
            raise ImproperlyConfigured(f"Set {name} or {name}{IN_A_FILE}, not both.")
        try:
            return Path(named).read_text().rstrip("\r\n")
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "no text"
            message = f"{name}{IN_A_FILE} names {named}, which can't be read: {why}"
            raise ImproperlyConfigured(message) from error

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


class Environment(environ.Env):  # type: ignore[misc]  # the library has no types
    ENVIRON = FromFiles()

    def __init__(self) -> None:
        super().__init__()
        self.readings: dict[str, VariableReading] = {}

    def get_value(self, var: str, cast: Any = None, default: Any = REQUIRED, **more: Any) -> Any:
        """Raises KeyError for a name that isn't documented."""
        variable = BY_NAME[var]
        is_required = default is REQUIRED or default is self.NOTSET
        # An address is read as text first, then once more for its parts.
        kind = _KINDS.get(cast if cast in _KINDS else None, "address")
        known = REQUIRED if is_required else default
        self.readings.setdefault(variable.name, VariableReading(kind, known))
        return super().get_value(
            var, cast=cast, default=self.NOTSET if is_required else default, **more
        )
