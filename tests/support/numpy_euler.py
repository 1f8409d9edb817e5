"""The smallest backend, in NumPy: plain systems by forward Euler. As a file in plugins/ it is a backend to choose."""

import itertools
from collections.abc import Sequence

import numpy as np

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.integrate.backend import Ending, Records, Segment, Task, joined, joined_endings
from psst_core.integrate.batch import Batch, Run
from psst_core.keys import put
from psst_core.model.mechanisms import Clock
from psst_core.model.network import Network
from psst_core.registry import register


@register("backend", "numpy")
class NumPyEuler:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.records = Records.of(task.config, Network.from_config(task.config.network), task.lanes)

    @classmethod
    def check(cls, config: Config) -> None:
        membranes = [name for name, part in config.network.populations.items() if part.equations is None]
        if membranes or (config.solver.name, config.solver.precision) != ("euler", "float64"):
            raise PsstError(
                "hardware.backend=numpy: integrates plain systems alone, by solver=euler in float64; "
                "set hardware.backend=tensorflow"
            )

    def begin(self, batches: Sequence[Sequence[Run]]) -> "Together":
        return Together([Systems(self.task, self.records, runs) for runs in batches])


class Together:
    """Batches one after the other, used like one."""

    def __init__(self, parts: Sequence["Systems"]) -> None:
        self.parts, self.step = parts, 0

    def compile(self) -> None:
        """Do nothing."""

    def advance(self, end: int) -> Segment:
        segment = joined([part.advance(end) for part in self.parts])
        self.step += segment.steps
        return segment

    def ending(self) -> Ending:
        return joined_endings([part.ending() for part in self.parts])

    def state(self) -> list[Array]:
        return list(itertools.chain.from_iterable(part.state() for part in self.parts))

    def restore(self, step: int, state: Sequence[Array]) -> None:
        arrays, self.step = iter(state), step
        for part in self.parts:
            part.restore(step, arrays)


class Systems:
    """One batch: each variable of each population is an array [cell, run]."""

    def __init__(self, task: Task, records: Records, runs: Sequence[Run]) -> None:
        batch = Batch(runs)
        parameters = put(task.config, batch.parameters(task.varying))
        self.network, self.records = Network.from_config(parameters.network), records
        self.x, self.dt, self.step = batch.start(), task.config.run.dt, 0
        self.sums = {name: np.zeros((2, size, len(runs))) for name, size in records.sizes.items()}

    def advance(self, end: int) -> Segment:
        first, per_sample = self.step, self.records.steps_per_sample
        means, traces = [], []
        for _ in range(min(self.records.samples, (end - first) // per_sample)):
            means.append([self.signal(name).mean(axis=0) for name in self.x])
            traces.append([self.x[t.population][t.variable][t.cells] for t in self.records.traced.values()])
            if self.records.window[0] <= self.step < self.records.window[1]:
                for name, total in self.sums.items():
                    total += np.stack([self.signal(name), self.signal(name) ** 2])
            for _ in range(per_sample):
                self.x = {name: self.after_step(name) for name in self.x}
                self.step += 1
        nothing = np.empty(0, dtype=int)
        kept = {
            key: np.stack(found).T for key, found in zip(self.records.traced, zip(*traces, strict=True), strict=True)
        }
        return Segment(first, self.step - first, nothing, nothing, nothing, np.transpose(means, (1, 2, 0)), kept)

    def after_step(self, name: str) -> dict[str, Array]:
        x, system = self.x[name], self.network.populations[name].system
        slopes = system.field(x, Clock(self.step, 0.0, self.dt))
        return {variable: value + self.dt * np.asarray(slopes[variable].field(value)) for variable, value in x.items()}

    def signal(self, name: str) -> Array:
        return self.x[name][self.network.populations[name].signal]

    def ending(self) -> Ending:
        first, last = self.records.window
        count = (min(last, self.step) - first) // self.records.steps_per_sample
        finite = [np.isfinite(value).all(axis=0) for part in self.x.values() for value in part.values()]
        return Ending(np.logical_and.reduce(finite), {name: total / count for name, total in self.sums.items()})

    def state(self) -> list[Array]:
        return [*(value for part in self.x.values() for value in part.values()), *self.sums.values()]

    def restore(self, step: int, arrays) -> None:
        self.step = step
        self.x = {name: {variable: next(arrays) for variable in part} for name, part in self.x.items()}
        self.sums = {name: next(arrays).copy() for name in self.sums}
