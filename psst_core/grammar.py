"""The grammar of overrides and axes: Hydra's, with linspace, logspace and loginterval.

`a,b,c`, `choice(a,b)`, `range(start,stop,step)`, `linspace(first,last,count)`, `logspace(first,last,count)`, and for a
group `glob(pattern)` or `glob(pattern,exclude=pattern)`; `interval(low,high)` and `loginterval(low,high)` are sampled.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    RangeSweep,
    Transformer,
)
from hydra.errors import HydraException
from omegaconf import OmegaConf

from psst_core.errors import PsstError
from psst_core.schema import MOST

FORMS = (
    "a comma list, range(start,stop,step), linspace(first,last,count), logspace(first,last,count), choice(a,b), or "
    "interval(low,high) or loginterval(low,high) for a sample"
)
LOG = "log"


@dataclass(frozen=True)
class Interval:
    """Where a sampled axis lies: [low, high], uniform or uniform in the logarithm."""

    low: float
    high: float
    logarithmic: bool


def parse(text: str) -> Override:
    """An override, `key=value`.

    Raises:
        PsstError: for anything else.
    """
    try:
        override: Override = OverridesParser(_functions()).parse_override(text)
    except HydraException as error:
        message, _, of_function = str(error).splitlines()[0].partition(" while evaluating ")
        remedy = f"use {FORMS}" if of_function else "write it as key=value, without spaces"
        raise PsstError(f"override {text!r}: {of_function.partition(': ')[2] or message}; {remedy}") from error
    if override.is_delete() or override.is_add() or override.is_force_add() or override.package:
        raise PsstError(f"override {text!r}: only key=value is supported; write the rest in a file in conf/experiment/")
    return override


def values(override: Override, choices: Sequence[str] = ()) -> list[Any] | Interval:
    """The values of an axis, numbers without the noise of repeated addition, or where they are to be sampled.

    Args:
        choices: of the group that the axis is over, for patterns.
    """
    sweep: Any = override.value()
    text = override.input_line
    if isinstance(sweep, Glob):
        if not (names := sweep.filter(list(choices))):
            raise PsstError(f"axis {text!r}: fits none of {', '.join(choices) or 'its values, as it is no group'}")
        return names
    if getattr(sweep, "shuffle", False):
        raise PsstError(f"axis {text!r}: shuffle would give another order each time; leave it out")
    if isinstance(sweep, IntervalSweep):
        return _interval(sweep, text)
    if isinstance(sweep, RangeSweep):
        _check_range(sweep, text)
    try:
        found: list[Any] = list(override.sweep_iterator(transformer=Transformer.identity))
    except (HydraException, TypeError, ValueError, AssertionError) as error:
        raise PsstError(f"axis {text!r}: not supported as an axis ({error}); use {FORMS}") from error
    if isinstance(sweep, RangeSweep):
        found = [float(f"{value:.12g}") if isinstance(value, float) else value for value in found]
    return [_text(value) for value in found]


def axis_values(key: str, text: Any, choices: Sequence[str] = ()) -> list[Any] | Interval:
    """The values of an axis in a file: a list, one number, or text in this grammar."""
    if OmegaConf.is_list(text):
        return list(text)
    if text is None or text == "":
        return []
    override = parse(f"{key}={text}")
    return values(override, choices) if override.is_sweep_override() else [_text(override.value())]


def _functions() -> Any:
    functions = create_functions()
    functions.register(name="linspace", func=_linspace)
    functions.register(name="logspace", func=_logspace)
    functions.register(name="loginterval", func=_loginterval)
    return functions


def _loginterval(low: int | float, high: int | float) -> IntervalSweep:
    return IntervalSweep(start=float(low), end=float(high), tags={LOG})


def _interval(sweep: IntervalSweep, text: str | None) -> Interval:
    low, high = float(sweep.start or 0), float(sweep.end or 0)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise PsstError(f"axis {text!r}: both ends must be finite numbers, the first below the second")
    if sweep.tags - {LOG}:
        raise PsstError(f"axis {text!r}: no tag but {LOG} means anything here; use interval or loginterval")
    if LOG in sweep.tags and low <= 0:
        raise PsstError(f"axis {text!r}: on a logarithmic interval both ends must be above 0")
    return Interval(low, high, LOG in sweep.tags)


def _linspace(first: int | float, last: int | float, count: int) -> ChoiceSweep:
    return _spaced(np.linspace, first, last, count)


def _logspace(first: int | float, last: int | float, count: int) -> ChoiceSweep:
    if not first * last > 0:
        raise HydraException(f"logspace({first},{last},{count}): both ends must be above 0, or both below")
    return _spaced(np.geomspace, first, last, count)


def _spaced(space: Callable[..., Any], first: float, last: float, count: int) -> ChoiceSweep:
    """So many numbers from the first to the last; whole ones where the ends and all between are."""
    if not 1 <= count <= MOST or not math.isfinite(first) or not math.isfinite(last):
        raise HydraException(f"({first},{last},{count}): the ends must be finite, the count between 1 and {MOST:,}")
    numbers = [float(f"{number:.12g}") for number in space(first, last, count)]
    if isinstance(first, int) and isinstance(last, int) and all(number.is_integer() for number in numbers):
        return ChoiceSweep(list=[int(number) for number in numbers])
    return ChoiceSweep(list=list(numbers))


def _check_range(sweep: RangeSweep, text: str | None) -> None:
    """Refuse a range that would not end or be absurdly long, before its values are counted out."""
    start, stop, step = float(sweep.start or 0), float(sweep.stop or 0), float(sweep.step)
    if not all(map(math.isfinite, (start, stop, step))) or step == 0:
        raise PsstError(f"axis {text!r}: start, stop and step must be finite numbers, and the step not 0")
    if (stop - start) / step > MOST:
        raise PsstError(f"axis {text!r}: has {(stop - start) / step:.3g} values; at most {MOST:,} are planned at once")


def _text(value: Any) -> Any:
    return value.text if hasattr(value, "text") else value
