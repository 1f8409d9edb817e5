"""Jobs that stop after some segments, and sweeps of one job each."""

import contextlib
import signal

from psst_core.job.checkpoint import Checkpoint
from psst_core.job.chunk import write_chunk
from psst_core.plan.sweep_plan import make_plan
from psst_core.store.dataset import atomic_netcdf
from psst_core.store.folder import CHUNKS, SAVED
from support.configurations import changed

PIECES = "run.duration=30 recorder.window=[0,30] recorder.interval=0.1 sweep.networks=1 hardware.jobs=1 "
PIECES += "hardware.job_minutes=1000 figures=[] numerics.check=none "
ODOUR = "stimulus.onset=0 stimulus.share=1 stimulus.amplitude=30 stimulus.rise=1 network.size=8 "
LOBE = PIECES + ODOUR + "network.coupling=0.5 sweep.trials=3 solver=exponential_euler hardware.lanes=2 "
SWEEPS = {
    "graded synapses, delayed": ("locust_coupling", LOBE + "network.synapses.gaba.delay=2"),
    "spikes, delayed": (
        "chain_of_three",
        PIECES + "stimulus=constant stimulus.amplitude=8 network.synapses.ach.delay=5",
    ),
    "noise": (
        "noisy_cells",
        PIECES
        + "analysis.spectrum=[0,30] network.populations.hh.mechanisms.noise.sigma=1,2 sweep.trials=4 hardware.lanes=4",
    ),
    "jumps": ("coba_hh", PIECES + "network.size=40 sweep.trials=2 hardware.lanes=1"),
    "steps of its own": (
        "lorenz",
        PIECES + "solver=dormand_prince network.start_jitter=0.01 sweep.trials=2 hardware.lanes=1",
    ),
    "diverging": (
        "locust_coupling",
        LOBE.replace("exponential_euler", "euler") + "network.populations.pn.mechanisms.sodium.conductance=100,1e6",
    ),
}


def manifest_of(name, precision="float64", **settings):
    experiment, overrides = SWEEPS[name]
    (manifest,) = make_plan(experiment, f"{overrides} solver.precision={precision}").manifests.values()
    return changed(manifest, {f"hardware.{key}": value for key, value in settings.items()})


class Impatient(Checkpoint):
    """Asks the job to stop after some segments; counts those that were integrated."""

    def __init__(self, path, manifest, segments=10**9):
        self.lines, self.segments, self.done = [], segments, 0
        super().__init__(path, manifest, self.lines.append)

    def due(self):
        self.done += 1
        if self.done >= self.segments:
            self.signal = signal.SIGTERM
        return super().due()


def made(folder, manifest, segments=10**9):
    """A start of the job; what it says, and how many segments it integrated."""
    checkpoint = Impatient(folder / SAVED / "chunk.zip", manifest, segments)
    with contextlib.suppress(SystemExit), atomic_netcdf(folder / CHUNKS / "chunk.nc") as beside:
        write_chunk(manifest, beside, lambda line: None, checkpoint)
    if (folder / CHUNKS / "chunk.nc").exists():
        checkpoint.remove()
    return checkpoint
