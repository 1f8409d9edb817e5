"""The equations as one TensorFlow/XLA program, on processors and on GPUs."""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from psst_core import tf
from psst_core.arrays import Array
from psst_core.configuration import Config, HardwareConfig
from psst_core.integrate.backend import Ending, Segment, Task, joined, joined_endings
from psst_core.integrate.batch import Run
from psst_core.integrate.integration import Integration
from psst_core.integrate.lanes import padded
from psst_core.integrate.program import Program
from psst_core.model.returned import uncompilable
from psst_core.registry import register

T = TypeVar("T")


@register("backend", "tensorflow")
class TensorFlow:
    """The backend that compiles the equations with TensorFlow's XLA; each device compiles them for itself."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.program = Program(task.config, task.varying, padded(task.lanes, task.config.solver.precision))
        self.records = self.program.records

    @classmethod
    def check(cls, config: Config) -> None:
        """Do nothing: it integrates every network."""

    def begin(self, batches: Sequence[Sequence[Run]]) -> "Devices":
        """Begin batches that are integrated side by side, one on each device."""
        return Devices(self.program, batches, device_names(self.task.config.hardware), self.task.plugins)


def device_names(hardware: HardwareConfig) -> list[str]:
    """Return the devices that `prepare` made for this `hardware`: GPUs, if it asks for them and they are there."""
    gpus = tf.config.list_logical_devices("GPU") if hardware.device != "cpu" else []
    return [device.name for device in (gpus or tf.config.list_logical_devices("CPU"))[: hardware.devices]]


class Devices:
    """A round of batches, each on its own device.

    Args:
        program: the program of all batches.
        batches: the runs of each batch.
        devices: the names of the devices in TensorFlow.
        plugins: the modules of plugins that the runs use.
    """

    def __init__(
        self,
        program: Program,
        batches: Sequence[Sequence[Run]],
        devices: Sequence[str],
        plugins: Sequence[str] = (),
    ) -> None:
        self.program, self.plugins, self.step = program, plugins, 0
        self.devices = list(itertools.islice(itertools.cycle(devices), len(batches)))
        self.parts = []
        for device, runs in zip(self.devices, batches, strict=True):
            with tf.device(device):
                self.parts.append(Integration(program, runs))

    def compile(self) -> None:
        """Compile the program, or read it from an earlier compilation, by integrating no samples.

        Raises:
            PsstError: when a plugin uses something that cannot be compiled.
        """
        none = tf.constant(0)
        try:
            self._each(lambda part: self.program.advance(part.carry, part.inputs, none, none))
        except tf.errors.InvalidArgumentError as error:
            raise uncompilable(error, self.plugins) or error from error

    def advance(self, end: int) -> Segment:
        """Integrate the next segment of all batches."""
        segment = joined(self._each(lambda part: part.advance(end)))
        self.step += segment.steps
        return segment

    def ending(self) -> Ending:
        """Return what is known of all runs at the end."""
        return joined_endings(self._each(Integration.ending))

    def state(self) -> list[Array]:
        """Return the tensors of all batches, in the order of `tf.nest.flatten`, one batch after the other."""
        found = self._each(lambda part: [tensor.numpy() for tensor in tf.nest.flatten(part.carry)])
        return list(itertools.chain.from_iterable(found))

    def restore(self, step: int, state: Sequence[Array]) -> None:
        """Put batches that have not begun at `step`, with the tensors of a saved state, each on its device."""
        self.step, arrays = step, iter(state)
        for device, part in zip(self.devices, self.parts, strict=True):
            with tf.device(device):
                flat = [tf.constant(next(arrays)) for _ in tf.nest.flatten(part.carry)]
                part.carry = tf.nest.pack_sequence_as(part.carry, flat)
            part.step = step

    def _each(self, function: Callable[[Integration], T]) -> list[T]:
        """Call a function on all batches at once, each in a thread of its own on its device; return its values."""

        def there(device: str, part: Integration) -> T:
            with tf.device(device):
                return function(part)

        if len(self.parts) < 2:
            return list(map(there, self.devices, self.parts))
        with ThreadPoolExecutor(len(self.parts)) as threads:
            return list(threads.map(there, self.devices, self.parts))
