"""Reads what is set, by the names that `variables` has, and remembers how each was read.

``NAME_FILE`` names a file with the value of ``NAME``, so that a secret needs to be in no
environment, which children inherit and tools print. The end of its last line is not part of it.

Nothing is guessed: a switch is 0 or 1, a number a number within its bounds, and what is neither is
refused with the variable's name, because every process would go on with something that nobody
asked for. What is set to nothing counts as not set, as orchestrators hand on what they don't have;
a file with nothing in it is a secret that was never written, and refused. What is refused is never
quoted, as it may be a secret in the wrong place.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from exchange_site.configuration.variables import BY_NAME, IN_A_FILE


@dataclass(frozen=True)
class VariableReading:
    kind: str  # as in "list"
    default: Any  # `REQUIRED` where there is none


REQUIRED: Any = object()
_SWITCHES = {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}
_SWITCHES |= {"off": False, "on": True}


def said(name: str) -> str:
    """What ``name`` is set to, or a file that is named; "" for nothing. Raises
    ImproperlyConfigured."""
    value = os.environ.get(name, "")
    named = os.environ.get(f"{name}{IN_A_FILE}")
    if not named:
        return value
    if value:
        raise ImproperlyConfigured(f"Set {name} or {name}{IN_A_FILE}, not both.")
    try:
        value = Path(named).read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text"
        message = f"{name}{IN_A_FILE} names {named}, which can't be read: {why}"
        raise ImproperlyConfigured(message) from error
    if not value:
        raise ImproperlyConfigured(f"{name}{IN_A_FILE} names {named}, which has nothing in it.")
    return value


class Environment:
    """Each method reads one variable and returns its value, or ``default``. They raise
    ImproperlyConfigured, and KeyError for a name that isn't documented."""

    def __init__(self) -> None:
        self.readings: dict[str, VariableReading] = {}

    def text(self, name: str, *, default: str = REQUIRED) -> str:
        value = self._said(name, "text", default)
        return default if value is None else value

    def address(self, name: str) -> str:
        """Required. Whoever asks looks at its parts."""
        return str(self._said(name, "address", REQUIRED))

    def switch(self, name: str, *, default: bool) -> bool:
        value = self._said(name, "0 or 1", default)
        if value is None:
            return default
        if (known := _SWITCHES.get(value.strip().lower())) is None:
            raise ImproperlyConfigured(f"{name} is neither 0 nor 1.")
        return known

    def number(self, name: str, *, default: int, lowest: int, highest: int | None = None) -> int:
        value = self._said(name, "number", default)
        if value is None:
            return default
        try:
            found = int(value)
        except ValueError:
            found = None
        if found is None or found < lowest or (highest is not None and found > highest):
            asked = f"{lowest} or more" if highest is None else f"{lowest} to {highest}"
            raise ImproperlyConfigured(f"{name} must be a whole number, {asked}.")
        return found

    def fraction(self, name: str, *, default: float, lowest: float, highest: float) -> float:
        value = self._said(name, "number", default)
        if value is None:
            return default
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if not lowest <= found <= highest:  # nor is one that is no number
            raise ImproperlyConfigured(
                f"{name} must be a number, {lowest:g} to {highest:g}, as in {default:g}."
            )
        return found

    def listed(self, name: str, *, default: list[str] | None = None) -> list[str]:
        """Without the spaces beside commas, and what is between two of them."""
        default = default or []
        value = self._said(name, "list", default)
        if value is None:
            return default
        found = [one.strip() for one in value.split(",") if one.strip()]
        if not found:
            raise ImproperlyConfigured(f"{name} is a list with nothing in it.")
        return found

    def pairs(self, name: str) -> Mapping[str, str]:
        value = self._said(name, "pairs", {})
        found = {}
        for one in (value or "").split(","):
            if not one.strip():
                continue
            key, _, of_key = (part.strip() for part in one.partition("="))
            if not key or not of_key or "=" in of_key or key in found:
                raise ImproperlyConfigured(f"{name} must be pairs, as in A=1,B=2, each key once.")
            found[key] = of_key
        return found

    def _said(self, name: str, kind: str, default: Any) -> str | None:
        variable = BY_NAME[name]
        self.readings.setdefault(variable.name, VariableReading(kind, default))
        if value := said(name):
            return value
        if default is REQUIRED:
            raise ImproperlyConfigured(
                f"Set the {name} environment variable, or {name}{IN_A_FILE}."
            )
        return None
