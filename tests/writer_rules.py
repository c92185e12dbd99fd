"""Who writes what: rows of the engine's making, and the streams. Functions as in
`tests.architecture_rules`.
"""

import ast
import re
from collections.abc import Iterator

from tests.architecture_rules import Module, rule_for, words

ENGINE_ROWS = (
    "Order",
    "Fill",
    "Candle",
    "TraderDay",
    "TierDay",
    "Position",
    "MarketStatus",
    "Liquidation",
    "FundingSettlement",
    "FundingPayment",
    "Settlement",
    "Countdown",
)
TABLES = "|".join(
    f"{'markets' if row == 'MarketStatus' else 'trading'}_{row.lower()}" for row in ENGINE_ROWS
)

_CHANGES = words(
    "save asave update aupdate bulk_update abulk_update delete adelete _raw_delete"
    " update_or_create aupdate_or_create"
)
_INSERTS = words("create acreate bulk_create abulk_create get_or_create aget_or_create")
_RELATED = {"orders": "Order", "fills": "Fill", "positions": "Position"}

# A table is named as it is, or through the model: f"UPDATE {Order._meta.db_table} …".
_TABLE = rf'"?\{{?(?:{TABLES}|(?:{"|".join(ENGINE_ROWS)})\._meta)\b'
_SQL_CHANGE = re.compile(
    rf"\b(?:UPDATE(?:\s+ONLY)?|DELETE\s+FROM(?:\s+ONLY)?|TRUNCATE(?:\s+TABLE)?|MERGE\s+INTO)\s+"
    rf"(?:public\.)?{_TABLE}",
    re.IGNORECASE,
)
_SQL_INSERT = re.compile(rf"\b(?:INSERT\s+INTO|COPY)\s+(?:public\.)?({_TABLE})", re.IGNORECASE)
_SQL_UPSERT = re.compile(
    rf"\bINSERT\s+INTO\s+(?:public\.)?{_TABLE}.*?\bDO\s+UPDATE\b", re.IGNORECASE | re.DOTALL
)


def check_one_writer(module: Module) -> Iterator[str]:
    """Rows of orders, fills, positions and market status change in `persistence` alone; the one
    insert elsewhere is of orders, by `trading`, and a market is born with its status.
    """
    if module.within("persistence"):
        return
    yield from _orm_writes(module)
    for node, text in strings(module):
        if _SQL_CHANGE.search(text) or _SQL_UPSERT.search(text):
            yield module.at(node, "changes rows that only persistence changes")
        insert = _SQL_INSERT.search(text)
        if insert and not (module.within("trading") and "rder" in insert[1].lower()):
            yield module.at(node, "inserts rows that are not its own")


def _orm_writes(module: Module) -> Iterator[str]:
    tainted = _names_of_rows(module)
    for node in module.nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        row = _row_behind(node.func.value, tainted)
        if row is None:
            continue
        if node.func.attr in _CHANGES:
            yield module.at(node, f"{row}: .{node.func.attr}() belongs to persistence")
        elif node.func.attr in _INSERTS and not (
            (row == "Order" and module.within("trading"))
            or (row == "MarketStatus" and module.name == "markets.signals")
        ):
            yield module.at(node, f"{row}: .{node.func.attr}() is not for this package")


def _row_behind(node: ast.expr, tainted: dict[str, str]) -> str | None:
    """The model a chain such as ``Order.objects.filter(…)[0]`` or ``user.orders.all()`` is of."""
    while True:
        match node:
            case ast.Attribute():
                if node.attr in ENGINE_ROWS:
                    return node.attr
                if node.attr in _RELATED:
                    return _RELATED[node.attr]
                node = node.value
            case ast.Call():
                node = node.func
            case ast.Subscript() | ast.Await():
                node = node.value
            case ast.Name():
                return node.id if node.id in ENGINE_ROWS else tainted.get(node.id)
            case _:
                return None


def _names_of_rows(module: Module) -> dict[str, str]:
    """Variables that hold rows or querysets of ours, by assignment, loop or annotation.

    Names are taken for the whole module: a variable called the same elsewhere is suspect too.
    """
    aliases = {
        alias.asname: alias.name
        for node in module.nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname and alias.name in ENGINE_ROWS
    }
    tainted: dict[str, str] = dict(aliases)
    for _ in range(3):  # rows of rows: a = Order.objects; b = a.filter(); for c in b
        for node in module.nodes:
            for name, row in _bindings(node, tainted):
                tainted.setdefault(name, row)
    return tainted


def _bindings(node: ast.AST, tainted: dict[str, str]) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            source: ast.expr | None = value
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            source = value
        case ast.For(target=ast.Name(id=name), iter=value):
            source = value
        case ast.comprehension(target=ast.Name(id=name), iter=value):
            source = value
        case ast.arg(arg=name, annotation=annotation) if annotation is not None:
            for row in ENGINE_ROWS:
                if re.search(rf"(?<![\w]){row}\b", ast.unparse(annotation)):
                    yield name, row
            return
        case _:
            return
    row_found = _row_behind(source, tainted) if source is not None else None
    if row_found and not _is_plain_value(source):
        yield name, row_found


def _is_plain_value(node: ast.expr | None) -> bool:
    """Counting and asking are no rows: ``n = orders.count()``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"count", "exists", "aggregate", "values_list", "acount", "aexists"}
    )


# --- tables ---------------------------------------------------------------------------------------

_NAMED_TABLE = re.compile(
    r"\b(?:FROM|JOIN|INTO|UPDATE|ONLY|TABLE|COPY|USING)\s+(?:ONLY\s+)?(?:public\.)?\"?"
    r"(trading|ledger|markets|accounts|prices|persistence|console)_(\w+)",
    re.IGNORECASE,
)


def check_tables(module: Module) -> Iterator[str]:
    """SQL names tables of its own app or of a floor that it may import."""
    rule = rule_for(module)
    if rule is None:
        return
    for node, text in strings(module):
        for app, table in _NAMED_TABLE.findall(text):
            if app != module.name.split(".")[0] and app not in rule.ours:
                yield module.at(node, f"{rule.package} may not name the table {app}_{table}")


# --- streams --------------------------------------------------------------------------------------

INPUT_WRITER = "trading.commands.publisher"
# Scripts that check and write at once; the engine's own one on its input only moves its clock.
SCRIPTS_ON_STREAMS = ("matching.runtime.publish", "persistence.recovery.starting_points")


def check_streams(module: Module) -> Iterator[str]:
    """`trading.commands.publisher` alone writes what anybody asked for to input streams,
    `matching.runtime` output streams; names of streams come from `matching.messages.streams`.
    """
    for node in module.nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr != "xadd" or module.name == INPUT_WRITER:
            continue
        arguments = " ".join(ast.unparse(argument) for argument in node.args[:1])
        if not module.within("matching.runtime") or "input" in arguments.lower():
            yield module.at(node, "only trading.commands.publisher adds to an input stream")
    for node, text in strings(module):
        by_name = re.search(r"(?<!\w)xadd(?!\w)", text, re.IGNORECASE)
        if by_name and module.name not in (INPUT_WRITER, *SCRIPTS_ON_STREAMS):
            yield module.at(node, "XADD by name escapes the rule for writers of streams")
        named = re.search(r"\borders:(input|output|dead)\b", text)
        if named and module.name != "matching.messages.streams":
            yield module.at(node, "stream names come from matching.messages.streams")


def strings(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """String literals that are no docstrings; f-strings as written, implicit joins as one."""
    docstrings = {
        id(first.value)
        for node in module.nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for first in node.body[:1]
        if isinstance(first, ast.Expr) and ast.get_docstring(node, clean=False) is not None
    }
    in_fstring = {
        id(part)
        for node in module.nodes
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in module.nodes:
        if id(node) in docstrings or id(node) in in_fstring:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            value = node.value
            yield node, value if isinstance(value, str) else value.decode("latin-1")
        elif isinstance(node, ast.JoinedStr):
            yield (
                node,
                "".join(
                    str(part.value)
                    if isinstance(part, ast.Constant)
                    else "{" + ast.unparse(part.value) + "}"
                    for part in node.values
                    if isinstance(part, ast.Constant | ast.FormattedValue)
                ),
            )
