"""How rooms lie to each other: no circles, no crowds, no HTTP behind the doors. Functions as in
`tests.architecture_rules`.
"""

import ast
from collections.abc import Iterator

from tests.architecture_rules import Module, imported_names, within, words

MAX_MODULES_OF_A_FOLDER = 12


def check_circles(modules: list[Module]) -> Iterator[str]:
    """Circles among the parts of each package: its modules and the packages in it."""
    names = {module.name for module in modules}
    inside: dict[str, dict[str, set[str]]] = {}
    for module in modules:
        for _, imported in imported_names(module):
            target = imported if imported in names else imported.rpartition(".")[0]
            if target in names and target != module.name:
                shared, here, there = _parting(module.name, target)
                if here and there:
                    inside.setdefault(shared, {}).setdefault(here, set()).add(there)
    for package, arrows in sorted(inside.items()):
        for part in sorted(arrows):
            if part in _reached_from(part, arrows):
                yield f"{package}: {part} imports itself by way of others"


def _parting(one: str, other: str) -> tuple[str, str, str]:
    """The package two modules share, and the part of it each is in; "" for the package itself."""
    mine, theirs = one.split("."), other.split(".")
    depth = 0
    while depth < min(len(mine), len(theirs)) and mine[depth] == theirs[depth]:
        depth += 1
    return (
        ".".join(mine[:depth]),
        ".".join(mine[depth : depth + 1]),
        ".".join(theirs[depth : depth + 1]),
    )


def _reached_from(part: str, arrows: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    ahead = set(arrows[part])
    while ahead:
        reached |= ahead
        ahead = {there for here in ahead for there in arrows.get(here, ())} - reached
    return reached


def check_folders(modules: list[Module]) -> Iterator[str]:
    """A folder that nobody can take in at a glance."""
    held: dict[str, int] = {}
    for module in modules:
        folder, _, name = module.path.rpartition("/")
        held[folder] = held.get(folder, 0) + (name != "__init__.py")
    for folder, count in sorted(held.items()):
        if count > MAX_MODULES_OF_A_FOLDER:
            yield f"{folder}: {count} modules, more than {MAX_MODULES_OF_A_FOLDER}"


_HTTP_MODULES = ("http", "rest_framework", "django.http", "common.http")
SERVICES = words(
    "trading.orders trading.commands trading.positions trading.services trading.selectors"
    " trading.fee_tiers ledger.services ledger.selectors ledger.posting_rules markets.rules"
    " markets.config markets.conversions prices.services accounts.services accounts.access.sessions"
    " accounts.people.closing accounts.people.erasing accounts.people.export accounts.people.kept"
    " accounts.people.profile accounts.people.resets accounts.law.identity accounts.law.terms"
    " accounts.notices trading.notices"
    " accounts.access.tokens accounts.access.refusals common.errors common.idempotency persistence"
)
_NOT_SERVICES = words(
    "persistence.admin persistence.downloads.api persistence.snapshots.api persistence.urls"
)


def check_services_know_no_http(module: Module) -> Iterator[str]:
    """Services speak of errors by code; what that is in HTTP, the doors say."""
    if not module.within(*SERVICES) or module.within(*_NOT_SERVICES):
        return
    for node, name in imported_names(module):
        if any(within(name, http) for http in _HTTP_MODULES):
            yield module.at(node, f"a service that knows HTTP: {name}")


# One thing in two forms: what the engine has of it, and its row.
TWO_FORMS = frozenset(words("Account Order FundingPayment LeverageTier"))
_OF_DJANGO = frozenset(words("Meta Command"))


def check_class_names(modules: list[Module]) -> Iterator[str]:
    """One name, one meaning: who reads it anywhere knows which class is meant. What is a module's
    own begins with "_"."""
    seen: dict[str, Module] = {}
    for module in modules:
        for node in module.nodes:
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            if node.name in TWO_FORMS | _OF_DJANGO:
                continue
            first = seen.setdefault(node.name, module)
            if first is not module:
                yield module.at(node, f"another {node.name} is in {first.path}")
