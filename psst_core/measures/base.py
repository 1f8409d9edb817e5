"""The base class of measures, and the variables that they give."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.attributes import file_units
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.registry import base, shared

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Num

    from psst_core.measures.recordings import Recordings, RunData

ROUNDING = 1e-9  # of a time: what may be missing where it must fit
MOST = 1_000_000  # bins of a window
SHARED_DIMS = ("population", "other", "cell")  # every other dimension belongs to the measure that gives it


@dataclass(frozen=True)
class Variable:
    """A variable that a measure gives for each run.

    Attributes:
        long_name: what figures and tables call it.
        unit: as in files, such as Hz.
        dims: its dimensions beside those of the sweep. `population`, `other` (a second population) and `cell` (counted
            through all populations) are known; the measure gives the coordinates of every other one.
        low, high: its range. A number outside is an error.
        comment, references: more words for its file; the DOI of the source.
        more: more attributes.
    """

    long_name: str
    unit: str = "1"
    dims: tuple[str, ...] = ("population",)
    low: float = -math.inf
    high: float = math.inf
    comment: str = ""
    references: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes in files."""
        found: dict[str, Any] = {"long_name": self.long_name, "units": file_units(self.unit)}
        found |= {name: text for name in ("comment", "references") if (text := getattr(self, name))}
        if math.isfinite(self.low) or math.isfinite(self.high):
            found["range"] = [self.low, self.high]
        return found | dict(self.more)


@dataclass(frozen=True)
class Dimension:
    """A dimension that belongs to a measure, such as frequency: its coordinate."""

    values: Array
    long_name: str
    unit: str = "1"

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes in files."""
        return {"long_name": self.long_name, "units": file_units(self.unit)}


@base("measure")
@dataclass
class Measure:
    """A measure of recorded runs. Its fields are its parameters, which `analysis.measures` may set.

    A subclass names its `variables`, and has one of three methods. Each gives an array or a number for each variable,
    by its name, or the value alone where there is one variable. NaN says that a variable means nothing there.

    - `of_population` measures one population in one run;
    - `of_run` measures one run;
    - `of_runs` measures many runs at once.

    Attributes:
        window: the stretch of time that is measured, ms: what happens after its begin and no later than its end.
            Where it ends after the run, every variable is NaN.
    """

    variables: ClassVar[Mapping[str, Variable]] = {}
    window: list[float] | None = shared("recorder.window", "ms")

    def check(self, config: Config) -> None:
        """Raise a PsstError where this configuration leaves the measure without a meaning."""

    def check_fits(self, name: str, times: int = 1) -> None:
        """Raise a PsstError unless the time that a parameter gives fits into the window, or so many times."""
        (begin, end), length = self.span, getattr(self, name)
        if length and (end - begin) / length > MOST:
            raise PsstError(f"{name}={length:g} ms: is more than {MOST:,} times in the window, {end - begin:g} ms")
        if length is not None and times * length > (end - begin) * (1 + ROUNDING):
            often = "" if times == 1 else f" {times} times"
            raise PsstError(f"{name}={length:g} ms: must fit{often} into the window from {begin:g} to {end:g} ms")

    def described(self, interval: float) -> Mapping[str, Variable]:
        """Return its variables, with what its parameters say of them.

        Args:
            interval: between two samples, ms.
        """
        return self.variables

    def coordinates(self, recordings: Recordings) -> dict[str, Dimension]:
        """Return the coordinates of its own dimensions, by their names. They must not differ between runs."""
        return {}

    @property
    def span(self) -> tuple[float, float]:
        """The begin and the end of the window, ms."""
        assert self.window is not None
        return self.window[0], self.window[1]

    def of_population(self, run: RunData, population: str) -> Mapping[str, Any] | float:
        """Return each variable for one population of a run, without its dimension `population`."""
        raise NotImplementedError

    def of_run(self, run: RunData) -> Mapping[str, Any] | float | Array:
        """Return each variable for a run."""
        found = [self.named(self.of_population(run, name)) for name in run.populations]
        return {name: np.array([part[name] for part in found]) for name in self.variables}

    def of_runs(self, recordings: Recordings) -> Mapping[str, Array]:
        """Return each variable for some runs, [run, …]. Runs that are not ok may have any values."""
        nothing: dict[str, Any] | None = None
        found: list[Mapping[str, Any] | None] = []
        for number, ok in enumerate(recordings.ok):
            found.append(self.named(self.of_run(recordings.run(number))) if ok else None)
            if nothing is None and found[-1] is not None:
                nothing = {name: np.full(np.shape(value), np.nan) for name, value in found[-1].items()}
        if nothing is None:
            return {}
        for part, (name, value) in ((part, entry) for part in found if part for entry in nothing.items()):
            if np.shape(part[name]) != value.shape:
                raise PsstError(
                    f"{name}: came with the shapes {list(value.shape)} and {list(np.shape(part[name]))}; a dimension "
                    "has the same length in all runs, fill it with NaN"
                )
        return {name: np.array([(part or nothing)[name] for part in found]) for name in nothing}

    def named(self, found: Any) -> Mapping[str, Any]:
        """Return values by the names of variables; a value alone is that of the only variable.

        Raises:
            PsstError: where names are missing or are no variables.
        """
        wanted = ", ".join(self.variables)
        if found is None:
            raise PsstError(f"variables: came as None; return {wanted}")
        if not isinstance(found, Mapping):
            if len(self.variables) != 1:
                raise PsstError(f"variables: came as {type(found).__name__}; return a dict with {wanted}")
            return {wanted: found}
        if found.keys() != self.variables.keys():
            raise PsstError(f"variables: came {', '.join(map(str, found)) or 'none'}; return {wanted}")
        return found


def ratio(
    numerator: Num[Array, "*groups"], denominator: Num[Array, "*groups"], where: Bool[Array, "*groups"]
) -> Float[Array, "*groups"]:
    """Return numerator/denominator where `where` holds, NaN elsewhere."""
    result: Array = np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=where)
    return result


def whole(length: float, part: float) -> int:
    """Return how often a time fits into another one, in whole numbers."""
    return int(length / part * (1 + ROUNDING))
