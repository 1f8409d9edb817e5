"""The memory of jobs over the model time of their runs, beside the memory of a program that keeps every state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import COLUMN, nothing
from psst_core.measures.recordings import RunData
from psst_core.model.network import Network
from psst_core.registry import register
from psst_core.store.dataset import read

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

PIECES = (1, 10)
BYTES = 8  # of a number in double precision


@register("figure", "memory")
@dataclass
class Memory(Figure):
    """The memory of jobs over the model time of their runs, beside the memory of a program that keeps every state."""

    caption = """
    The most memory that a job's process held, over the model time of its runs (peak_memory in its file: Python,
    TensorFlow and the compiled program included). Grey, what a program needs that keeps every state of the same
    network in double precision until it ends, by the formula of the tutorial's Day 5: (1 + 1/K)·8·L·N bytes for L
    steps of N variables in K pieces. N counts one open fraction for each synapse and one spike time for each cell,
    as the tutorial's program does. The formula is drawn, not measured.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        several = any(axis.key == "run.duration" and len(axis.values) > 1 for axis in axes)
        return None if several else "run.duration is no axis of several values"

    def draw(self, results: Results) -> Picture:
        """Draw the largest memory of a job's process (points), and the tutorial's formula, at once and in pieces."""
        import matplotlib.pyplot as plt
        from matplotlib.ticker import NullLocator

        values = self.table(results)
        if values.empty:
            return nothing(results, "no job that noted its memory")
        figure, axes = plt.subplots(figsize=(COLUMN, 2.6))
        seconds = values["model time (ms)"] / 1e3
        for number, pieces in enumerate(PIECES):
            name = "all states kept" if pieces == 1 else f"all states kept, in {pieces} pieces"
            axes.plot(seconds, values[_column(pieces)] / 1e3, "-:"[number], color="0.5", label=name)
        axes.plot(seconds, values["measured (MB)"] / 1e3, "o-", label="measured, a PSST job")
        axes.set(xscale="log", yscale="log", xlabel="model time (s)", ylabel="memory (GB)")
        axes.set_xticks(seconds, [f"{second:g}" for second in seconds])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.legend()
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each length of run: the most memory that one of its jobs held, and the formula."""
        columns = ["model time (ms)", "variables", "runs in the job", "measured (MB)", *map(_column, PIECES)]
        rows = []
        for _, mine in results.finished.groupby(["duration", "chunk"]):
            with read(results.home.chunk_file(mine["chunk"].iloc[0])) as chunk:
                if "peak_memory" not in chunk.attrs:
                    continue
                measured, runs = float(chunk.attrs["peak_memory"]), chunk.sizes["run"]
            run = results.run(run_id=mine["run_id"].iloc[0])
            duration, dt = run.config.run.duration, run.config.run.dt
            count, steps = variables(run), round(duration / dt)
            kept = [bytes_kept(steps, count, pieces) / 1e6 for pieces in PIECES]
            rows.append((duration, count, runs, measured, *kept))
        found = pd.DataFrame(rows, columns=columns)
        return (
            found.sort_values("measured (MB)").drop_duplicates("model time (ms)", keep="last").sort_values(columns[0])
        )


def variables(run: RunData) -> int:
    """Count the variables that the tutorial's program integrates for this network: of cells, synapses, spike times."""
    network = Network.from_config(run.config.network)
    count = sum(
        population.size * (2 + sum(len(mechanism.states) for mechanism in population.mechanisms.values()))
        for population in network.populations.values()
    )
    return count + sum(int(np.count_nonzero(weights)) for weights in run.connections().values())


def bytes_kept(steps: int, count: int, pieces: int) -> int:
    """Return (1 + 1/pieces)·8·L·N bytes for L steps of N variables: all states, and those of the last piece once more.

    Mohanta & Assisi 2022 (doi:10.51628/001c.37893), Day 5.
    """
    return round((1 + 1 / pieces) * BYTES * steps * count)


def _column(pieces: int) -> str:
    return f"formula, {pieces} piece{'s' if pieces > 1 else ''} (MB)"
