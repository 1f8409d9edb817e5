"""The devices of a job: batches side by side, one on each device, used like a single wide batch."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from psst_core import tf
from psst_core.configuration import HardwareConfig
from psst_core.integrate.batch import Run
from psst_core.integrate.simulate import Array, Integration, Program, Segment, padded
from psst_core.store.manifest import Manifest


def device_names(hardware: HardwareConfig) -> list[str]:
    """Return the devices that `prepare` made for this `hardware`: GPUs, if it asks for them and they are there."""
    gpus = tf.config.list_logical_devices("GPU") if hardware.device != "cpu" else []
    return [device.name for device in (gpus or tf.config.list_logical_devices("CPU"))[: hardware.devices]]


def program_of(manifest: Manifest) -> Program:
    """Return the program of a chunk."""
    precision = manifest.config.solver.precision
    return Program(manifest.config, manifest.varying, padded(manifest.lanes, precision))


def runs_of(manifest: Manifest, numbers: Iterable[int]) -> list[list[Run]]:
    """Return the runs of the batches with these numbers, a list for each batch."""
    batches = (manifest.batches[number] for number in numbers)
    return [[Run(manifest.config_of(run), run.network, run.trial) for run in batch] for batch in batches]


class Round:
    """Batches that are integrated side by side, each on its own device.

    It is used like one Integration of all their runs.

    A batch is integrated as it would be alone. Other batches beside it, and their devices, change no bit of it.

    Args:
        program: the program of all batches; each device compiles it for itself.
        batches: the runs of each batch.
        devices: the names of the devices in TensorFlow.
    """

    def __init__(self, program: Program, batches: Sequence[Sequence[Run]], devices: Sequence[str]) -> None:
        self.program, self.step = program, 0
        self.devices = list(itertools.islice(itertools.cycle(devices), len(batches)))
        self.parts = []
        for device, runs in zip(self.devices, batches, strict=True):
            with tf.device(device):
                self.parts.append(Integration(program, runs))

    def compile(self) -> None:
        """Compile the program, or read it from an earlier compilation, by integrating no samples."""
        none = tf.constant(0)

        def at(part: Integration) -> list[Array]:
            self.program.advance(part.carry, part.inputs, none, none)
            return []

        self._each(at)

    def segments(self, end: int) -> Iterator[Segment]:
        """Integrate up to the step `end`, a whole number of sampling intervals away."""
        while self.step < end:
            yield self.advance(end)

    def advance(self, end: int) -> Segment:
        """Integrate and return the next segment of all batches; `run` counts through all of them."""
        traced = list(self.program.traced)

        def at(part: Integration) -> list[Array]:
            made = next(part.segments(end))
            events = np.stack([made.spike_step, made.spike_cell, made.spike_run])
            return [events, made.mean_potential, *(made.traces[key] for key in traced)]

        events, means, *traces = zip(*self._each(at), strict=True)
        firsts = itertools.accumulate((mean.shape[1] for mean in means[:-1]), initial=0)
        step, cell, run = np.concatenate(events, axis=1)
        first, steps = self.step, means[0].shape[2] * self.program.steps_per_sample
        self.step += steps
        return Segment(
            first,
            steps,
            step,
            cell,
            run + np.repeat(list(firsts), [each.shape[1] for each in events]),
            np.concatenate(means, axis=1),
            {key: np.concatenate(arrays) for key, arrays in zip(traced, traces, strict=True)},
        )

    def ending(self) -> tuple[Array, dict[str, Array]]:
        """Return two results of all runs: `finite` [run] and `potential_moments`, by population [2, cell, run]."""
        found = self._each(lambda part: [part.finite(), *part.potential_moments().values()])
        finite, *moments = zip(*found, strict=True)
        sizes = self.program.network.sizes
        return np.concatenate(finite), {
            name: np.concatenate(arrays, axis=-1) for name, arrays in zip(sizes, moments, strict=True)
        }

    def carry(self) -> list[Array]:
        """Return the tensors of all batches, one batch after the other."""
        found = self._each(lambda part: [tensor.numpy() for tensor in tf.nest.flatten(part.carry)])
        return list(itertools.chain.from_iterable(found))

    def resume(self, step: int, carry: Sequence[Array]) -> None:
        """Put batches that have not begun at `step`, with the tensors of a saved state, each on its device."""
        self.step, arrays = step, iter(carry)
        for device, part in zip(self.devices, self.parts, strict=True):
            with tf.device(device):
                flat = [tf.constant(next(arrays)) for _ in tf.nest.flatten(part.carry)]
                part.carry = tf.nest.pack_sequence_as(part.carry, flat)
            part.step = step

    def _each(self, function: Callable[[Integration], list[Array]]) -> list[list[Array]]:
        """Call a function on all batches at once, each in a thread of its own on its device; return its values."""

        def there(device: str, part: Integration) -> list[Array]:
            with tf.device(device):
                return function(part)

        if len(self.parts) < 2:
            return list(map(there, self.devices, self.parts))
        with ThreadPoolExecutor(len(self.parts)) as threads:
            return list(threads.map(there, self.devices, self.parts))
