"""The solution of a plain system by each solver, beside its closed solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import PAGE, nothing, other_axes
from psst_core.figures.solver_order import exact_solution, not_closed
from psst_core.model.network import Network
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

MARKERS = "os^Dv<>"


@register("figure", "exact")
@dataclass
class Exact(Figure):
    """The solution of a plain system by each solver, beside its closed solution."""

    caption = """
    Left, what the solver makes of a system whose solution is known in closed form (grey); right, the error over the
    largest exact value. Euler's method falls behind exponential growth: it halves its relative error with its step
    only once that is small.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return not_closed(config) or other_axes(axes, {"run.dt", "solver"})

    def draw(self, results: Results) -> Picture:
        """Draw the solutions over time (left) and their relative errors (right), a line for each solver and step."""
        import matplotlib.pyplot as plt

        if results.ok.empty:
            return nothing(results)
        figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.6))
        (name, part), *_ = results.config.network.populations.items()
        signal = Network.from_config(results.config.network).populations[name].signal
        system = part.equations["type"].replace("_", " ")
        for number, (marker, run_id) in enumerate(zip(cycle(MARKERS), results.ok["run_id"], strict=False)):
            run = results.run(run_id=run_id)
            time, found, exact = run.mean_potential["time"].values, run.mean_potential.values[0], exact_solution(run)
            if not number:
                fine = np.linspace(time[0], time[-1], 400)
                left.plot(fine, exact_solution(run, fine), color="0.6", lw=2.5, label="exact")
            style = {"marker": marker, "fillstyle": "none", "lw": 0.8, "color": f"C{number}"}
            style["markevery"] = max(1, len(time) // 20)
            left.plot(time, found, **style)
            label = f"{run.config.solver.name}, dt {run.config.run.dt:g}".replace("_", " ")
            error = np.abs(found - exact) / np.abs(exact).max()
            right.plot(time, np.where(error > 0, error, np.nan), **style, label=label)
        left.set(xlabel="time", ylabel=f"{signal} of {system}")
        left.legend()
        right.set(xlabel="time", ylabel="error over largest exact value", yscale="log")
        right.legend(loc="lower right")
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each solver and step: value, exact value and relative error at the last sample."""
        rows = []
        for run_id in results.ok["run_id"]:
            run = results.run(run_id=run_id)
            found, exact = float(run.mean_potential.values[0, -1]), float(exact_solution(run)[-1])
            row = {"solver": run.config.solver.name, "dt (ms)": run.config.run.dt}
            row |= {"time (ms)": float(run.mean_potential["time"].values[-1]), "value": found, "exact": exact}
            rows.append(row | {"relative error": abs(found - exact) / abs(exact) if exact else float("nan")})
        return pd.DataFrame(rows)
