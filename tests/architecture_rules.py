"""The rules that keep the parts apart, as functions from source text to findings.

Each rule takes a parsed `Module` and yields one line per breach, so that the rules themselves can
be tested on planted snippets (``tests/test_architecture.py`` does both).
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

# From the roof to the floor. Who may import whom is below; no arrow goes up this list.
HOUSE = (
    "exchange_site", "console", "terminal", "gateway", "persistence", "feeds", "prices", "custody",
    "trading", "ledger", "markets", "accounts", "approvals", "announcements", "mails", "matching",
    "common", "simulator",
)  # fmt: skip
OURS = HOUSE


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PURE_STDLIB = words(
    "__future__ abc bisect collections copy dataclasses enum fractions functools hashlib heapq"
    " itertools operator types typing zlib"
)

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 70
MAX_COLUMNS = 100


@dataclass(frozen=True)
class Module:
    path: str  # relative to the project, with slashes: "matching/core/engine.py"
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, self.path)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def name(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def at(self, node: ast.AST, text: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {text}"

    def within(self, *packages: str) -> bool:
        return any(within(self.name, package) for package in packages)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@cache
def load(root: Path, folder: str) -> list[Module]:
    """Modules of a folder, read once. Migrations are history, not design, and stay out, as do
    packages of others."""
    return [
        Module(path.relative_to(root).as_posix(), path.read_text())
        for path in sorted((root / folder).rglob("*.py"))
        if not {"migrations", "node_modules"} & set(path.parts)
    ]


# ---------------------------------------------------------------------------------------- imports


@dataclass(frozen=True)
class ImportRule:
    """What one package may import. The rule of the longest matching package counts.

    ours      packages and modules of the project; the package itself always may
    others    None for anything, else the only libraries besides Python's own
    stdlib    None for all of Python's own library, else the only parts of it
    banned    libraries refused in any case
    """

    package: str
    ours: tuple[str, ...]
    others: frozenset[str] | None = None
    stdlib: frozenset[str] | None = None
    banned: frozenset[str] = frozenset()


_DJANGO = frozenset({"django", "rest_framework", "celery"})
_MONEY = ("ledger", "markets", "accounts", "approvals", "matching.messages", "common")
_OPERATED = ("persistence", "prices", "custody", "trading", "announcements", "mails", *_MONEY)

IMPORT_RULES = (
    ImportRule("matching.messages", (), frozenset({"msgspec"}), PURE_STDLIB),
    ImportRule(
        "matching.core",
        ("matching.messages",),
        frozenset({"msgspec", "sortedcontainers"}),
        PURE_STDLIB,
    ),
    ImportRule(
        "matching.runtime",
        ("matching.core", "matching.messages", "matching.RUNNING_BUILD"),
        frozenset({"msgspec", "redis", "structlog"}),
    ),
    # The command is where the pure part meets the site.
    ImportRule("matching.management", ("matching", "common")),
    ImportRule("matching.apps", (), frozenset({"django"})),
    ImportRule("matching", (), banned=_DJANGO),
    ImportRule("common", ()),
    ImportRule("announcements", ("common",)),
    ImportRule("terminal", ("accounts", "common")),
    ImportRule("mails", ("common",)),
    ImportRule("approvals", ("matching.messages", "common")),
    ImportRule("accounts", ("approvals", "mails", "matching.messages", "common")),
    ImportRule("markets", ("matching.messages", "common")),
    ImportRule("ledger", ("mails", *_MONEY)),
    ImportRule("trading", _MONEY),
    # What a fill would do is asked of the rule that does it.
    ImportRule(
        "trading.orders.preview",
        (
            "trading",
            "matching.core.book.book",
            "matching.core.market.position",
            "matching.core.orders.matcher",
            *_MONEY,
        ),
    ),
    ImportRule("prices", ("trading", *_MONEY)),
    ImportRule("custody", ("mails", *_MONEY)),
    # The outside world: a program that knows nothing of us.
    ImportRule("custody.demo.chain", (), frozenset({"httpx", "structlog"})),
    ImportRule("feeds", ("trading", "announcements", *_MONEY)),
    # Another protocol for what traders do: as much as our own HTTP API and feeds have at hand.
    ImportRule("gateway", ("feeds", "trading", *_MONEY)),
    ImportRule("persistence", ("trading", *_MONEY)),
    # Streams of several servers are waited for as the engine does.
    ImportRule(
        "persistence.output_news", ("persistence", "trading", "matching.runtime.lines", *_MONEY)
    ),
    # Comparing rows with an engine takes an engine: replayed, nothing published.
    ImportRule(
        "persistence.reconciliation",
        ("persistence", "trading", "matching.runtime.replay", *_MONEY),
    ),
    ImportRule("console", _OPERATED),
    ImportRule("console.seen_as.page", ("console", "terminal.views", "accounts", "common")),
    # What would happen is asked of the core itself: as pure as what it asks.
    *(
        ImportRule(
            f"console.stress.{module}",
            ("console.stress.findings", "matching.core", "matching.messages"),
            frozenset({"msgspec"}),
            PURE_STDLIB,
        )
        for module in ("ladder", "findings")
    ),
    # From where a market stands, which is its snapshot and what was asked since.
    ImportRule(
        "console.stress.snapshots",
        ("console", "persistence.recovery", "matching.runtime.replay", *_MONEY),
    ),
    # What should have happened is asked of the core, and of the ledger's rules what it is worth.
    *(
        ImportRule(
            f"console.hindsight.{module}",
            (
                "console.hindsight",
                "ledger.models",
                "ledger.posting_rules",
                "matching.core",
                "matching.messages",
            ),
            frozenset({"msgspec"}),
            PURE_STDLIB,
        )
        for module in ("worlds", "outcome")
    ),
    ImportRule(
        "console.hindsight.reckoning",
        ("console", "matching.core.market", "matching.runtime.replay", *_MONEY),
    ),
    # As reconciliation does: a stretch is replayed, nothing published. The command, from a file.
    *(
        ImportRule(
            package,
            (
                "console",
                "persistence",
                "trading",
                "matching.runtime.replay",
                "matching.runtime.applier",
                "matching.RUNNING_BUILD",
                *_MONEY,
            ),
        )
        for package in ("console.incident", "console.management.commands.openincident")
    ),
    ImportRule("exchange_site", HOUSE),
    # A client like any other.
    ImportRule("simulator", ()),
)

_IMPORTERS = frozenset({"import_module", "__import__", "get_model", "import_string"})


def imported_names(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every module that is imported, wherever in the file, also under TYPE_CHECKING or by name."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            for alias in node.names:
                # `from trading import models` names a module; `from x import Thing` a thing in
                # one. Both are reported in full: rules match by prefix.
                yield node, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and called_name(node) in _IMPORTERS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node, first.value


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = module.path.endswith("__init__.py")
    parts = module.name.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def rule_for(module: Module) -> ImportRule | None:
    rules = [rule for rule in IMPORT_RULES if module.within(rule.package)]
    return max(rules, key=lambda rule: len(rule.package), default=None)


def check_imports(module: Module, stdlib: frozenset[str]) -> Iterator[str]:
    rule = rule_for(module)
    if rule is None:
        return
    for node, name in imported_names(module):
        top = name.partition(".")[0]
        if top in OURS:
            allowed = within(name, rule.package) or any(within(name, p) for p in rule.ours)
        elif top in rule.banned:
            allowed = False
        elif top in stdlib:
            allowed = rule.stdlib is None or top in rule.stdlib
        else:
            allowed = rule.others is None or top in rule.others
        if not allowed:
            yield module.at(node, f"{rule.package} may not import {name}")


def called_name(node: ast.Call) -> str:
    return last_name(node.func)


def last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


# ------------------------------------------------------------------------------------------- size


_PRAGMA = re.compile(r"\s+# (?:noqa|type: ignore).*$")


def check_size(module: Module) -> Iterator[str]:
    lines = module.source.splitlines()
    if len(lines) > MAX_MODULE_LINES:
        yield f"{module.path}: {len(lines)} lines, more than {MAX_MODULE_LINES}"
    for number, written in enumerate(lines, 1):
        line = _PRAGMA.sub("", written)
        if len(line) > MAX_COLUMNS:
            yield f"{module.path}:{number}: {len(line)} columns, more than {MAX_COLUMNS}"
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield module.at(node, f"{node.name} has {length} lines")
