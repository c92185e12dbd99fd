"""Faults that cosmic-ray doesn't know: a call left out, a condition of a queryset left out, SQL
that says something else. Written as its operators are, on parso's trees."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cosmic_ray.operators.operator import Example, Operator
from parso.python.tree import Keyword, Name

Position = tuple[tuple[int, int], tuple[int, int]]

QUERIES = ("filter", "exclude", "get", "update")
IS_SQL = re.compile(r"\b(SELECT|UPDATE|INSERT INTO|DELETE FROM)\b")
# What is found, and what stands there instead; each place where one is found is a fault of its own.
OWNER = r"([\w.]*\b(?:market_id|user_id|order_id|\w\.id|id)) = (%s|%\(\w+\)s|\w+\.id)"
SQL_FAULTS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (OWNER, r"(\1 = \2 OR true)"),
        (r"<=", "<"),
        (r">=", ">"),
        (r"(?<![<>=-])<(?![<>=-])", "<="),
        (r"(?<![<>=-])>(?![<>=-])", ">="),
        (r"<>", "="),
        (r"\bIS NOT NULL\b", "IS NULL"),
        (r"\bIS NULL\b", "IS NOT NULL"),
        (r"\bAND\b", "OR"),
        (r" \+ ", " - "),
        (r" - ", " + "),
        (r"\bORDER BY [\w.]+", ""),
        (r"\bFOR NO KEY UPDATE\b( OF \w)?( SKIP LOCKED)?", ""),
        (r"\bUNION ALL\b", "EXCEPT"),
        (r"\bLEFT JOIN\b", "JOIN"),
        (r"\bFULL JOIN\b", "JOIN"),
        (r"\b(min|greatest)\(", "max("),
        (r"\bmax\(", "min("),
        (r"COALESCE\(([^,()]+), [^()]+\)", r"\1"),
    )
)


class CallRemover(Operator):
    """A statement that only calls something is left out; log lines and docstrings aren't meant."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        if node.type == "simple_stmt" and node.children[0].type in ("atom_expr", "power"):
            call = node.children[0]
            if call.children[0].get_code(include_prefix=False) != "log":
                yield call.start_pos, call.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        first = node.get_first_leaf()
        node.children[0] = Keyword("pass", first.start_pos, prefix=first.prefix)
        return node

    @classmethod
    def examples(cls) -> Iterable[Example]:
        return (Example("f(x)\n", "pass\n"),)


class ConditionRemover(Operator):
    """A condition of a queryset is left out: it reaches further, or changes less."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        for argument in self._arguments(node):
            yield argument.start_pos, argument.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        argument = self._arguments(node)[index]
        holder = argument.parent
        at = holder.children.index(argument)
        # With the comma behind it, or the one before the last.
        end = at + 2 if at + 1 < len(holder.children) and holder.type == "arglist" else at + 1
        del holder.children[at:end]
        return node

    def _arguments(self, node: Any) -> Sequence[Any]:
        if node.type != "trailer" or node.children[0].value != "(":
            return ()
        before = node.get_previous_sibling()
        if before is None or not before.get_code(include_prefix=False).endswith(
            tuple(f".{name}" for name in QUERIES)
        ):
            return ()
        inside = node.children[1]
        candidates = inside.children if inside.type == "arglist" else [inside]
        return [c for c in candidates if c.type == "argument" and isinstance(c.children[0], Name)]

    @classmethod
    def examples(cls) -> Iterable[Example]:
        return (Example("x.filter(a=1, b=2)", "x.filter( b=2)"),)


class SqlChanger(Operator):
    """Something in a statement is another: a bound, a condition, a lock, an order, a sign."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        for match, _ in self._places(node):
            line, column = node.start_pos
            before = node.value[: match.start()]
            if "\n" in before:
                column = len(before) - before.rindex("\n") - 1
            else:
                column += len(before)
            start = line + before.count("\n"), column
            yield start, (start[0], start[1] + len(match.group()))

    def mutate(self, node: Any, index: int) -> Any:
        match, replacement = self._places(node)[index]
        changed = match.expand(replacement)
        node.value = node.value[: match.start()] + changed + node.value[match.end() :]
        return node

    def _places(self, node: Any) -> list[tuple[re.Match[str], str]]:
        if node.type != "string" or not IS_SQL.search(node.value):
            return []
        return [
            (match, replacement)
            for pattern, replacement in SQL_FAULTS
            for match in pattern.finditer(node.value)
        ]

    @classmethod
    def examples(cls) -> Iterable[Example]:
        return (Example('"SELECT 1 WHERE a <= b"', '"SELECT 1 WHERE a < b"'),)
