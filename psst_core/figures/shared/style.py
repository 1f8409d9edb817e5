"""The shared parts of all figures: widths, labels, and the choice of axes."""

from __future__ import annotations

import functools
import math
import operator
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from psst_core.attributes import REPLICATES, RUN, STATUS
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.measures.recordings import RunData
from psst_core.store.folder import PARTIAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

COLUMN, PAGE = 3.4, 7.0
LINES, LABELS, ROWS, OWN_TICKS, DECADES = 7, 24, 14, 60, 20
MANY = 2000
NO_TRACES = "recorder.variables keeps no traces"
GREY = "0.9"
NAME_WIDTH = 18
DIGITS = (3, 4, 5, 6)
NEAR = 0.01  # of a number: others further away differ from it in three digits
UNITS = {"uA/cm^2": "µA/cm²", "uF/cm^2": "µF/cm²", "(mmol/L)": "mM", "1": ""}
AXES = {
    "network.size": "network size (cells)",
    "network.coupling": "synaptic strength (factor)",
    "network.ach": "ACh strength (factor)",
    "network.gaba": "GABA strength (factor)",
    "run.dt": "step dt (ms)",
    "run.duration": "model time (ms)",
}
VARIABLES = {"theta": "θ (rad)", "omega": "ω"}
MISSING = {  # by the status of a run, why a measure of it is no number
    "ok": "undefined",
    "diverged": "diverged",
    "failed": "failed",
    "not_run": "not yet run",
    "not_planned": "not planned",
}


def label(variable: xr.DataArray) -> str:
    """Return a variable's long name, with its unit in brackets."""
    if variable.attrs.get("key") in AXES:
        return AXES[variable.attrs["key"]]
    unit = unit_of(variable)
    name = str(variable.attrs.get("long_name", variable.name))
    return f"{name} ({unit})" if unit else name


def unit_of(variable: xr.DataArray) -> str:
    """Return a variable's unit as people write it; an empty text where it has none."""
    unit = variable.attrs.get("units", "1")
    return str(UNITS.get(unit, unit)).replace("^2", "²").replace("^3", "³")


def wrapped(text: str, width: int = 20) -> str:
    """Return a text in lines of so many characters, where a label would be too long."""
    return textwrap.fill(text, width)


def heading(variable: xr.DataArray) -> str:
    """Return a variable's label on two lines: the name, then the band and the unit."""
    text = label(variable)
    return text.replace(", ", ",\n") if ", " in text else text.replace(" (", "\n(")


def map_label(axis: xr.DataArray) -> str:
    """Return the label of an axis that shows its values evenly; say so where their distances differ."""
    values = np.asarray(axis.values, dtype=float)
    steps = [np.diff(values)] + ([np.diff(np.log(values))] if (values > 0).all() else [])
    even = len(values) < 3 or any(np.allclose(step, step.mean(), rtol=0.05) for step in steps)
    return label(axis) + ("" if even else "\n(not to scale)")


def population_name(population: object) -> str:
    """Return a population's name as its user wrote it, with spaces for `_`, and in several lines if it is long."""
    return textwrap.fill(str(population).replace("_", " "), NAME_WIDTH)


def time_label(config: Config) -> str:
    """Return the label of time; plain systems have no unit of it."""
    return "time (ms)" if has_membranes(config) else "time"


def numeric_axes(axes: Iterable[Axis]) -> list[str]:
    """Return the names of the grid's axes of several numbers, the longest first."""
    found = [axis for axis in axes if axis.dimension == axis.name and axis.numeric and len(axis.values) > 1]
    return [axis.name for axis in sorted(found, key=lambda axis: -len(axis.values))]


def numeric_parameters(axes: Iterable[Axis]) -> list[str]:
    """Return the names of the axes of several numbers that lie along `run`."""
    return [axis.name for axis in axes if axis.dimension == RUN and axis.numeric and len(set(axis.values)) > 1]


def lacking_axes(axes: Iterable[Axis], count: int = 1) -> str | None:
    """Say that the grid has too few axes of several numbers for a figure; return None where it has enough."""
    if len(numeric_axes(axes)) >= count:
        return None
    return (
        "no axis of the grid takes several numbers" if count == 1 else "not two axes of the grid take several numbers"
    )


def lacking_parameters(axes: Iterable[Axis], count: int = 1) -> str | None:
    """Say that too few axes of several numbers lie along `run` for a figure; return None where there are enough."""
    if len(numeric_parameters(axes)) >= count:
        return None
    return (
        "no axis of several numbers lies along run" if count == 1 else "not two axes of several numbers lie along run"
    )


def other_axes(axes: Iterable[Axis], keys: Collection[str]) -> str | None:
    """Name the axes that a figure cannot show; return None where there are none.

    Args:
        keys: of the axes that it shows.
    """
    others = [axis.key for axis in axes if axis.key not in keys]
    return f"it cannot show the axis {', '.join(others)}" if others else None


def no_membranes(config: Config) -> str | None:
    """Say that there are no membranes, so no spikes; return None where some population has them."""
    return None if has_membranes(config) else "no population has membranes"


def has_membranes(config: Config) -> bool:
    """Return whether some population has membranes and is no plain system."""
    return any(part.equations is None for part in config.network.populations.values())


def any_ok(results: Results) -> bool:
    """Return whether some run of a sweep is ok."""
    return bool((results.cube["status"] == STATUS["ok"]).any())


def axis_names(results: Results) -> dict[str, str]:
    """Return the name of each axis in the cube, by key."""
    return {axis["key"]: axis["name"] for axis in results.record["axes"]}


def numeric_names(results: Results) -> list[str]:
    return numeric_axes(results.axes.values())


def mean_and_band(variable: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return mean and standard deviation over networks and trials.

    Trials on one network are not independent of each other. So the band describes the data and is no test.
    """
    band = variable.std(REPLICATES, ddof=1) if variable.sizes["network"] * variable.sizes["trial"] > 1 else None
    return variable.mean(REPLICATES), xr.zeros_like(variable.mean(REPLICATES)) if band is None else band


def mean_and_confidence(variable: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the mean over networks of the means over trials, and half the width of its 95 % confidence interval.

    The interval is Student's t with one degree of freedom less than networks. Networks are drawn independently; trials
    on one network are not. Networks where the measure is undefined do not count. If fewer than two are left, the width
    is NaN.
    """
    networks = variable.mean("trial")
    count = networks.count("network")
    quantile = xr.apply_ufunc(lambda n: scipy.stats.t.ppf(0.975, np.maximum(n - 1, 1)), count)
    width = quantile * networks.std("network", ddof=1) / np.sqrt(count.where(count > 1))
    return networks.mean("network"), width


def series(cube: xr.Dataset, lines: str | None, place: int = 0) -> list[tuple[Any, Any]]:
    """Return values of the axis `lines`, a few of them if it has many, with their colours, from dark to bright.

    Args:
        place: the position of a value that must be among them.
    """
    import matplotlib.pyplot as plt

    if lines is None:
        return [(None, "C0")]
    values = cube[lines].values
    values = values[np.union1d(few(len(values), LINES), place)]
    colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.8, len(values)))
    return [(value, tuple(colour)) for value, colour in zip(values, colours, strict=True)]


def few(count: int, most: int) -> NDArray[np.intp]:
    """Return places among so many values: all, or a few that are spread evenly and hold both ends."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.intp))


def named_series(cube: xr.Dataset, lines: str | None) -> list[tuple[Any, Any, str | None]]:
    """Return values of the axis `lines` with their colours, as in `series`, and with a name for the legend."""
    shown = series(cube, lines)
    names = [None] if lines is None else numerals([value for value, _ in shown])
    return [(value, colour, name) for (value, colour), name in zip(shown, names, strict=True)]


def slices(results: Results, shown: Sequence[str]) -> dict[str, Any]:
    """Return a value on each dimension that a figure neither shows nor averages: the first place with most ok runs.

    If no run is ok anywhere, take the place where most runs have diverged.
    """
    status = results.cube["status"]
    hidden = [dim for dim in status.dims if dim not in (*shown, *REPLICATES)]
    if not hidden:
        return {}
    rest = [dim for dim in status.dims if dim not in hidden]
    for word in ("ok", "diverged"):
        count = (status == STATUS[word]).sum(rest).transpose(*hidden)
        if count.any():
            break
    place = np.unravel_index(int(count.values.argmax()), count.shape)
    return {str(dim): status[dim].values[i] for dim, i in zip(hidden, place, strict=True)}


def caption(
    results: Results, shown: Sequence[str], what: str = "mean ± s.d.", place: Mapping[str, object] | None = None
) -> str:
    """Say over what a figure averages, and at which values it stands on the axes that it does not show.

    Args:
        place: a value on each of these axes; by default the values of `slices`.
    """
    cube = results.cube
    count = " × ".join(f"{cube.sizes[name]} {name}{'s'[: cube.sizes[name] > 1]}" for name in REPLICATES)
    said = f"{what} over {count}" if max(cube.sizes[name] for name in REPLICATES) > 1 else "one run at each point"
    place = slices(results, shown) if place is None else place
    place = {name: value for name, value in place.items() if cube.sizes[name] > 1}
    if RUN in place:
        point = cube.sel({RUN: place[RUN]})
        place = {axis.name: point[axis.name].item() for axis in results.axes.values() if axis.dimension == RUN} | {
            name: value for name, value in place.items() if name != RUN
        }
    return ", ".join(filter(None, [said.replace("_", " "), at(place, cube)]))


def first_traced(results: Results, figure: str, **point: object) -> RunData | None:
    """Return the first run at a point whose traces are kept; one that is ok if there is one, None if none is finished.

    Raises:
        PsstError: when the recorder keeps no traces there.
    """
    first = None
    for rows in results.traced(**point):
        ok = rows[rows["run_id"].isin(results.ok["run_id"])]
        first = rows["run_id"].iloc[0] if first is None else first
        if len(ok):
            first = ok["run_id"].iloc[0]
            break
    if first is not None:
        return results.run(run_id=first)
    if PARTIAL in results.cube.attrs:
        return None
    raise PsstError(f"figure {figure}: recorder.runs keeps the traces of no run{f' at {point}' if point else ''}")


def no_traces(results: Results) -> Picture:
    """Return a figure that says why there is no run with traces."""
    status = results.cube["status"]
    return nothing(results, "no run with traces", why_missing(status.where(status >= STATUS["not_run"])))


def numerals(values: Iterable[float]) -> list[str]:
    """Write numbers with three significant digits, or as many more as tell them apart; whole numbers in full."""
    values = [float(value) for value in values]
    for digits in DIGITS:
        texts = [f"{value if value.is_integer() else float(f'{value:.{digits}g}'):g}" for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def within(variable: xr.DataArray, low: xr.DataArray, high: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the edges of a band around a measure's mean, cut off where they leave the range that the measure can have.

    Args:
        variable: the measure, as it is in the cube.
    """
    least, most = variable.attrs.get("range", (-np.inf, np.inf))
    return low.clip(least, most), high.clip(least, most)


def at(point: Mapping[str, object], cube: xr.Dataset | None = None) -> str:
    """Write a point for a title: `coupling 0.0949, solver rk4`.

    Args:
        cube: that of the sweep; with it, a number has only as many digits as tell it from the others of its axis.
    """
    known = {} if cube is None else {name: cube[name].values for name in point if name in cube.coords}
    words = [f"{name} {apart(value, known.get(name))}" for name, value in point.items()]
    return ", ".join(words).replace("_", " ")


def apart(value: object, values: NDArray[Any] | None = None) -> str:
    """Write a value; a number with three digits, or as many more as tell it from these values."""
    if values is None or not isinstance(value, float) or not np.issubdtype(values.dtype, np.number):
        return short(value)
    near = np.unique(values[np.abs(values - value) <= NEAR * abs(value)])
    written: dict[float, str] = dict(zip(near.tolist(), numerals(near), strict=True))
    return written.get(value, short(value))


def short(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float | np.number) else str(value)


def cell_ticks(cells: int) -> list[int]:
    """Return a few whole numbers among the cells, counted from 0."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(integer=True).tick_values(0, cells - 1)
    return [int(tick) for tick in ticks if 0 <= tick < cells and tick == int(tick)]


def why_missing(status: xr.DataArray) -> str:
    """Say why measures of these runs are no numbers, by their statuses; an ok run counts as `undefined`."""
    found = np.unique(status.values[np.isfinite(status.values)])
    words = [word for name, word in MISSING.items() if STATUS[name] in found]
    return ", ".join(words if len(words) == 1 else [word for word in words if word != MISSING["not_planned"]])


def grey(status: xr.DataArray, *means: xr.DataArray) -> str:
    """Return `; grey: undefined, diverged`, the reasons why means over replicates are missing; empty if none is."""
    found = [mean.isnull().any([dim for dim in mean.dims if dim not in status.dims]) for mean in means]
    missing = functools.reduce(operator.or_, found)
    return f"; grey: {why_missing(status.where(missing))}" if missing.any() else ""


def shortfall(cube: xr.Dataset) -> str:
    """Say how many of the planned runs are not ok, and why: `12 of 30 runs diverged (first at 6 ms), 5 not yet run`."""
    status = cube["status"].values
    counts = {name: int((status == STATUS[name]).sum()) for name in MISSING}
    planned = status.size - counts.pop("not_planned")
    del counts["ok"]
    said: list[str] = []
    for name, count in ((name, count) for name, count in counts.items() if count):
        first = f" (first at {float(cube['diverged_time'].min()):g} ms)" if name == "diverged" else ""
        said.append(f"{count:,}{'' if said else f' of {planned:,} runs'} {MISSING[name]}{first}")
    return ", ".join(said)


def diverged(run: RunData) -> str:
    """Return `, diverged at 6 ms` for a title; empty if the run has not diverged."""
    return f", diverged at {run.diverged_time:g} ms" if run.status == "diverged" else ""


def empty(axes: Axes, why: str, scale: bool = False) -> None:
    """Write into a panel why there is nothing to show.

    Args:
        scale: whether the y axis still has a meaning.
    """
    if not scale:
        axes.set_yticks([])
    box = {"facecolor": "white", "linewidth": 0}
    text = why.replace(", ", ",\n")
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.4", bbox=box)


def nothing(results: Results, what: str = "no run to show", why: str = "") -> Picture:
    """Return a figure that says why it is empty.

    Args:
        what: the thing that is missing.
        why: the reason; by default, the statuses of the runs.
    """
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(COLUMN, 1.0))
    why = why or why_missing(results.cube["status"])
    figure.text(0.5, 0.5, f"{what}: {why}", ha="center", va="center", color="0.4")
    return figure


def logarithmic(values: ArrayLike) -> bool:
    """Return whether values that are not negative span decades, and most of them are small."""
    values = np.unique(values)
    positive = values[values > 0]
    low = len(positive) > 1 and values[0] >= 0 and positive[-1] / positive[0] >= DECADES
    return bool(low and np.median(values) < positive[-1] / 3)


def scale_x(axes: Axes, values: ArrayLike) -> None:
    """Make the x axis (symmetric) logarithmic if the values suit it.

    If they are few, put ticks at those far enough apart.
    """
    from matplotlib.ticker import NullLocator

    values = np.unique(values)
    axes.update_datalim([(values[0], 0.0), (values[-1], 0.0)], updatey=False)
    if logarithmic(values) and values[0] == 0:
        axes.set_xscale("symlog", linthresh=values[1], linscale=0.5)
    elif logarithmic(values):
        axes.set_xscale("log")
    axes.autoscale_view(scaley=False)
    if len(values) > OWN_TICKS:
        return
    points = np.column_stack([values, np.zeros(len(values))])
    places = axes.transLimits.transform(axes.transScale.transform(points))[:, 0]
    ticks, last = [], -np.inf
    for value, place in zip(values, places, strict=True):
        if place - last > 0.12 * (places[-1] - places[0]):
            ticks.append(value)
            last = place
    axes.set_xticks(ticks, numerals(ticks), rotation=60)
    axes.xaxis.set_minor_locator(NullLocator())


def few_columns(count: int, most: int = 3) -> tuple[int, int]:
    """Return rows and columns for so many panels."""
    columns = min(most, count)
    return -(-count // columns), columns


def hide_unused(grid: NDArray[Any], count: int) -> None:
    """Hide the panels of a grid after the first so many; those above them get the labels of the x axis."""
    for place in range(count, grid.size):
        row, column = divmod(place, grid.shape[1])
        grid[row, column].set_visible(False)
        grid[row - 1, column].tick_params(labelbottom=True)


def heat_map(
    axes: Axes, values: xr.DataArray, x: str, y: str | None, norm: Any, cmap: Any = None, numbers: bool = True
) -> Any:
    """Draw cells of equal size, one for each value of the axes; grey without one.

    Args:
        numbers: whether few cells have their numbers written in them.
    """
    grid = values.transpose(y, x).values if y else values.values[None]
    axes.set_facecolor(GREY)
    image = axes.imshow(grid, norm=norm, cmap=cmap, origin="lower", aspect="auto")
    columns = axes.get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    axes.set_xticks(*ticks_of(values[x].values, max(3, LABELS // columns)), rotation=45)
    axes.set_yticks(*(ticks_of(values[y].values, LABELS) if y else ([0], [""])))
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
    if numbers and grid.size <= 120:
        decimals = _decimals(grid)
        for (row, column), value in np.ndenumerate(grid):
            if np.isfinite(value):
                dark = norm(value) < 0.6
                text = f"{value:.{decimals}f}" if abs(value) < 100 else f"{value:.0f}"
                axes.text(column, row, text, ha="center", va="center", size=5.5, color="white" if dark else "black")
    return image


def map_scale(values: xr.DataArray) -> Any:
    """Return the scale of a map's colours: from 0 to the largest value; from the smallest where values are negative."""
    from matplotlib.colors import Normalize

    known = values.values[np.isfinite(values.values)]
    low, high = min([*known, 0.0]), max([*known, 0.0])
    return Normalize(low, high if high > low else low + 1.0)


def _decimals(values: Any) -> int:
    """Return how many decimals these values need: one if some reach 2, two if some reach 0.2, and so on."""
    most = float(np.nanmax(np.abs(values), initial=0.0, where=np.isfinite(values)))
    return max(1, 1 - math.floor(math.log10(most / 2))) if most > 0 else 1


def ticks_of(values: Any, most: int) -> tuple[Any, list[str]]:
    """Return places and labels on an axis that counts the values.

    They are those of all values, or of a few round numbers between them.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator

    some = np.arange(0, len(values), -(-len(values) // most))
    if len(some) == len(values) or not (np.diff(values) > 0).all():
        return some, numerals(values[some])
    locator = LogLocator() if logarithmic(values) else MaxNLocator(most // 3)
    first = values[values > 0][0] if logarithmic(values) else values[0]
    ticks = [tick for tick in locator.tick_values(first, values[-1]) if first <= tick <= values[-1]]
    return np.interp(ticks, values, np.arange(len(values))), numerals(ticks)
