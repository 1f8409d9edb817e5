"""Which measures a figure can show: those that are one number for each population."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psst_core.attributes import scalar_measures
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.figures.base import Figure
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


def check_measure(name: str, option: str, config: Config) -> None:
    """Raise a PsstError unless a measure of a configuration gives a variable that is one number for each population.

    Args:
        option: the option of a figure that names the variable.
    """
    found = variables(config)
    known = [name for name, (_, dims, _) in found.items() if dims == ["population"]]
    if name not in found:
        raise PsstError(
            f"{option}={name}: no measure of analysis.measures gives it{suggestion(name, known)}; they give: "
            f"{', '.join(known)}"
        )
    if name not in known:
        dims = ", ".join(found[name][1]) or "no dimension"
        raise PsstError(
            f"{option}={name}: has {dims}, and here a measure must be one number for each population, such as: "
            f"{', '.join(known)}"
        )


def lacking_measures(names: Iterable[str], config: Config) -> str | None:
    """Say that no measure of a configuration gives any of these variables; return None where one does."""
    names, found = list(names), variables(config)
    if any(name in found for name in names):
        return None
    return f"no measure of analysis.measures gives {' or '.join(names)}"
