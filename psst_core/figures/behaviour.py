"""Behaviour of the network over one or two axes of the sweep: classes, by thresholds on measures."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from psst_core.attributes import REPLICATES
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.figures.base import Figure
from psst_core.figures.shared.measures import check_measure, lacking_measures
from psst_core.figures.shared.style import (
    GREY,
    PAGE,
    ROWS,
    caption,
    empty,
    few_columns,
    grey,
    heat_map,
    hide_unused,
    lacking_axes,
    map_label,
    numeric_names,
    population_name,
    slices,
    unit_of,
    why_missing,
    wrapped,
)
from psst_core.registry import register, setting

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
CONDITION = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")
MOST = 7  # colours that can be told apart
WIDTH = 27
OTHER, OTHER_COLOUR = "other", "0.6"


@register("figure", "behaviour")
@dataclass
class Behaviour(Figure):
    """Behaviour of the network over one or two axes of the sweep: classes, by thresholds on measures.

    Attributes:
        usual: the classes, where none are given.
        classes: names with conditions on measures, such as `silent if firing_rate < 1`; several conditions are joined
            by `and`. The first class whose conditions all hold counts; where none does, the class is `other`.
    """

    caption = """
    What each population does at each point, by thresholds on measures (means over networks and trials): the first class
    in the legend whose conditions hold. A condition on a measure that is undefined there does not hold. Grey: none of
    the measures has a value.
    """
    usual: ClassVar[Sequence[str]] = (
        "silent if firing_rate < 1",
        "oscillating if band_ratio > 3",
        "irregular if isi_cv > 0.5",
    )
    classes: list[str] | None = setting(None)

    def check(self, config: Config) -> None:
        if self.classes is None:
            return
        if not 0 < len(self.classes) <= MOST:
            raise PsstError(f"classes: there are {len(self.classes)}; give 1 to {MOST}")
        for measure in self._measures():
            check_measure(measure, "classes", config)

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        missing = [lacking_measures([name], config) for name in self._measures()]
        return lacking_axes(axes) or next(filter(None, missing), None)

    def draw(self, results: Results) -> Picture:
        """Draw a map for each population, with a legend of the classes that are there."""
        import matplotlib.pyplot as plt
        from matplotlib.colors import BoundaryNorm, ListedColormap
        from matplotlib.patches import Patch

        x, y = _axes(results)
        found, became = self._found(results)
        names = [*self._classes(), OTHER]
        colours = [*(f"C{number}" for number in range(len(names) - 1)), OTHER_COLOUR]
        populations = list(results.config.network.populations)
        rows, columns = few_columns(len(populations))
        height = 0.9 + rows * (1.2 + 0.2 * min(ROWS, found.sizes[y] if y else 1))
        height = max(height, 0.6 + 0.45 * len(names))
        figure, grid = plt.subplots(
            rows, columns, figsize=(min(PAGE, 3.0 + 2.2 * columns), height), sharex=True, sharey=True, squeeze=False
        )
        hide_unused(grid, len(populations))
        look: dict[str, Any] = {"cmap": ListedColormap(colours), "numbers": False}
        for panel, population in zip(grid.flat, populations, strict=False):
            here = found.sel(population=population)
            heat_map(panel, here, x, y, BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names)), **look)
            if np.isnan(here).all():
                empty(panel, why_missing(became), scale=True)
            panel.set_title(population_name(population))
        seen = [number for number in range(len(names)) if (found == number).any()]
        patches = [Patch(color=colours[number], label=self._legend(names[number], results.cube)) for number in seen]
        missing = [Patch(color=GREY, label="no value")] if np.isnan(found).any() else []
        figure.legend(handles=[*patches, *missing], loc="outside right center")
        figure.supxlabel(map_label(found[x]), size=8)
        if y:
            figure.supylabel(map_label(found[y]), size=8)
        shown = [name for name in (x, y) if name]
        figure.suptitle(caption(results, shown, "mean") + grey(became, found), size=8)
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each population and each point of the map: the values of its axes, and the class."""
        found, _ = self._found(results)
        shown = [name for name in _axes(results) if name]
        names = np.array([*self._classes(), OTHER, ""], dtype=object)
        rows = (
            found.transpose("population", *shown)
            .rename("behaviour")
            .to_dataframe()
            .reset_index()[["population", *shown, "behaviour"]]
        )
        return rows.assign(behaviour=names[rows["behaviour"].fillna(-1).astype(int)])

    def _classes(self) -> dict[str, list[Condition]]:
        """Return the conditions of each class, by its name."""
        found: dict[str, list[Condition]] = {}
        for text in self.usual if self.classes is None else self.classes:
            name, conditions = read_class(text)
            if name in found:
                raise PsstError(f"classes: {text}: there is another class {name}; give this one another name")
            found[name] = conditions
        return found

    def _measures(self) -> list[str]:
        """Return the measures that the classes name, each once."""
        return list(dict.fromkeys(condition.measure for found in self._classes().values() for condition in found))

    def _legend(self, name: str, cube: xr.Dataset) -> str:
        words = wrapped(name.replace("_", " "), WIDTH)
        if name not in self._classes():
            return words
        texts = [condition.text(cube) for condition in self._classes()[name]]
        return f"{words}:\n" + "\nand ".join(wrapped(text, WIDTH) for text in texts)

    def _found(self, results: Results) -> tuple[xr.DataArray, xr.DataArray]:
        """Return the number of the class at each point of the map, NaN without a value; and the status of the runs."""
        cube = results.cube.sel(slices(results, [name for name in _axes(results) if name]))
        means = cube[self._measures()].mean(REPLICATES)
        found = xr.full_like(next(iter(means.data_vars.values())), float(len(self._classes())))
        known = means.to_array("measure").count("measure") > 0
        for number, conditions in reversed(list(enumerate(self._classes().values()))):
            holds = xr.ones_like(found, dtype=bool)
            for condition in conditions:
                holds &= condition.holds(means)
            found = found.where(~holds, number)
        return found.where(known), cube["status"]


@dataclass(frozen=True)
class Condition:
    """A comparison of a measure with a threshold."""

    measure: str
    sign: str
    threshold: float

    def holds(self, means: xr.Dataset) -> xr.DataArray:
        """Tell where it holds; it does not where the measure is undefined."""
        found: xr.DataArray = COMPARISONS[self.sign](means[self.measure], self.threshold)
        return found

    def text(self, cube: xr.Dataset) -> str:
        """Write it for people: `firing rate < 1 Hz`."""
        measure = cube[self.measure]
        sign = self.sign.replace("<=", "≤").replace(">=", "≥")
        return f"{measure.attrs.get('long_name', self.measure)} {sign} {self.threshold:g} {unit_of(measure)}".strip()


def read_class(text: str) -> tuple[str, list[Condition]]:
    """Read a class, such as `irregular if firing_rate > 1 and isi_cv >= 0.5`: return its name and its conditions.

    Raises:
        PsstError: for what cannot be read.
    """
    name, _, rest = (part.strip() for part in text.partition(" if "))
    parts = [CONDITION.fullmatch(part) for part in re.split(r"\sand\s", rest)]
    if not name or None in parts:
        raise PsstError(
            f"classes: {text}: write a name, if, and a measure, one of {', '.join(COMPARISONS)} and a number, such as "
            "silent if firing_rate < 1; join several conditions by and"
        )
    if name == OTHER:
        raise PsstError(f"classes: {text}: {OTHER} means where no class holds; give this class another name")
    return name, [Condition(part[1], part[2], float(part[3])) for part in parts if part]


def _axes(results: Results) -> tuple[str, str | None]:
    """Return the two longest axes, or the only one."""
    x, *rest = numeric_names(results)
    return x, rest[0] if rest else None
