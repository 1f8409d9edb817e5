"""The spikes of one run as a SONATA file."""

from pathlib import Path

import numpy as np

from psst_core.errors import PsstError
from psst_core.files import atomic
from psst_core.results.sweep_results import Results

MAGIC, VERSION = 0x0A7A, (0, 1)


def export_sonata(results: Results, target: Path, **point: object) -> None:
    """Write the spikes of the run at a point: `/spikes/POPULATION/node_ids` and `timestamps`, ms, sorted by time.

    Cells are counted from 0 in each population. Dai et al. 2020 (doi:10.1371/journal.pcbi.1007696).

    Args:
        point: a value on each axis of several values; without replicate numbers, the first network and trial.

    Raises:
        PsstError: when h5py is missing, or the point is of no run or of several.
    """
    try:
        import h5py
    except ImportError as error:
        raise PsstError(f"--sonata needs h5py ({error}): pip install h5py") from None
    if target.suffix != ".h5":
        raise PsstError(f"--sonata {target}: must end in .h5")
    run = results.run(run_id=results.only(point)["run_id"])
    sorting = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, "u1")
    with atomic(target) as beside, h5py.File(beside, "w") as file:
        file.attrs["magic"], file.attrs["version"] = np.uint32(MAGIC), np.array(VERSION, "u4")
        for name in run.populations:
            cells = run.cells(name)
            mine = (run.spike_cell >= cells.start) & (run.spike_cell < cells.stop)
            order = np.argsort(run.spike_time[mine], kind="stable")
            group = file.create_group(f"spikes/{name}")
            group.attrs.create("sorting", 2, dtype=sorting)
            group["node_ids"] = (run.spike_cell[mine][order] - cells.start).astype("u8")
            group["timestamps"] = run.spike_time[mine][order].astype("f8")
            group["timestamps"].attrs["units"] = "ms"
