"""Constraints of a sweep: comparisons of its axes, such as `network.ach > network.gaba`.

A constraint holds names of axes, words that are values of axes, numbers, + - * / %, comparisons, and, or, not and
brackets. Its text is parsed, never executed. Numbers are the decimal ones that were written: 0.1 + 0.2 is 0.3. They
are compared as doubles with a bound on the error, and as fractions where that does not decide.
"""

import ast
import functools
import itertools
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from psst_core.arrays import Array
from psst_core.errors import PsstError
from psst_core.registry import suggestion
from psst_core.written import exact, shown

LONGEST = 1000
ROUNDING = 2.0**-51  # above the relative error of an operation on doubles
LEAST = 1e-300  # above its absolute error
Exact = Callable[[Array], list[Fraction]]
ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@dataclass(frozen=True)
class _Number:
    """A number at each point, [point] or [].

    Attributes:
        near, error: a double, and how far it may be from the number.
        undefined: where there is no number, as something is divided by 0.
        exact: returns the exact numbers at the points of some places.
    """

    near: Array
    error: Array
    undefined: Array
    exact: Exact


@dataclass(frozen=True)
class _Truth:
    """The truth of something at each point, [point] or [].

    Attributes:
        holds: whether it is true.
        undefined: where it is neither true nor false.
    """

    holds: Array
    undefined: Array


@dataclass(frozen=True)
class _Word:
    """A word at each point, [point], or one word for all."""

    value: Any


def _constant(value: Fraction) -> _Number:
    near = np.array(float(value))
    return _Number(near, _bound(near), np.array(False), lambda at: [value] * len(at))


def _column(values: Array) -> _Number:
    near = values.astype(float)
    kept: dict[Any, Fraction] = {}

    def exactly(at: Array) -> list[Fraction]:
        found = values[at].tolist()
        for value in set(found) - kept.keys():
            kept[value] = exact(value)
        return [kept[value] for value in found]

    return _Number(near, _bound(near), np.zeros(len(values), bool), exactly)


def _bound(near: Array) -> Array:
    return np.abs(near) * ROUNDING + LEAST


def _calculated(op: type, one: _Number, other: _Number, length: int) -> _Number:
    """Apply an arithmetic operation to two numbers, with a bound on the error and the places where it divides by 0."""
    function = ARITHMETIC[op]
    undefined = one.undefined | other.undefined
    if op in (ast.Div, ast.Mod):
        undefined = undefined | _is_zero(other, undefined, length)
    a, b = np.abs(one.near), np.abs(other.near)
    with np.errstate(all="ignore"):
        near = function(one.near, other.near)
        if op in (ast.Add, ast.Sub):
            error = one.error + other.error
        elif op is ast.Mult:
            error = a * other.error + b * one.error + one.error * other.error
        else:
            quotient = one.near / other.near
            error = (one.error + np.abs(quotient) * other.error) / (b - other.error)
            error = np.where(b > 2 * other.error, error + _bound(quotient), np.inf)
            if op is ast.Mod:
                jumps = np.abs(quotient - np.round(quotient)) <= 2 * error
                error = np.where(jumps, np.inf, one.error + (np.abs(quotient) + 1) * other.error + _bound(a))
        error = error + _bound(near)

    def exactly(at: Array) -> list[Fraction]:
        return [function(x, y) for x, y in zip(one.exact(at), other.exact(at), strict=True)]

    return _Number(near, error, undefined, exactly)


def _is_zero(number: _Number, undefined: Array, length: int) -> Array:
    """Find the points at which a number is exactly 0, [point]."""
    zero = np.zeros(length, bool)
    at = np.flatnonzero(np.broadcast_to(~(np.abs(number.near) > number.error) & ~undefined, length))
    zero[at] = [value == 0 for value in number.exact(at)]
    return zero


def _compared(op: type, one: _Number, other: _Number, length: int) -> _Truth:
    """Compare two numbers at each point. Where doubles are too close, fractions decide."""
    undefined = np.broadcast_to(one.undefined | other.undefined, length)
    with np.errstate(all="ignore"):
        apart = np.abs(one.near - other.near) > 2 * (one.error + other.error)
        found = np.broadcast_to(COMPARISONS[op](one.near, other.near), length).copy()
    at = np.flatnonzero(~np.broadcast_to(apart, length) & ~undefined)
    found[at] = [COMPARISONS[op](x, y) for x, y in zip(one.exact(at), other.exact(at), strict=True)]
    return _Truth(found, undefined)


def holds(text: str, columns: Mapping[str, Array]) -> Array:
    """Tell at which points a constraint holds, [point].

    Args:
        columns: by key and by name, the values of each axis, [point]: numbers, or words as objects.

    Raises:
        PsstError: naming the constraint and the part of it that means nothing.
    """
    if len(text) > LONGEST:
        raise PsstError(f"sweep.where: a constraint has {len(text):,} characters; at most {LONGEST:,} are read")
    try:
        reader = _Reader(text, columns)
        found = reader.truth(ast.parse(text.strip(), mode="eval").body)
    except PsstError:
        raise
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise PsstError(f"sweep.where={text}: cannot be read; write comparisons such as network.gaba<0.5") from error
    if (at := np.flatnonzero(found.undefined)).size:
        point = ", ".join(f"{name}={shown(columns[name][at[0]])}" for name in reader.used)
        guard = "and".join([*(f"({divisor}!=0)" for divisor in dict.fromkeys(reader.divisors)), f"({text.strip()})"])
        raise PsstError(f"sweep.where={text}: divides by 0 at {point}; leave such points out by sweep.where={guard}")
    return np.broadcast_to(found.holds, reader.length)


class _Reader:
    """A reader of the syntax tree of one constraint.

    Attributes:
        used: the axes that the constraint names.
        divisors: the texts of what it divides by.
    """

    def __init__(self, text: str, columns: Mapping[str, Array]) -> None:
        self.text, self.columns = text, columns
        self.length = len(next(iter(columns.values()), ()))
        texts = (column for column in columns.values() if not is_numeric(column))
        self.words = {word for column in texts for word in map(shown, set(column.tolist()))}
        self.used: list[str] = []
        self.divisors: list[str] = []

    def read(self, node: ast.expr) -> _Number | _Truth | _Word:  # noqa: C901, PLR0911  (a case for each kind of node)
        match node:
            case ast.Constant(value=bool() | None):
                pass
            case ast.Constant(value=int() | float()):
                return _constant(self.literal(node))
            case ast.Constant(value=str() as word):
                return _Word(word)
            case ast.Name() | ast.Attribute():
                return self.name(ast.unparse(node))
            case ast.List():
                return self.list(node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                truth = self.truth(operand)
                return _Truth(~truth.holds, truth.undefined)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number(operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _calculated(ast.Sub, _constant(Fraction(0)), self.number(operand), self.length)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                if isinstance(op, ast.Div | ast.Mod):
                    self.divisors.append(ast.unparse(right).replace(" ", ""))
                return _calculated(type(op), self.number(left), self.number(right), self.length)
            case ast.BoolOp(op=op, values=values):
                join = functools.partial(_joined, isinstance(op, ast.And))
                return functools.reduce(join, map(self.truth, values))
            case ast.Compare(left=left, ops=ops, comparators=rights):
                pairs = zip([left, *rights], ops, rights, strict=False)  # a < b < c is a < b and b < c
                return functools.reduce(functools.partial(_joined, True), itertools.starmap(self.compare, pairs))
        raise PsstError(
            f"sweep.where={self.text}: {ast.unparse(node)} is not supported; there are names of axes, numbers, + - * / "
            "%, comparisons, and, or, not and brackets"
        )

    def literal(self, node: ast.expr) -> Fraction:
        """Return a number exactly as it is written."""
        try:
            return exact(ast.get_source_segment(self.text.strip(), node) or "")
        except PsstError as error:
            raise PsstError(f"sweep.where={self.text}: {error}") from error

    def name(self, name: str) -> _Number | _Word:
        if name in self.columns:
            self.used.append(name)
            column = self.columns[name]
            return _column(column) if is_numeric(column) else _Word(np.array([shown(value) for value in column]))
        if name in self.words:
            return _Word(name)
        known = [*self.columns, *sorted(self.words)]
        raise PsstError(
            f"sweep.where={self.text}: {name} is no axis{suggestion(name, known)}; there are: {', '.join(known)}"
        )

    def list(self, node: ast.List) -> _Word:
        """Return the word for a list. A list that is a value of an axis stands among the words as its text."""
        text = re.sub(r"\s", "", ast.get_source_segment(self.text.strip(), node) or "")
        if text in self.words:
            return _Word(text)
        known = [word for word in sorted(self.words) if word.startswith("[")]
        raise PsstError(
            f"sweep.where={self.text}: {text} is no value of an axis; the lists among them are: "
            f"{', '.join(known) or 'none'}"
        )

    def compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> _Truth:
        if type(op) not in COMPARISONS:
            raise PsstError(f"sweep.where={self.text}: compare by <, <=, >, >=, == or !=")
        if isinstance(op, ast.Eq | ast.NotEq):
            one, other = self.read(left), self.read(right)
            if isinstance(one, _Word) != isinstance(other, _Word):
                raise PsstError(
                    f"sweep.where={self.text}: compares a word with a number; write quotes around a word that looks "
                    "like a number, in a sweep file"
                )
            if isinstance(one, _Word) and isinstance(other, _Word):
                return _Truth(np.asarray(COMPARISONS[type(op)](one.value, other.value)), np.array(False))
        return _compared(type(op), self.number(left), self.number(right), self.length)

    def number(self, node: ast.expr) -> _Number:
        """Read a part that must be a number."""
        value = self.read(node)
        if not isinstance(value, _Number):
            raise PsstError(f"sweep.where={self.text}: {ast.unparse(node)} is no number")
        return value

    def truth(self, node: ast.expr) -> _Truth:
        value = self.read(node)
        if not isinstance(value, _Truth):
            raise PsstError(f"sweep.where={self.text}: {ast.unparse(node)} is no comparison; write one such as x<0.5")
        return value


def _joined(both: bool, one: _Truth, other: _Truth) -> _Truth:
    """Join two truths by `and` (`both`) or by `or`. Where one side is undefined, the other may decide alone."""
    decides = [(~side.holds if both else side.holds) & ~side.undefined for side in (one, other)]
    holds = (one.holds & other.holds) if both else (one.holds | other.holds)
    undefined = (one.undefined | other.undefined) & ~(decides[0] | decides[1])
    return _Truth(np.where(decides[0] | decides[1], not both, holds), undefined)


def is_numeric(column: Array) -> bool:
    """Return whether a column holds numbers: of NumPy's own types, or as objects where they are too large for these."""
    if column.dtype != object:
        return column.dtype.kind in "iuf"
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in column.tolist())
