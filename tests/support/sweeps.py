"""Small sweeps, made as a person makes them."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import netCDF4
import numpy as np

import psst_core
from psst_core.attributes import STATUS
from psst_core.configuration import HardwareConfig
from psst_core.host.hardware import prepare
from psst_core.results.sweep_results import Results
from psst_core.store.dataset import atomic_netcdf
from psst_core.store.folder import CHUNKS

TINY = "run.duration=20 recorder.window=[0,20] sweep.networks=1 sweep.trials=2 "
TINY += "stimulus.onset=0 stimulus.share=1 stimulus.amplitude=30 stimulus.rise=1 analysis.spectrum=[0,20] "


def run_sweep(folder: Path, experiment: str, overrides: str = "", name: str = "sweep") -> Results:
    """All stages but drawing, in this process; what is there already stays."""
    prepare(HardwareConfig())
    return psst_core.run_sweep(experiment, overrides, name, results=folder, figures=False, report=lambda line: None)


def diverge_all(folder: Path, chunks: Sequence[str]) -> None:
    """Take all numbers from a third of their time on out of the files of finished chunks, and their summaries away."""
    for chunk in chunks:
        path = folder / CHUNKS / f"{chunk}.nc"
        with atomic_netcdf(path) as beside:
            shutil.copy(path, beside)
            with netCDF4.Dataset(beside, "a") as file:
                third = len(file["time"]) // 3
                file["status"][:], file["diverged_time"][:] = STATUS["diverged"], file["time"][third]
                file["potential_mean"][:] = file["potential_variance"][:] = np.nan
                for name in (name for name in file.variables if name == "mean_potential" or name.startswith("trace_")):
                    file[name][..., third:] = np.nan
        for summary in (folder / CHUNKS).glob(f"{chunk}.*.summary.nc"):
            summary.unlink()
