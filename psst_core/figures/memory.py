"""The memory of jobs over the model time of their runs, beside the memory of a program that keeps every state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from psst_core.configuration import Config
from psst_core.figures.style import COLUMN, nothing
from psst_core.measures.recordings import RunData
from psst_core.model.network import Network
from psst_core.results.sweep_results import Results
from psst_core.store.dataset import read
from psst_core.sweep.runs import Axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIECES = (1, 10)
BYTES = 8  # of a number in double precision


def applies(axes: Sequence[Axis], config: Config) -> bool:
    return any(axis.key == "run.duration" and len(axis.values) > 1 for axis in axes)


def draw(results: Results) -> Figure:
    """Draw the largest memory of a job's process (points), and the tutorial's formula at once and in pieces (lines)."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullLocator

    values = table(results)
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


def table(results: Results) -> pd.DataFrame:
    """Return a row for each length of run: the most memory that one of its jobs held, and the values of the formula."""
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
    return found.sort_values("measured (MB)").drop_duplicates("model time (ms)", keep="last").sort_values(columns[0])


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
