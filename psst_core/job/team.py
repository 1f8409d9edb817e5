"""The workers of a job: processes, here or on a cluster's nodes, that integrate a chunk's batches together.

TensorFlow connects them (`tf.distribute.MultiWorkerMirroredStrategy`). The first worker leads. It alone has the chunk's
file, its log and its saved state, and gives the orders. Each worker integrates its share of the batches, and their
records are gathered over the network. Nothing is exchanged within a segment.
"""

import contextlib
import io
import itertools
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from psst_core import tf
from psst_core.arrays import Array
from psst_core.errors import PsstError
from psst_core.integrate.backend import Backend, Ending, Round, Segment, joined, joined_endings
from psst_core.job.batches import backend_for, runs_of
from psst_core.job.checkpoint import SIGNALS, saved_arrays
from psst_core.store.manifest import Manifest

ORDERS = ("end", "begin", "compile", "restore", "advance", "state", "ending")
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

    def lead(self, backend: Backend, manifest: Manifest, number: int) -> Round:
        """Begin the batches from number `number` on, in all workers."""
        return LedRound(self, backend, manifest, number)

    def follow(self, manifest: Manifest, saved: Path) -> None:
        """Carry out the first worker's orders; `saved` is the file of its saved state."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        backend = backend_for(manifest)
        share = SharedRound(self, backend, manifest, len(manifest.batches))
        while (order := self.order())[0] != "end":
            match order:
                case "begin", first:
                    share = SharedRound(self, backend, manifest, first)
                case "restore", step:
                    share.restore(step, saved_arrays(saved, share.own, share.batches))
                case "advance", end:
                    share.advance(end)
                case name, _:
                    getattr(share, name)()
        time.sleep(GRACE)


class SharedRound:
    """A round of batches that all workers integrate together. Its results are those of all of their shares.

    Args:
        number: the first batch of the round.

    Attributes:
        own: the batches of this worker's share, counted in the round.
        batches: the number of batches in the round.
    """

    def __init__(self, team: Team, backend: Backend, manifest: Manifest, number: int) -> None:
        hardware, records = manifest.config.hardware, backend.records
        self.team, self.step = team, 0
        self.traced, self.populations = list(records.traced), list(records.sizes)
        self.batches = max(0, min(hardware.side_by_side, len(manifest.batches) - number))
        first = team.rank * hardware.devices
        self.own = range(min(first, self.batches), min(first + hardware.devices, self.batches))
        mine = [number + batch for batch in self.own]
        self.share = [backend.begin(runs_of(manifest, mine))] if mine else []

    def compile(self) -> None:
        for share in self.share:
            share.compile()
        self.team.gather([])  # waits for the others

    def advance(self, end: int) -> Segment:
        own = [self._arrays(share.advance(end)) for share in self.share]
        found = []
        for (first, steps), events, means, *traces in self.team.gather(own):
            kept = dict(zip(self.traced, traces, strict=True))
            found.append(Segment(int(first), int(steps), events[0], events[1], events[2], means, kept))
        self.step += found[0].steps
        return joined(found)

    def _arrays(self, segment: Segment) -> list[Array]:
        """Return a segment as arrays that can be sent."""
        events = np.stack([segment.spike_step, segment.spike_cell, segment.spike_run])
        traces = [segment.traces[name] for name in self.traced]
        return [np.array([segment.first_step, segment.steps]), events, segment.mean_potential, *traces]

    def ending(self) -> Ending:
        own = [share.ending() for share in self.share]
        found = self.team.gather(
            [[ending.finite, *(ending.moments[name] for name in self.populations)] for ending in own]
        )
        return joined_endings(
            [Ending(finite, dict(zip(self.populations, moments, strict=True))) for finite, *moments in found]
        )

    def state(self) -> list[Array]:
        return list(itertools.chain.from_iterable(self.team.gather([share.state() for share in self.share])))

    def restore(self, step: int, state: Sequence[Array]) -> None:
        """Put this worker's share at `step`, with its own arrays of a saved state."""
        self.step = step
        for share in self.share:
            share.restore(step, state)


class LedRound(SharedRound):
    """The first worker's view of a round; each call first orders the other workers to do the same with their shares."""

    def __init__(self, team: Team, backend: Backend, manifest: Manifest, number: int) -> None:
        team.order("begin", number)
        super().__init__(team, backend, manifest, number)

    def compile(self) -> None:
        self.team.order("compile")
        super().compile()

    def advance(self, end: int) -> Segment:
        self.team.order("advance", end)
        return super().advance(end)

    def ending(self) -> Ending:
        self.team.order("ending")
        return super().ending()

    def state(self) -> list[Array]:
        self.team.order("state")
        return super().state()

    def restore(self, step: int, state: Sequence[Array]) -> None:
        self.team.order("restore", step)
        super().restore(step, state[: len(state) // self.batches * len(self.own)])
