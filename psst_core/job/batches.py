"""The batches of a manifest, as a backend takes them."""

from collections.abc import Iterable

from psst_core.integrate.backend import Backend, Task, backend_of
from psst_core.integrate.batch import Run
from psst_core.store.manifest import Manifest


def backend_for(manifest: Manifest) -> Backend:
    """Return the backend that integrates the batches of a chunk."""
    task = Task(manifest.config, manifest.varying, manifest.lanes, tuple(manifest.plugins))
    return backend_of(manifest.config)(task)


def runs_of(manifest: Manifest, numbers: Iterable[int]) -> list[list[Run]]:
    """Return the runs of the batches with these numbers, a list for each batch."""
    batches = (manifest.batches[number] for number in numbers)
    return [[Run(manifest.config_of(run), run.network, run.trial) for run in batch] for batch in batches]
