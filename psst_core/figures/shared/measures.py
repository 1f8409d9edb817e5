"""Which measures a figure can show: by default, those that are one number for each population."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psst_core.attributes import scalar_measures
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.figures.base import Figure
from psst_core.measures.base import SHARED_DIMS
from psst_core.measures.chosen import variables
from psst_core.registry import setting, suggestion

if TYPE_CHECKING:
    import xarray as xr

    from psst_core.sweep.runs import Axis

SHOWN = ("firing_rate", "band_power", "dominant_frequency", "synchrony")


@dataclass
class OfMeasures(Figure):
    """A figure with a panel for each of some measures.

    Attributes:
        usual: the measures that are shown, as far as a sweep has them, where none are named.
        measures: the measures that are shown, by their names in the cube.
    """

    usual: ClassVar[Sequence[str]] = SHOWN
    measures: list[str] | None = setting(None)

    def check(self, config: Config) -> None:
        if self.measures is not None and not self.measures:
            raise PsstError("measures=[]: name one or more")
        for name in self.measures or ():
            check_measure(name, "measures", config)

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return lacking_measures(self.measures or self.usual, config)

    def shown(self, cube: xr.Dataset) -> list[str]:
        """List the measures of a cube that are shown."""
        return [name for name in self.measures or self.usual if name in scalar_measures(cube)]


@dataclass(frozen=True)
class Kind:
    """The measures that a figure can show, by their dimensions beside those of the sweep.

    Attributes:
        wanted: what such a measure is, in words that follow "a measure must be".
        fits: tells by the dimensions whether a measure is one of them.
    """

    wanted: str
    fits: Callable[[Sequence[str]], bool]


def own_dims(dims: Iterable[object]) -> list[str]:
    """List those of a variable's dimensions that belong to its measure alone, such as a frequency."""
    return [str(dim) for dim in dims if dim not in SHARED_DIMS]


def _with(dims: Sequence[str], count: int, *shared: str) -> bool:
    return len(own_dims(dims)) == count and {*dims} - {*own_dims(dims)} == {*shared}


NUMBER = Kind("one number for each population", lambda dims: list(dims) == ["population"])
LINE = Kind(
    "numbers along one dimension of its own, for each population or pair of them",
    lambda dims: _with(dims, 1, "population") or _with(dims, 1, "population", "other"),
)
PAIRS = Kind(
    "numbers along one dimension of its own, for each pair of populations",
    lambda dims: _with(dims, 1, "population", "other"),
)
SURFACE = Kind("numbers over two dimensions of its own, for each population", lambda dims: _with(dims, 2, "population"))


@dataclass
class OfMeasure(Figure):
    """A figure of one measure.

    Attributes:
        kind: the measures that it can show.
        measure: the measure that is shown, by its name in the cube.
    """

    kind: ClassVar[Kind] = NUMBER
    measure: str = "firing_rate"

    def check(self, config: Config) -> None:
        if self.measure != type(self).measure or self.measure in variables(config):
            check_measure(self.measure, "measure", config, self.kind)

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return lacking_measures([self.measure], config)


def check_measure(name: str, option: str, config: Config, kind: Kind = NUMBER) -> None:
    """Raise a PsstError unless a measure of a configuration gives a variable of a kind.

    Args:
        option: the option of a figure that names the variable.
    """
    found = variables(config)
    known = [name for name, (_, dims, _) in found.items() if kind.fits(dims)]
    if name not in found:
        given = f"they give: {', '.join(known)}" if known else "none that are there would do"
        raise PsstError(f"{option}={name}: no measure of analysis.measures gives it{suggestion(name, known)}; {given}")
    if name not in known:
        dims = ", ".join(found[name][1]) or "no dimension"
        such = f", such as: {', '.join(known)}" if known else ""
        raise PsstError(f"{option}={name}: has {dims}, and here a measure must be {kind.wanted}{such}")


def lacking_measures(names: Iterable[str], config: Config) -> str | None:
    """Say that no measure of a configuration gives any of these variables; return None where one does."""
    names, found = list(names), variables(config)
    if any(name in found for name in names):
        return None
    return f"no measure of analysis.measures gives {' or '.join(names)}"
