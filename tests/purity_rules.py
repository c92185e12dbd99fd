"""What keeps the core pure: "same commands, same bytes out", as far as its sources show it.
Functions as in `tests.architecture_rules`.
"""

import ast
import re
from collections.abc import Iterator

from tests.architecture_rules import Module, called_name, last_name, words

_IMPURE_CALLS = words(
    "open print input float complex hash id eval exec compile __import__ globals locals"
    " breakpoint vars"
)
_MUTABLE_MAKERS = words(
    "list dict set bytearray defaultdict deque Counter OrderedDict SortedDict SortedList"
    " SortedSet SortedKeyList count cycle"
)
_READ_ONLY_ANNOTATIONS = re.compile(r"\b(Mapping|Sequence|frozenset|FrozenSet|tuple)\[")
_ORDER_BLIND = words("sorted sum any all min max len set frozenset SortedList SortedSet")
_ORDER_SEEING = frozenset({"list", "tuple", "iter", "enumerate", "deque", "dict", "zip", "map"})


def check_purity(module: Module, set_names: frozenset[str]) -> Iterator[str]:
    """Breaches of "same commands, same bytes out" that can be seen in the source.

    ``set_names`` are the names known to hold sets, from `names_of_sets` over the whole package.
    """
    yield from _impure_expressions(module)
    yield from _module_state(module)
    yield from _set_order(module, set_names)


def _impure_expressions(module: Module) -> Iterator[str]:
    for node in module.nodes:
        match node:
            case ast.Constant(value=float() | complex()):
                yield module.at(node, f"float literal {node.value!r}")
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield module.at(node, "true division makes a float")
            case ast.Name(id="float" | "complex"):
                yield module.at(node, f"{node.id} has no place here")
            case ast.Call(func=ast.Name(id=name)) if name in _IMPURE_CALLS - {"float", "complex"}:
                yield module.at(node, f"{name}() is not pure")
            case ast.Global() | ast.AsyncFunctionDef() | ast.Await():
                yield module.at(node, f"{type(node).__name__} is not pure")
            case _:
                pass


def _module_state(module: Module) -> Iterator[str]:
    """Module-level containers must be read-only: by their type, or by their annotation."""
    for node in module.tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) or node.value is None:
            continue
        if isinstance(node, ast.AnnAssign) and _READ_ONLY_ANNOTATIONS.search(
            ast.unparse(node.annotation)
        ):
            continue
        mutable = isinstance(
            node.value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
        )
        called = isinstance(node.value, ast.Call) and called_name(node.value) in _MUTABLE_MAKERS
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            continue
        if mutable or called:
            yield module.at(node, "mutable module state; annotate it Mapping[…] or Sequence[…]")


def names_of_sets(modules: list[Module]) -> frozenset[str]:
    """Names and attributes that are annotated or assigned as sets anywhere in these modules."""
    found: set[str] = set()
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.AnnAssign) and _is_set_annotation(node.annotation):
                found.add(last_name(node.target))
            elif isinstance(node, ast.arg) and node.annotation is not None:
                if _is_set_annotation(node.annotation):
                    found.add(node.arg)
            elif isinstance(node, ast.Assign) and _is_set_expression(node.value):
                found.update(last_name(target) for target in node.targets)
    return frozenset(found - {""})


def _set_order(module: Module, set_names: frozenset[str]) -> Iterator[str]:
    def is_set(node: ast.AST) -> bool:
        return _is_set_expression(node) or last_name(node) in set_names

    blind = {
        id(argument)
        for node in module.nodes
        if isinstance(node, ast.Call) and called_name(node) in _ORDER_BLIND
        for argument in node.args
    }
    for node in module.nodes:
        match node:
            case ast.For() if is_set(node.iter):
                yield module.at(node, "iterates a set, whose order is not part of the state")
            case ast.ListComp() | ast.DictComp() | ast.GeneratorExp():
                if id(node) not in blind and any(is_set(g.iter) for g in node.generators):
                    yield module.at(node, "iterates a set, whose order is not part of the state")
            case ast.Call() if called_name(node) in _ORDER_SEEING and any(map(is_set, node.args)):
                yield module.at(node, "takes a set in its order, which is not part of the state")
            case ast.Call(func=ast.Attribute(attr="pop", value=owner), args=[]) if is_set(owner):
                yield module.at(node, "pops from a set, whose order is not part of the state")
            case _:
                pass


def _is_set_annotation(annotation: ast.expr) -> bool:
    return (
        re.match(r"(set|frozenset|AbstractSet|MutableSet)\b", ast.unparse(annotation)) is not None
    )


def _is_set_expression(node: ast.AST) -> bool:
    return isinstance(node, ast.Set | ast.SetComp) or (
        isinstance(node, ast.Call) and called_name(node) in {"set", "frozenset"}
    )
