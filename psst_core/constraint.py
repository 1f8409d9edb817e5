"""Constraints of a sweep: comparisons of its axes, such as `network.ach > network.gaba`.

Names are axes, words are values of axes, and there are numbers, + - * / %, comparisons, and, or, not and brackets. A
text is parsed, never executed.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from psst_core.errors import PsstError
from psst_core.registry import suggestion

Array = npt.NDArray[Any]
LONGEST = 1000
ARITHMETIC: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
ORDER: dict[type, Callable[..., Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
EQUALITY: dict[type, Callable[..., Any]] = {ast.Eq: operator.eq, ast.NotEq: operator.ne}
LOGIC: dict[type, Callable[..., Any]] = {ast.And: np.logical_and, ast.Or: np.logical_or, ast.Not: np.logical_not}


def holds(text: str, columns: Mapping[str, Array]) -> Array:
    """Where a constraint holds, [point].

    Args:
        columns: by key and by name, the values of each axis, [point]: numbers, or words as objects.

    Raises:
        PsstError: naming the constraint and the part of it that means nothing.
    """
    if len(text) > LONGEST:
        raise PsstError(f"sweep.where: a constraint has {len(text):,} characters; at most {LONGEST:,} are read")
    try:
        found = _Reader(text, columns).read(ast.parse(text.strip(), mode="eval").body)
    except PsstError:
        raise
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise PsstError(f"sweep.where={text}: cannot be read; write comparisons such as network.gaba<0.5") from error
    if np.asarray(found).dtype != bool:
        raise PsstError(f"sweep.where={text}: is no comparison; write one such as network.gaba<0.5")
    length = len(next(iter(columns.values()), ()))
    return np.broadcast_to(found, length)


class _Reader:
    """Walks the syntax tree of one constraint."""

    def __init__(self, text: str, columns: Mapping[str, Array]) -> None:
        self.text, self.columns = text, columns
        texts = (column for column in columns.values() if column.dtype == object)
        self.words = {str(value) for column in texts for value in np.unique(column.astype(str))}

    def read(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | None):
                pass
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Constant(value=str() as word):
                return word
            case ast.Name() | ast.Attribute():
                return self.name(ast.unparse(node))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return np.logical_not(self.truth(operand))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in ARITHMETIC:
                return ARITHMETIC[type(op)](self.number(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                with np.errstate(all="ignore"):
                    return ARITHMETIC[type(op)](self.number(left), self.number(right))
            case ast.BoolOp(op=op, values=[first, *others]):
                result = self.truth(first)
                for other in others:
                    result = LOGIC[type(op)](result, self.truth(other))
                return result
            case ast.Compare(left=left, ops=ops, comparators=rights):
                sides, result = [left, *rights], np.True_
                for one, comparison, other in zip(sides, ops, rights, strict=False):
                    result = result & self.compare(one, comparison, other)
                return result
        raise PsstError(
            f"sweep.where={self.text}: {ast.unparse(node)} is not supported; there are names of axes, numbers, + - * / "
            "%, comparisons, and, or, not and brackets"
        )

    def name(self, name: str) -> Any:
        if name in self.columns:
            return self.columns[name]
        if name in self.words:
            return name
        known = [*self.columns, *sorted(self.words)]
        raise PsstError(
            f"sweep.where={self.text}: {name} is no axis{suggestion(name, known)}; there are: {', '.join(known)}"
        )

    def compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Any:
        if type(op) in ORDER:
            with np.errstate(all="ignore"):
                return ORDER[type(op)](self.number(left), self.number(right))
        if type(op) not in EQUALITY:
            raise PsstError(f"sweep.where={self.text}: compare by <, <=, >, >=, == or !=")
        one, other = self.read(left), self.read(right)
        if _is_word(one) != _is_word(other):
            raise PsstError(f"sweep.where={self.text}: compares a word with a number")
        return EQUALITY[type(op)](one, other)

    def number(self, node: ast.expr) -> Any:
        """Of a part that must be one."""
        value = self.read(node)
        if _is_word(value) or np.asarray(value).dtype == bool:
            raise PsstError(f"sweep.where={self.text}: {ast.unparse(node)} is no number")
        return value

    def truth(self, node: ast.expr) -> Any:
        value = self.read(node)
        if np.asarray(value).dtype != bool:
            raise PsstError(f"sweep.where={self.text}: {ast.unparse(node)} is no comparison")
        return value


def _is_word(value: Any) -> bool:
    return isinstance(value, str) or np.asarray(value).dtype == object
