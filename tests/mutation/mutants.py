"""Small, realistic mistakes in a module's source, one at a time.

A mutant is one change of one place: another operator, a constant that is off by one, a statement
left out, a mean for a sum. What is left alone: docstrings, annotations, and what only words an
error message.
"""

import ast
import copy
from typing import NamedTuple

_OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Add,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip

_NAMES = {
    "mean": "sum", "sum": "mean", "min": "max", "max": "min", "maximum": "minimum",
    "minimum": "maximum", "any": "all", "all": "any", "ceil": "floor", "exp": "expm1",
    "log": "log1p", "zeros": "ones", "zeros_like": "ones_like", "sqrt": "square",
    "argmax": "argmin", "sort": "flip", "random": "standard_normal",
}  # fmt: skip

_EXACT = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)  # their change is the negation

_UNWRAPPED = {"copy", "abs", "ascontiguousarray", "sorted"}  # f(x) or x.f() becomes x


class Mutant(NamedTuple):
    """One change, and where it is.

    Attributes
    ----------
    where : str
        The function and the change, ``VAE.elbo: `a + b` -> `a - b` `` (independent of line
        numbers); a count tells equal ones apart.
    line : int
    source : str
        The whole module with the change in it.
    """

    where: str
    line: int
    source: str


def mutants(source):
    """Return all mutants of a module."""
    tree = ast.parse(source)
    found, seen = [], {}
    for node, scope in _places(tree, ""):
        for change in _changes(node):
            before = ast.unparse(node)
            changed = ast.unparse(change)
            where = f"{scope}: `{_short(before)}` -> `{_short(changed)}`"
            seen[where] = seen.get(where, 0) + 1
            if seen[where] > 1:
                where += f" ({seen[where]})"
            found.append(Mutant(where, node.lineno, _planted(tree, node, change)))
    return found


def _short(text):
    lines = text.splitlines()
    return lines[0] + (" ..." if len(lines) > 1 else "")


def _planted(tree, node, change):
    """The module's source with `change` in the place of `node`."""

    class Plant(ast.NodeTransformer):
        def visit(self, here):
            if here is original:
                return change
            return self.generic_visit(here)

    # Nodes are found again in a copy by their place in the walk.
    number = next(i for i, here in enumerate(ast.walk(tree)) if here is node)
    twin = copy.deepcopy(tree)
    original = next(here for i, here in enumerate(ast.walk(twin)) if i == number)
    return ast.unparse(ast.fix_missing_locations(Plant().visit(twin)))


def _places(node, scope):
    """Every node that may be changed, with the name of the function that it is in."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        scope = f"{scope}.{node.name}".lstrip(".")
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_words(child):
                continue
            yield child, scope or "module"
            if not isinstance(child, (ast.Raise, ast.JoinedStr)):
                yield from _places(child, scope)


def _is_words(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _with(node, **fields):
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _changes(node):
    """Yield the mistakes that can be made of one node."""
    if type(getattr(node, "op", None)) in _OPERATORS:
        yield _with(node, op=_OPERATORS[type(node.op)]())
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _OPERATORS:
        yield _with(node, ops=[_OPERATORS[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, (ast.If, ast.IfExp)) and not _negated_below(node.test):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, (ast.Expr, ast.Raise)):
        yield ast.Pass()
    elif isinstance(node, ast.Call):
        yield from _calls(node)


def _negated_below(test):
    """Whether a change of the test itself negates it."""
    if isinstance(test, ast.Compare):
        return isinstance(test.ops[0], _EXACT)
    return isinstance(test, ast.UnaryOp)


def _constants(node):
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, float):
        yield ast.Constant(value * 2 if value else 1.0)


def _calls(node):
    function = node.func
    name = getattr(function, "attr", getattr(function, "id", None))
    if name in _NAMES:
        field = "attr" if isinstance(function, ast.Attribute) else "id"
        yield _with(node, func=_with(function, **{field: _NAMES[name]}))
    if name in _UNWRAPPED:
        is_method = isinstance(function, ast.Attribute) and not node.args
        yield function.value if is_method else node.args[0]
