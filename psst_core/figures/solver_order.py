"""The error of each solver over dt, and the order of convergence that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import COLUMN, PAGE, axis_names, nothing, other_axes
from psst_core.measures.recordings import RunData
from psst_core.model.mechanisms import System
from psst_core.model.network import Network
from psst_core.registry import lookup, register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

MARKERS = "os^Dv<>*"
LARGE, ROUNDING = 0.1, 1e-13


@register("figure", "solver_order")
@dataclass
class SolverOrder(Figure):
    """The error of each solver over dt, and the order of convergence that it shows."""

    caption = """
    The largest relative error of each solver over its step, on systems with closed solutions. The slope in double
    logarithmic axes is the order of the method; the table holds both.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        if not any(axis.key == "run.dt" and len(axis.values) > 1 for axis in axes):
            return "run.dt is no axis of several values"
        return not_closed(config) or other_axes(axes, {"run.dt", "solver", "network"})

    def draw(self, results: Results) -> Picture:
        """Draw a panel for each network, a line for each solver."""
        import matplotlib.pyplot as plt
        from matplotlib.ticker import NullLocator

        if results.ok.empty:
            return nothing(results)
        networks = list(errors(results).groupby("network", sort=False))
        figure, (panels, keys) = plt.subplots(
            2,
            len(networks),
            figsize=(PAGE if len(networks) > 1 else COLUMN, 3.9),
            sharey="row",
            squeeze=False,
            gridspec_kw={"height_ratios": [3, 1]},
        )
        for panel, key, (network, rows) in zip(panels, keys, networks, strict=True):
            for i, (solver, line) in enumerate(rows.groupby("solver", sort=False)):
                name = f"{solver}: {fitted_order(line):.2f}".replace("_", " ")
                shown, style = (
                    line["error"].where(line["error"] > 0),
                    {"marker": MARKERS[i % 8], "linestyle": "-:"[i % 2]},
                )
                panel.plot(
                    line["dt"], shown, **style, color=f"C{i}", fillstyle="none", markersize=4 + i % 3, label=name
                )
            steps = sorted(rows["dt"].unique())
            panel.set(xscale="log", yscale="log", xlabel="dt (ms)", title=str(network).replace("_", " "))
            panel.set_xticks(steps, [f"{step:g}" for step in steps], rotation=45)
            panel.xaxis.set_minor_locator(NullLocator())
            key.axis("off")
            key.legend(
                *panel.get_legend_handles_labels(), title="fitted slope", title_fontsize=7, loc="center", ncols=2
            )
        panels[0].set_ylabel("largest relative error")
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each network and solver: the order it should have, the fitted one, the error at each dt."""
        rows = []
        if results.ok.empty:
            return pd.DataFrame(columns=["network", "solver", "order", "fitted"])
        for (network, solver), line in errors(results).groupby(["network", "solver"], sort=False):
            order = lookup("solver", solver, "solver").order  # type: ignore[attr-defined]
            found = {f"error at {dt:g} ms": error for dt, error in zip(line["dt"], line["error"], strict=True)}
            rows.append({"network": network, "solver": solver, "order": order, "fitted": fitted_order(line)} | found)
        return pd.DataFrame(rows)


def not_closed(config: Config) -> str | None:
    """Say that the first population's equations have no closed solution; return None where they have one."""
    system = next(iter(config.network.populations.values())).equations
    if system is None or lookup("system", system["type"], "network").exact is System.exact:  # type: ignore[attr-defined]
        return "the network has no closed solution"
    return None


def errors(results: Results) -> pd.DataFrame:
    """Return the relative error by network, solver and dt.

    It is the largest error of the first variable at any sample, over the largest exact value.

    Raises:
        PsstError: when a network has no closed solution.
    """
    names = axis_names(results)
    rows = []
    for run_id in results.ok["run_id"]:
        run = results.run(run_id=run_id)
        exact, found = exact_solution(run), run.mean_potential.values[0]
        rows.append(
            {
                "network": run.point.get(names.get("network", ""), "network"),
                "solver": run.config.solver.name,
                "dt": run.config.run.dt,
                "error": float(np.abs(found - exact).max() / np.abs(exact).max()),
            }
        )
    return pd.DataFrame(rows)


def exact_solution(run: RunData, times: Array | None = None) -> Array:
    """Return the exact first variable of a plain system, at the run's samples or at other times."""
    network = Network.from_config(run.config.network)
    (name, population), *_ = network.populations.items()
    start: dict[str, Any] = network.start_values()[name]
    times = run.mean_potential["time"].values if times is None else times
    solution = population.system and population.system.exact(start, times)
    if not solution:
        raise PsstError(f"figure solver_order: network.populations.{name} has no closed solution to measure errors by")
    return np.asarray(solution[population.signal])


def fitted_order(line: pd.DataFrame) -> float:
    """Return the slope of log error over log dt, where the error is neither large nor mere rounding."""
    fit = line[(line["error"] < LARGE) & (line["error"] > ROUNDING)]
    if len(fit) < 2:
        return float("nan")
    return float(np.polyfit(np.log(fit["dt"]), np.log(fit["error"]), 1)[0])
