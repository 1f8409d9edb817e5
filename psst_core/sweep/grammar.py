"""The grammar of overrides and axes: Hydra's, with PSST's own functions, which are exact in decimal.

`a,b,c`, `choice(a,b)`, `range(start,stop,step)`, `linspace(first,last,count)`, `logspace(first,last,count)`, and for a
group `glob(pattern)` or `glob(pattern,exclude=pattern)`; `sort(…)` and `sort(…,reverse=true)` of any of these;
`interval(low,high)` and `loginterval(low,high)` are sampled.
"""

import inspect
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fnmatch import fnmatchcase
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from hydra.core.override_parser.overrides_visitor import HydraErrorListener, HydraOverrideVisitor
from hydra.core.override_parser.types import OverrideType, QuotedString
from hydra.errors import HydraException
from hydra.grammar.gen.OverrideLexer import CommonTokenStream, InputStream, OverrideLexer  # type: ignore[attr-defined]
from hydra.grammar.gen.OverrideParser import OverrideParser
from omegaconf import OmegaConf

from psst_core.config.schema import text_keys
from psst_core.configuration import MOST
from psst_core.errors import PsstError
from psst_core.registry import suggestion
from psst_core.written import Plain, exact, number, scalar, shown

SIGNATURES = {
    "choice": "choice(a,b,…)",
    "range": "range(start,stop,step)",
    "linspace": "linspace(first,last,count)",
    "logspace": "logspace(first,last,count)",
    "interval": "interval(low,high)",
    "loginterval": "loginterval(low,high)",
    "glob": "glob(pattern) or glob(pattern,exclude=pattern), with quotes in a shell",
    "sort": "sort(a,b,…), sort(range(0,3)) or sort(a,b,reverse=true)",
}
FORMS = (
    "a comma list, range(start,stop,step), linspace(first,last,count), logspace(first,last,count), choice(a,b), or "
    "interval(low,high) or loginterval(low,high) for a sample"
)
WRITE = "write it as key=value, without spaces"
DIGITS = 60  # with which logspace calculates
NONE: Mapping[str, Sequence[str]] = MappingProxyType({})
RUNS = "recorder.runs."
CAST = ("int", "float", "str", "bool", "tag")


@dataclass(frozen=True)
class Interval:
    """The interval [low, high] of a sampled axis, uniform or uniform in the logarithm."""

    low: float
    high: float
    logarithmic: bool


@dataclass(frozen=True)
class Override:
    """A key, and what it is set to.

    Attributes:
        value: one value, the list of an axis's values, or an interval.
        is_axis: whether `value` is a list of an axis's values or an interval.
    """

    text: str
    key: str
    value: Any
    is_axis: bool


@dataclass(frozen=True)
class _Several:
    """The values of an axis, before they are read."""

    values: list[Any]


def parse(text: str, groups: Mapping[str, Sequence[str]] = NONE) -> Override:
    """Parse an override, `key=value`.

    Args:
        groups: by the key of each group, its choices, which are words even where they look like numbers.

    Raises:
        PsstError: for any other text.
    """
    key = text.partition("=")[0]
    words, choices = _takes_words(key, groups), groups.get(key, ())
    try:
        found = _parse(text, _Visitor(words, choices))
        if not key.strip():
            raise PsstError(_mistake(text))
        if found.package or found.type != OverrideType.CHANGE:
            raise PsstError("only key=value is supported; write the rest in a file in conf/experiment/")
        return Override(
            text, key, _read(found._value, words, key in groups), isinstance(found._value, _Several | Interval)
        )
    except PsstError as error:
        raise PsstError(f"override {text!r}: {error}") from error


def axis_values(key: str, text: Any, groups: Mapping[str, Sequence[str]] = NONE) -> list[Any] | Interval:
    """Read the values of an axis in a file: a list, one number, or text in this grammar."""
    words = _takes_words(key, groups)
    if OmegaConf.is_list(text) or isinstance(text, list):
        try:
            return [_read(_plain(value), words, key in groups) for value in text]
        except PsstError as error:
            raise PsstError(f"axis {key}: {error}") from error
    if text is None or text == "":
        return []
    override = parse(f"{key}={text}", groups)
    return override.value if override.is_axis else [override.value]


def _takes_words(key: str, groups: Mapping[str, Sequence[str]]) -> bool:
    """Return whether a value that looks like a number stays a text.

    It does in choices, in keys that take words, and in `recorder.runs`, whose axes are not known yet.
    """
    return key in groups or key in text_keys() or key.startswith(RUNS)


def _plain(value: object) -> Any:
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value, resolve=False)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return Plain(value) if isinstance(value, str) else value


def _read(value: object, words: bool, group: bool) -> Any:
    """Read a parsed value: a text without quotes becomes a word where `words` says so, else a number or a word."""
    if isinstance(value, _Several):
        return [_read(item, words, group) for item in value.values]
    if isinstance(value, list):
        return [_read(item, words, group) for item in value]
    if isinstance(value, dict):
        return {name: _read(item, words, group) for name, item in value.items()}
    if words and not group and isinstance(value, Plain) and value.lower() == "null":
        return None
    if words and isinstance(value, str | int | float):
        return str(value)
    return scalar(value) if isinstance(value, Plain) else value


def _parse(text: str, visitor: "_Visitor") -> Any:
    """Parse an override, and evaluate its syntax tree."""
    lexer = OverrideLexer(InputStream(text))
    parser = OverrideParser(CommonTokenStream(lexer))
    for part in (lexer, parser):
        part.removeErrorListeners()
        part.addErrorListener(_Listener(text))
    try:
        return visitor.visit(parser.override())  # type: ignore[no-untyped-call]
    except RecursionError as error:
        raise PsstError("is nested too deeply") from error
    except HydraException as error:
        raise PsstError(_mistake(text)) from error


class _Listener(HydraErrorListener):
    """A listener to the parser, which raises in PSST's words where a text does not parse."""

    def __init__(self, text: str) -> None:
        self.text = text

    def syntaxError(self, recognizer: Any, symbol: Any, line: int, column: int, message: str, error: Any) -> None:  # noqa: N802
        raise PsstError(_mistake(self.text, column)) from error


def _mistake(text: str, column: int | None = None) -> str:  # noqa: PLR0911  (a return for each mistake)
    """Say what is wrong with a text that does not parse, and what to write."""
    key, equals, value = text.partition("=")
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", value)
    if not equals or not key.strip():
        return f"has no {'value' if key.strip() else 'key'}; {WRITE}"
    if key != key.strip() or re.search(r"[^A-Za-z0-9_.$/@+~-]", key):
        return f"the key {key} holds a character that no key has; {WRITE}"
    if any(bare.count(left) != bare.count(right) for left, right in ("()", "[]", "{}")):
        return "its brackets do not match"
    if "'" in bare or '"' in bare:
        return "its quotes do not match"
    if re.search(r"^,|,$|,,|[(\[{],|,[)\]}]", bare.replace(" ", "")):
        return "a value is missing beside a comma; write one, or leave out the comma"
    if strange := re.search(r"[^\w\s,()\[\]{}:=/\-\\+.$%*@?|]", bare, re.ASCII):
        return f"the character {strange[0]!r} means nothing here; separate values by commas, and {WRITE}"
    if "=" in bare:
        return f"holds another =; {WRITE}, one override at a time"
    at = f" at {text[column:]!r}" if column is not None and text[column:] else ""
    return f"cannot be read{at}; {WRITE}; for an axis use {FORMS}"


class _Visitor(HydraOverrideVisitor):
    """An evaluator of a syntax tree.

    A text without quotes becomes `Plain`. Functions have the meaning of this module.
    """

    def __init__(self, words: bool, choices: Sequence[str]) -> None:
        self.words, self.choices = words, choices

    def visitSimpleChoiceSweep(self, ctx: Any) -> Any:  # noqa: N802
        return _choice(*(self.visitElement(element) for element in ctx.element()))

    def visitFunction(self, ctx: Any) -> Any:  # noqa: N802
        name, given = ctx.ID().getText(), [self.visitElement(element) for element in ctx.element()]
        names = [argument.ID().getText() for argument in ctx.argName()]
        first = len(given) - len(names)
        positional, named = given[:first], dict(zip(names, given[first:], strict=True))
        if name == "shuffle":
            raise PsstError("shuffle would give another order each time; leave it out")
        if name in CAST:
            raise PsstError(f"{name}(…) is not needed; each key knows its own type, write the value itself")
        if name not in SIGNATURES:
            raise PsstError(f"{name}(…): no such function{suggestion(name, SIGNATURES)}; use {FORMS}")
        function = getattr(self, f"_{name}", None) or FUNCTIONS[name]
        if any(isinstance(item, Interval) for item in given):
            raise PsstError(f"{name}(…) of an interval means nothing; an interval is an axis by itself")
        try:
            inspect.signature(function).bind(*positional, **named)
        except TypeError as error:
            raise PsstError(f"{ctx.getText()}: write {SIGNATURES[name]}") from error
        try:
            return function(*positional, **named)
        except PsstError as error:
            raise PsstError(f"{ctx.getText()}: {error}; use {FORMS}") from error

    def _glob(self, include: Any, exclude: Any = ()) -> _Several:
        def matches(name: str, patterns: Any) -> bool:
            return any(fnmatchcase(name, one) for one in ([patterns] if isinstance(patterns, str) else patterns))

        found = [name for name in self.choices if matches(name, include) and not matches(name, exclude)]
        if not found:
            raise PsstError(f"fits none of {', '.join(self.choices) or 'its values, as it is no group'}")
        return _Several([Plain(name) for name in found])

    def _sort(self, *given: object, reverse: object = "false") -> Any:
        if str(reverse).lower() not in ("true", "false"):
            raise PsstError(f"reverse={reverse} is neither true nor false")
        backwards = str(reverse).lower() == "true"
        if len(given) == 1 and isinstance(given[0], list):
            return self._in_order(given[0], backwards)
        return _Several(self._in_order(_choice(*given).values, backwards))

    def _in_order(self, items: list[Any], backwards: bool) -> list[Any]:
        if any(isinstance(item, list | dict) for item in items):
            raise PsstError("sorts numbers or words, no lists")
        numeric = [not self.words and _is_number(item) for item in items]
        if any(numeric) and not all(numeric):
            raise PsstError("sorts numbers or words, not both together")
        return sorted(items, key=exact if all(numeric) else str, reverse=backwards)

    def _createPrimitive(self, ctx: Any) -> Any:  # noqa: N802
        """Return a text: without quotes as it stands, but without spaces around it and backslashes."""
        parts = [part.symbol for part in ctx.getChildren()]
        if len(parts) == 1 and parts[0].type == OverrideLexer.QUOTED_VALUE:
            made = super()._createPrimitive(ctx)
            return made.text if isinstance(made, QuotedString) else made
        text = "".join(part.text[1::2] if part.type == OverrideLexer.ESC else part.text for part in parts)
        return Plain(text.strip(" \t"))


def _is_number(item: object) -> bool:
    if isinstance(item, str):
        return isinstance(item, Plain) and number(item) is not None
    return isinstance(item, int | float)


def _choice(*items: object) -> _Several:
    """Return all items in a row. An item that is several values itself is replaced by these."""
    if not items:
        raise PsstError("has no values")
    return _Several([value for item in items for value in (item.values if isinstance(item, _Several) else [item])])


def _whole(*texts: Any) -> bool:
    return all(isinstance(number(text), int) for text in texts)


def _range(start: object, stop: object = None, step: object = "1") -> _Several:
    """Return start, start + step, … below the stop, or above it with a negative step; exact in decimal."""
    start, stop = ("0", start) if stop is None else (start, stop)
    first, last, by = _numbers(start, stop, step)
    if by == 0:
        raise PsstError("start, stop and step must be finite numbers, and the step not 0")
    count = max(0, math.ceil((last - first) / by))
    if count > MOST:
        raise PsstError(f"has {count:.3g} values; at most {MOST:,} are planned at once")
    return _Several(_steps(first, by, count, _whole(start, stop, step)))


def _linspace(first: object, last: object, count: object) -> _Several:
    """Return `count` numbers at equal distances, with both ends; whole ones where the ends and all between them are."""
    (low, high), number_of = _numbers(first, last), _count(count, first, last)
    by = (high - low) / (number_of - 1) if number_of > 1 else Fraction(0)
    return _Several(_steps(low, by, number_of, _whole(first, last) and by.denominator == 1))


def _logspace(first: object, last: object, count: object) -> _Several:
    """Return `count` numbers at equal ratios, with both ends: the closest doubles, or whole ones if all are whole."""
    (low, high), number_of = _numbers(first, last), _count(count, first, last)
    if not low * high > 0:
        raise PsstError("both ends must be above 0, or both below")
    with localcontext(prec=DIGITS):
        start, end = (Decimal(end.numerator) / Decimal(end.denominator) for end in (low, high))
        ratio = ((end / start).ln() / max(1, number_of - 1)).exp()
        values = list(itertools.accumulate(range(number_of - 1), lambda value, _: value * ratio, initial=start))
        nearest = [value.to_integral_value() for value in values]
        far = [abs(value - near) / abs(value) for value, near in zip(values, nearest, strict=True)]
    whole = max(far) < Decimal(10) ** -(DIGITS // 2)
    ends = {0: low, number_of - 1: high}
    if whole and _whole(first, last):
        return _Several([int(near) for near in nearest])
    return _Several([float(ends.get(place, value)) for place, value in enumerate(values)])


def _interval(low: object, high: object) -> Interval:
    return _between(low, high, False)


def _loginterval(low: object, high: object) -> Interval:
    return _between(low, high, True)


def _between(low: object, high: object, logarithmic: bool) -> Interval:
    first, last = _numbers(low, high)
    if first >= last:
        raise PsstError("both ends must be finite numbers, the first below the second")
    if logarithmic and first <= 0:
        raise PsstError("both ends must be above 0")
    return Interval(scalar(str(low)), scalar(str(high)), logarithmic)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "choice": _choice,
    "range": _range,
    "linspace": _linspace,
    "logspace": _logspace,
    "interval": _interval,
    "loginterval": _loginterval,
}


def _numbers(*given: Any) -> list[Fraction]:
    """Return the arguments of a function, exact."""
    for value in given:
        if isinstance(value, _Several | list | dict):
            raise PsstError(f"{shown(getattr(value, 'values', value))} is several values where one number belongs")
    return [exact(value) for value in given]


def _count(count: Any, first: Any, last: Any) -> int:
    (found,) = _numbers(count)
    if found.denominator != 1 or not 1 <= found <= MOST:
        raise PsstError(f"the count must be a whole number between 1 and {MOST:,}")
    if found == 1 and exact(first) != exact(last):
        raise PsstError("one value cannot be both ends; write a count of 2 or more, or the value itself")
    return int(found)


def _steps(first: Fraction, by: Fraction, count: int, whole: bool) -> list[Any]:
    """Return first + i·by for 0 <= i < count: exact whole numbers, or the closest doubles."""
    below = math.lcm(first.denominator, by.denominator)
    start, step = int(first * below), int(by * below)
    if whole:
        return [start + i * step for i in range(count)]
    return [(start + i * step) / below for i in range(count)]
