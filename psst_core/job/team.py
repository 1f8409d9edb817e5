"""The workers of a job: processes, here or on a cluster's nodes, that integrate a chunk's batches together.

TensorFlow connects them (`tf.distribute.MultiWorkerMirroredStrategy`). The first worker leads. It alone has the chunk's
file, its log and its saved state, and gives the orders. Each worker integrates its share of the batches, and their
records are gathered over the network. Nothing is exchanged within a segment.
"""

import contextlib
import io
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from psst_core import tf
from psst_core.errors import PsstError
from psst_core.integrate.devices import Round, device_names, program_of, runs_of
from psst_core.integrate.simulate import Array, Integration, Program, Segment
from psst_core.job.checkpoint import SIGNALS, carry_of
from psst_core.store.manifest import Manifest

ORDERS = ("end", "begin", "compile", "resume", "advance", "carry", "ending")
PORTS = range(20_000, 30_000)  # for workers under Slurm; different jobs begin at different ports
WORD = np.dtype("int64")
GRACE = 2.0  # s for which a worker waits before it ends, so that the first one gets its last answer


def connect() -> Any:
    """Return the strategy that connects this worker with the others.

    Workers find each other by `TF_CONFIG`. In a step of a Slurm job with several tasks they find each other by Slurm's
    variables.

    Raises:
        PsstError: when Slurm numbers its nodes in another way than TensorFlow does.
    """
    found = (
        slurm_cluster() if "TF_CONFIG" not in os.environ else tf.distribute.cluster_resolver.TFConfigClusterResolver()
    )
    cluster = found.cluster_spec()
    # Without GPUs, because results are exchanged in the memory of the processor.
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        cluster, task_type=found.task_type, task_id=found.task_id, rpc_layer="grpc"
    )
    return tf.distribute.MultiWorkerMirroredStrategy(resolver)


def slurm_cluster() -> Any:
    """Return the cluster of this step's tasks, a worker each."""
    port, tasks = (
        PORTS.start + int(os.environ["SLURM_JOB_ID"]) * 64 % len(PORTS),
        int(os.environ["SLURM_STEP_NUM_TASKS"]),
    )
    found = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=port, gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False
    )
    at, here = found.cluster_spec().task_address(found.task_type, found.task_id), os.environ["SLURMD_NODENAME"]
    if at.partition(":")[0] != here:
        raise PsstError(
            f"Slurm runs worker {found.task_id} on {here}, TensorFlow looks for it at {at}; take nodes whose "
            "numbers have equally many digits, or hardware.workers=1"
        )
    return found


class Team:
    """The workers of a job, from the view of this one.

    Args:
        strategy: the value of `connect`.
    """

    def __init__(self, strategy: Any) -> None:
        self.strategy, self.rank = strategy, int(strategy.cluster_resolver.task_id)
        signature = [tf.TensorSpec([None], tf.int64)]
        self._gather = tf.function(lambda words: strategy.gather(words, axis=0), input_signature=signature)

    def gather(self, parts: list[list[Array]]) -> list[list[Array]]:
        """Return the lists of all workers, one after the other."""
        file = io.BytesIO()
        named: dict[str, Any] = {f"{i}.{j}": array for i, part in enumerate(parts) for j, array in enumerate(part)}
        np.savez(file, **named)
        message, counts = file.getvalue(), [len(part) for part in parts]
        header = np.array([len(message), len(counts), *counts], WORD)
        body = np.frombuffer(message + bytes(-len(message) % WORD.itemsize), WORD)
        words, found = self._gather(tf.constant(np.concatenate([header, body]))).numpy(), []
        while len(words):
            length, number = words[:2]
            counts, words = words[2 : 2 + number], words[2 + number :]
            with np.load(io.BytesIO(words.tobytes()[:length]), allow_pickle=False) as arrays:
                found += [[arrays[f"{i}.{j}"] for j in range(count)] for i, count in enumerate(counts)]
            words = words[-(-length // WORD.itemsize) :]
        return found

    def order(self, name: str = ORDERS[0], argument: int = 0) -> tuple[str, int]:
        """Return the first worker's order and its argument; those of other workers are ignored."""
        ((order, *_), *_) = self.gather([[np.array([ORDERS.index(name), argument])]])
        return ORDERS[order[0]], int(order[1])

    @contextlib.contextmanager
    def leading(self) -> Iterator[None]:
        """End the other workers when this block ends, also when it ends because the job was asked to stop."""
        try:
            yield
        except SystemExit:
            self.order("end")
            raise
        self.order("end")

    def lead(self, program: Program, manifest: Manifest, number: int) -> Round:
        """Begin the batches from number `number` on, in all workers."""
        return Led(self, program, manifest, number)

    def follow(self, manifest: Manifest, saved: Path) -> None:
        """Carry out the first worker's orders; `saved` is the file of its saved state."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        program = program_of(manifest)
        share = Share(self, program, manifest, len(manifest.batches))
        while (order := self.order())[0] != "end":
            match order:
                case "begin", first:
                    share = Share(self, program, manifest, first)
                case "resume", step:
                    share.resume(step, share.saved(saved))
                case "advance", end:
                    share.advance(end)
                case name, _:
                    getattr(share, name)()
        time.sleep(GRACE)


class Share(Round):
    """A worker's share of the batches that are integrated side by side; its results are those of all shares together.

    Args:
        number: the first batch of all shares.
    """

    def __init__(self, team: Team, program: Program, manifest: Manifest, number: int) -> None:
        hardware, batches = manifest.config.hardware, len(manifest.batches)
        devices = hardware.devices
        self.team, self.first = team, team.rank * devices
        own = range(number + self.first, min(number + self.first + devices, batches))
        super().__init__(program, runs_of(manifest, own), device_names(hardware))

    def saved(self, path: Path) -> list[Array]:
        """Return this worker's part of a saved state."""
        tensors = [len(tf.nest.flatten(part.carry)) for part in self.parts]
        return carry_of(path, self.first * tensors[0], sum(tensors)) if tensors else []

    def _each(self, function: Callable[[Integration], list[Array]]) -> list[list[Array]]:
        return self.team.gather(super()._each(function))


class Led(Share):
    """The first worker's share; each call first orders the other workers to do the same with theirs."""

    def __init__(self, team: Team, program: Program, manifest: Manifest, number: int) -> None:
        team.order("begin", number)
        super().__init__(team, program, manifest, number)

    def compile(self) -> None:
        self.team.order("compile")
        super().compile()

    def advance(self, end: int) -> Segment:
        self.team.order("advance", end)
        return super().advance(end)

    def ending(self) -> tuple[Array, dict[str, Array]]:
        self.team.order("ending")
        return super().ending()

    def carry(self) -> list[Array]:
        self.team.order("carry")
        return super().carry()

    def resume(self, step: int, carry: Sequence[Array]) -> None:
        self.team.order("resume", step)
        super().resume(step, carry)
