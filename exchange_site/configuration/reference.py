"""docs/configuration.md, made of the variables and of how the settings read them."""

from typing import Any

from exchange_site.configuration.environment import REQUIRED, VariableReading
from exchange_site.configuration.variables import GROUPS, Variable

_HEAD = """\
# Configuration

Every variable that a process reads, the same for all processes of an exchange. `make
configuration` makes this page of [variables.py](../exchange_site/configuration/variables.py) and
the settings; a test says when it is old.

A list is separated by commas; pairs are as in `A=1,B=2`. **Secrets** (🔑) need not be in the
environment: of any variable `NAME`, `NAME_FILE` names a file with its value, as in
`DATABASE_URL_FILE=/run/secrets/database-url`. The end of its last line doesn't count. Whoever sets
both is told so, and nothing starts.

What is set to nothing counts as not set. Anything that can't be meant (a switch that is neither 0
nor 1, a number with a unit, an address without its scheme, a secret that can be guessed, an empty
file) stops every process as it starts, with exit code 1 and a line that names the variable.
"""


def reference(readings: dict[str, VariableReading]) -> str:
    """Raises KeyError for a variable that no setting reads."""
    return _HEAD + "".join(
        _group(title, variables, readings) for title, variables in GROUPS.items()
    )


def _group(
    title: str, variables: tuple[Variable, ...], readings: dict[str, VariableReading]
) -> str:
    rows = "".join(_row(variable, readings[variable.name]) for variable in variables)
    return (
        f"\n## {title}\n\n| variable | what | if not given | meaning |\n"
        f"| --- | --- | --- | --- |\n{rows}"
    )


def _row(variable: Variable, reading: VariableReading) -> str:
    kind = f"{reading.kind} 🔑" if variable.is_secret else reading.kind
    usual = _usual(variable, reading.default)
    return f"| `{variable.name}` | {kind} | {usual} | {_meaning(variable)} |\n"


def _meaning(variable: Variable) -> str:
    return variable.meaning[0].upper() + variable.meaning[1:]


def _usual(variable: Variable, default: Any) -> str:
    if variable.usual:
        return variable.usual
    if default is REQUIRED:
        return "**required**"
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, list | dict):
        default = ",".join(default)
    return f"`{default}`" if default != "" else ""
