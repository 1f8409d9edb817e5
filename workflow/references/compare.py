"""One case of `experiment=references`: potentials and spikes of PSST and of the other program, and their difference."""

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import dop853
import numpy as np
import xarray as xr
from cases import ALL, CURRENTS, Case, arrays

from psst_core.host.hardware import prepare
from psst_core.integrate.batch import Run
from psst_core.integrate.integration import Integration
from psst_core.integrate.program import Program
from psst_core.logs import Report, logged
from psst_core.model.network import Network
from psst_core.store.dataset import write

SAMPLE = 0.05  # ms between the potentials in the file; differences are taken at every step
HERE = Path(__file__).parent


def psst(config: dict[str, Any]) -> np.ndarray:
    """Integrate with PSST; return v at every step, [step, cell], mV."""
    integration = Integration(Program(config, [], 1), [Run(config)])
    segments = list(integration.segments(config.run.steps(config.run.duration)))
    populations = [np.concatenate([s.traces[key][0] for s in segments], axis=1) for key in segments[0].traces]
    return np.concatenate(populations).T


def brian2(problem: dict[str, Any], python: str) -> tuple[np.ndarray, str]:
    """Integrate with Brian2; return v at every step, [step, cell], mV, and Brian2's version."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "problem.npz"), Path(folder, "potentials.npz")
        np.savez(given, **problem)
        subprocess.run([python, HERE / "brian2_networks.py", given, made], check=True)
        with np.load(made) as file:
            return file["v"], str(file["version"])


def spikes(v: np.ndarray, thresholds: np.ndarray, dt: float) -> list[np.ndarray]:
    """Return when v of each cell crosses its threshold upward: ms, on the straight line between two steps."""
    times = []
    for potential, threshold in zip(v.T, thresholds, strict=True):
        before = np.flatnonzero((potential[:-1] < threshold) & (potential[1:] >= threshold))
        share = (threshold - potential[before]) / (potential[before + 1] - potential[before])
        times.append(dt * (before + share))
    return times


def largest_shift(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> float:
    """Return the largest shift between the spikes of both, ms.

    It is NaN where a cell has different numbers of them, or where there is no spike.
    """
    if [len(times) for times in ours] != [len(times) for times in theirs] or not any(map(len, ours)):
        return np.nan
    return float(np.abs(np.concatenate(ours) - np.concatenate(theirs)).max())


def thresholds(config: dict[str, Any]) -> np.ndarray:
    """Return the threshold of each cell, mV."""
    populations = Network.from_config(config.network).populations.values()
    return np.concatenate([np.full(population.size, population.spike_threshold) for population in populations])


def names(config: dict[str, Any]) -> list[str]:
    """Return a name for each cell: its current, if cells differ in nothing else, or its population and number."""
    if not config.network.projections:
        return [f"{current:g} µA/cm²" for current in CURRENTS]
    sizes = Network.from_config(config.network).sizes
    return [f"{name.upper()} {cell}" for name, size in sizes.items() for cell in range(size)]


def compare(case: Case, python: str | None, report: Report) -> xr.Dataset:
    """Integrate a case with both programs; return both results and their difference."""
    config = case.config()
    prepare(config.hardware)
    what = f"{case.title}, {case.duration:g} ms in steps of {case.dt:g} ms"
    report(f"{what}: PSST")
    v = {"psst": psst(config)}
    report(f"{what}: {case.reference}")
    if python is None:
        v["reference"], version = dop853.potentials(arrays(config)), metadata.version("scipy")
    else:
        v["reference"], version = brian2(arrays(config), python)
    stride, difference = round(SAMPLE / case.dt), np.abs(v["psst"] - v["reference"])
    times = {whose: spikes(found, thresholds(config), case.dt) for whose, found in v.items()}
    variables: dict[str, Any] = {
        "difference": (
            ("time", "cell"),
            difference.reshape(-1, stride, difference.shape[1]).max(axis=1),
            {"long_name": "largest difference of v in the steps of the sample", "units": "mV"},
        )
    }
    for whose, found in times.items():
        numbers = np.repeat(np.arange(len(found)), [len(cell) for cell in found])
        crossing = {"long_name": "upward crossing of the threshold", "units": "ms"}
        variables[f"v_{whose}"] = (("time", "cell"), v[whose][::stride], {"long_name": "v", "units": "mV"})
        variables[f"spike_time_{whose}"] = (f"spike_{whose}", np.concatenate(found), crossing)
        variables[f"spike_cell_{whose}"] = (f"spike_{whose}", numbers, {"long_name": "cell of the spike", "units": "1"})
    report(f"{what}: v differs by at most {difference.max():.2g} mV")
    return xr.Dataset(
        variables,
        {"time": np.arange(0, len(difference), stride) * case.dt, "cell": names(config)},
        {
            "title": f"PSST beside {case.reference}: {case.title}",
            "network": case.title,
            "reference": f"{case.reference} {version}",
            "psst": metadata.version("psst-core"),
            "dt": case.dt,
            "duration": case.duration,
            "largest_v": float(difference.max()),
            "largest_spike_time": largest_shift(times["psst"], times["reference"]),
            "spikes_psst": sum(map(len, times["psst"])),
            "spikes_reference": sum(map(len, times["reference"])),
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=list(ALL))
    parser.add_argument("target", type=Path, help="the NetCDF file to write")
    parser.add_argument("log", help="where messages go beside standard error")
    parser.add_argument("python", nargs="?", help="of the environment that has Brian2, for its cases")
    given = parser.parse_args()
    with logged(given.log, aloud=True) as report:
        write(compare(ALL[given.case], given.python, report), given.target)


if __name__ == "__main__":
    main()
