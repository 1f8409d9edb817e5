"""One run as a file of Neurodata Without Borders (NWB)."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from psst_core.errors import PsstError
from psst_core.files import atomic, to_yaml
from psst_core.measures.recordings import RunData
from psst_core.results.sweep_results import Results
from psst_core.store.dataset import read

MS, MV = 1e-3, 1e-3


def export_nwb(results: Results, target: Path, species: str | None = None, **point: object) -> None:
    """Write the run at a point of the sweep: spikes, mean potentials, traces, and its configuration.

    Args:
        species: the modelled species, as a Latin binomial; archives ask for it. Age and sex are then given as unknown.
        point: a value on each axis of several values; without replicate numbers, the first network and trial.

    Raises:
        PsstError: when pynwb is missing, or the point is of no run or of several.
    """
    try:
        import pynwb
    except ImportError as error:
        raise PsstError(
            f"--nwb needs pynwb ({error}): pip install pynwb, or PSST with its extra: pip install -e '.[nwb]'"
        ) from None
    if target.suffix != ".nwb":
        raise PsstError(f"--nwb {target}: must end in .nwb")
    row = results.only(point)
    run = results.run(run_id=row["run_id"])
    with read(results.home.chunk_file(row["chunk"])) as chunk:
        made, diverged = chunk.attrs, float(chunk["diverged_time"].values[int(row["position"])])
    where = ", ".join(f"{name} {value}" for name, value in run.point.items())
    what = f"{results.cube.attrs['title']}: simulated run at {where}"
    file = pynwb.NWBFile(
        session_description=what if np.isnan(diverged) else f"{what}; it diverged at {diverged:g} ms",
        identifier=str(row["run_id"]),
        session_start_time=datetime.fromisoformat(made["created"]),
        session_id=results.folder.name,
        institution=made.get("institution"),
        experiment_description=str(results.record["experiment"]),
        stimulus_notes=to_yaml(run.config.stimulus),
        notes=to_yaml(run.config),
        keywords=["simulation", *run.populations],
        was_generated_by=[["PSST", made["source"].removeprefix("PSST ")]],
    )
    if species is not None:
        file.subject = pynwb.file.Subject(
            subject_id=results.folder.name, description="a simulation", species=species, sex="U", age="P0D/"
        )
    file.units = pynwb.misc.Units(name="units", description="the cells", resolution=run.config.run.dt * MS)
    _add_spikes(file, run)
    module = file.create_processing_module("simulation", "what the simulation recorded")
    for name in run.populations:
        potential = run.mean_potential.sel(population=name)
        module.add(_series(pynwb, f"mean_{name}", potential, f"{potential.attrs['long_name']} {name}"))
    for key, trace in run.traces.items():
        cells = trace.dims[0]
        columns = f"{trace.attrs['variable']} of the cells {trace[cells].values.tolist()}, a column each"
        module.add(_series(pynwb, str(key), trace.transpose("time", cells), columns))
    with atomic(target) as beside, pynwb.NWBHDF5IO(beside, "w") as io:
        io.write(file)


def _add_spikes(file: Any, run: RunData) -> None:
    """Add a row to the units table for each cell; spike times in s."""
    file.add_unit_column("population", "the population of the cell")
    file.add_unit_column("cell", "its number in the population, from 0")
    interval = [[0.0, run.config.run.duration * MS]]
    for population in run.populations:
        for cell, times in enumerate(run.trains(population)):
            file.add_unit(spike_times=times * MS, obs_intervals=interval, population=population, cell=cell)


def _series(pynwb: Any, name: str, values: xr.DataArray, what: str) -> Any:
    """Return samples with time first; potentials in mV with their conversion to V, others in their unit."""
    times, unit = values["time"].values * MS, values.attrs.get("units", "unknown")
    data, volts = values.values, unit == "mV"
    return pynwb.TimeSeries(
        name=name,
        description=what,
        data=data,
        unit="volts" if volts else unit,
        conversion=MV if volts else 1.0,
        starting_time=float(times[0]),
        rate=round(1.0 / (times[1] - times[0]), 6) if len(times) > 1 else 1.0,
    )
