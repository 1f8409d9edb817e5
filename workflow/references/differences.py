"""The table and the figures of `experiment=references`, from the files of its cases."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from psst_core.figures import STYLE
from psst_core.figures.shared.style import PAGE
from psst_core.files import atomic
from psst_core.store.folder import Comparison

SHOWN = 5  # cells in a figure
SMALLEST = 1e-13  # mV, the lower end of the axis of differences


def table(files: Sequence[Path]) -> pd.DataFrame:
    """Return a row for each case."""
    rows = []
    for file in files:
        with xr.open_dataset(file) as data:
            a = data.attrs
            rows.append(
                {
                    "network": a["network"],
                    "reference": a["reference"],
                    "dt_ms": a["dt"],
                    "duration_ms": a["duration"],
                    "cells": data.sizes["cell"],
                    "spikes_psst": a["spikes_psst"],
                    "spikes_reference": a["spikes_reference"],
                    "largest_v_difference_mV": float(f"{a['largest_v']:.2g}"),
                    "largest_spike_time_difference_ms": float(f"{a['largest_spike_time']:.2g}"),
                }
            )
    return pd.DataFrame(rows)


def draw(data: xr.Dataset) -> Figure:
    """Draw both potentials of a few cells, and below them the differences."""
    cells = chosen(data)
    figure, axes = plt.subplots(
        len(cells) + 1,
        1,
        figsize=(PAGE, 2.8 + 0.85 * len(cells)),
        sharex=True,
        height_ratios=[1.0] * len(cells) + [1.8],
    )
    reference = data.attrs["reference"]
    for number, (panel, cell) in enumerate(zip(axes, cells, strict=False)):
        own = data.isel(cell=cell)
        name = str(own["cell"].values)
        panel.plot(data["time"], own["v_psst"], color=f"C{number}", lw=1.4, label="PSST")
        panel.plot(data["time"], own["v_reference"], color="black", ls=":", lw=1.0, label=reference)
        panel.set_ylabel("v (mV)")
        panel.set_title(name, loc="left", pad=2)
        axes[-1].plot(data["time"], positive(own["difference"]), color=f"C{number}", lw=0.7, label=name)
    if len(cells) < data.sizes["cell"]:
        largest = positive(data["difference"].max("cell"))
        axes[-1].plot(data["time"], largest, color="0.6", lw=0.7, zorder=1, label="largest of all cells")
    axes[-1].set_yscale("log")
    axes[-1].set(xlabel="time (ms)", ylabel="|Δv| (mV)", ylim=(SMALLEST, None))
    axes[-1].set_xlim(0, data.attrs["duration"])
    figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    figure.align_ylabels(axes)
    title = f"{data.attrs['network']}, RK4 in double precision, dt {data.attrs['dt']:g} ms"
    figure.suptitle(f"{title}: v differs by at most {data.attrs['largest_v']:.2g} mV", size=8)
    return figure


def chosen(data: xr.Dataset) -> list[int]:
    """Return the cells that a figure shows: all, or of many the two of each population that fire most."""
    if data.sizes["cell"] <= SHOWN:
        return list(range(data.sizes["cell"]))
    counts = np.bincount(data["spike_cell_psst"].astype(int), minlength=data.sizes["cell"])
    population = np.array([str(name).split()[0] for name in data["cell"].values])
    best = [np.flatnonzero(population == name) for name in dict.fromkeys(population)]
    return sorted(int(cell) for cells in best for cell in cells[np.argsort(-counts[cells], kind="stable")][:2])


def positive(difference: xr.DataArray) -> xr.DataArray:
    """Prepare differences for a logarithmic axis: leave out those that are exactly zero."""
    return difference.where(difference > 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path, help="the CSV file to write; the figures go into a folder beside it")
    parser.add_argument("cases", type=Path, nargs="+", help="what compare.py wrote")
    given = parser.parse_args()
    matplotlib.use("Agg")
    with atomic(given.table) as beside:
        table(given.cases).to_csv(beside, index=False)
    with plt.style.context(STYLE):
        for case in given.cases:
            with xr.open_dataset(case) as data:
                figure = draw(data)
            for ending, metadata in (("png", {}), ("svg", {"Date": None})):
                with atomic(Comparison(given.table.parent).figure(case.stem, ending)) as beside:
                    figure.savefig(beside, metadata=metadata)
            plt.close(figure)


if __name__ == "__main__":
    main()
