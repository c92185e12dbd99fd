"""All faults that could be planted, and a seeded sample of them.

Places are drawn, and of each place one fault: where cosmic-ray knows eleven replacements of a `+`
and one of a `not`, both are a place. A fault is named by its module, its function, its operator and
its number among those of that function, so that its name outlives changes elsewhere.
"""

import random
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names
from cosmic_ray.work_item import MutationSpec, WorkItem

from tests.mutants.operators import CallRemover, ConditionRemover, SqlChanger

OURS: dict[str, type[Operator]] = {
    "call-left-out": CallRemover,
    "condition-left-out": ConditionRemover,
    "sql": SqlChanger,
}
# Identity beside equality of small numbers and of words is mostly the same, by CPython's grace.
IDENTITY = re.compile(r"Comparison.*_Is(Not)?(_|$)")
NEGATED_IDENTITY = (
    "core/ReplaceComparisonOperator_Is_IsNot",
    "core/ReplaceComparisonOperator_IsNot_Is",
)


def operator_of(name: str) -> Operator:
    operator: Operator = OURS[name]() if name in OURS else get_operator(name)()
    return operator


def _operators() -> list[str]:
    theirs = [name for name in operator_names() if not get_operator(name).arguments()]
    kept = [name for name in theirs if name in NEGATED_IDENTITY or not IDENTITY.search(name)]
    return [*OURS, *kept]


def work_items(tree: Path, modules: list[str]) -> Iterator[WorkItem]:
    for module in modules:
        nodes = list(ast_nodes(get_ast_from_path(tree / module)))
        for name in _operators():
            operator = operator_of(name)
            found = ((node, at) for node in nodes for at in operator.mutation_positions(node))
            for occurrence, (node, (start, end)) in enumerate(found):
                if _is_meant(node):
                    yield WorkItem.single(
                        job_id=uuid.uuid4().hex,
                        mutation=MutationSpec(
                            module_path=Path(module),
                            operator_name=name,
                            operator_args={},
                            occurrence=occurrence,
                            start_pos=start,
                            end_pos=end,
                            definition_name=ASTQuery(node).get_definition_name(),
                        ),
                    )


def _is_meant(node: Any) -> bool:
    """Annotations, log lines and what kind of struct it is aren't: nothing the program does
    depends on them."""
    child, parent = node, node.parent
    while parent is not None:
        if _is_annotation(child, parent) or _is_log_line(parent) or _is_of_a_struct(parent):
            return False
        child, parent = parent, parent.parent
    return True


def _is_annotation(child: Any, parent: Any) -> bool:
    if parent.type == "funcdef":
        return parent.annotation is child
    # ``: type``, of a variable with ``= value`` behind it.
    at = {"annassign": (1,), "tfpdef": (2,)}.get(parent.type, ())
    return any(parent.children[index] is child for index in at)


def _is_of_a_struct(node: Any) -> bool:
    """``frozen=True`` and the like: nobody writes to one, so nobody is kept from it."""
    names = ("frozen", "slots", "kw_only")
    return node.type == "argument" and node.children[0].get_code(include_prefix=False) in names


def _is_log_line(node: Any) -> bool:
    if node.type not in ("atom_expr", "power"):
        return False
    return bool(node.children[0].get_code(include_prefix=False) == "log")


def sample(items: list[WorkItem], count: int, seed: int) -> list[WorkItem]:
    places: defaultdict[tuple[str, Any], list[WorkItem]] = defaultdict(list)
    for item in items:
        mutation = item.mutations[0]
        places[str(mutation.module_path), mutation.start_pos].append(item)
    draw = random.Random(seed)
    keys = sorted(places)
    return [draw.choice(places[key]) for key in draw.sample(keys, min(count, len(keys)))]


def names_of(items: list[WorkItem]) -> list[str]:
    """Of all faults of the modules, in their order."""
    counted: Counter[tuple[str, ...]] = Counter()
    names = []
    for item in items:
        mutation = item.mutations[0]
        operator = mutation.operator_name.removeprefix("core/")
        key = str(mutation.module_path), mutation.definition_name or "module", operator
        counted[key] += 1
        names.append(f"{':'.join(key)}:{counted[key]}")
    return names
