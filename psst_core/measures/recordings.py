"""The recordings of runs, as measures read them: one run, or some runs of a chunk at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from psst_core.arrays import Array
from psst_core.attributes import STATUS
from psst_core.configuration import Config
from psst_core.measures.base import ratio, whole
from psst_core.model.network import Network, connect
from psst_core.store.manifest import Manifest

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Num

TRACE = "trace_"
ROUNDING = 1e-6  # of a bin: so far after the edge of two bins, a spike still lies on it
BLOCK = 2**21  # numbers; so many samples of mean potentials are in memory at once


@dataclass(frozen=True)
class RunData:
    """The data of one run, from its chunk's file.

    Attributes:
        point: the run's value on each axis and its replicate numbers.
        populations: cells by population.
        spike_time, spike_cell: one entry a spike, ms and index through all populations.
        mean_potential: [population, time], mV.
        traces: by `trace_population_variable`, [cell, time]; empty when none were kept.
        config: the resolved configuration.
        status: ok or diverged.
        diverged_time: when the run was first seen not finite, ms; NaN if it was always finite.
    """

    point: dict[str, Any]
    populations: dict[str, int]
    spike_time: Array
    spike_cell: Array
    mean_potential: xr.DataArray
    traces: xr.Dataset
    config: Config
    status: str = "ok"
    diverged_time: float = float("nan")

    def cells(self, population: str) -> range:
        """Return the cells of a population, counted through all populations."""
        sizes, place = list(self.populations.values()), list(self.populations).index(population)
        return range(sum(sizes[:place]), sum(sizes[: place + 1]))

    def trains(self, population: str | None = None, window: Sequence[float] | None = None) -> list[Array]:
        """Return the spike times of each cell, in their order, ms.

        Args:
            population: of which the cells are; by default those of all populations, one after the other.
            window: only spikes after its begin and no later than its end.
        """
        trains = self._trains if population is None else [self._trains[cell] for cell in self.cells(population)]
        if window is None:
            return list(trains)
        return [train[np.searchsorted(train, window[0], "right") : np.searchsorted(train, window[1], "right")]
                for train in trains]  # fmt: skip

    def counts(self, window: Sequence[float], width: float, population: str | None = None) -> Int[Array, "cell bin"]:
        """Count the spikes of each cell in bins of the window. What follows the last whole bin is left out.

        Args:
            width: of a bin, ms. Its end belongs to it, its begin to the bin before.
            population: of which the cells are; by default those of all populations.
        """
        trains, begin = self.trains(population, window), window[0]
        bins = whole(window[1] - begin, width)
        cell = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
        place = np.ceil((np.concatenate([*trains, np.zeros(0)]) - begin) / width - ROUNDING).astype(int).clip(1) - 1
        inside = place < bins
        found: Array = np.bincount(cell[inside] * bins + place[inside], minlength=len(trains) * bins)
        return found.reshape(len(trains), bins)

    def sums(self, values: Num[Array, "cell ..."]) -> Num[Array, "population ..."]:
        """Sum over the cells of each population."""
        return sums(values, list(self.populations.values()))

    @cached_property
    def _trains(self) -> list[Array]:
        order = np.lexsort((self.spike_time, self.spike_cell))
        edges = np.searchsorted(self.spike_cell[order], np.arange(1, sum(self.populations.values())))
        return np.split(self.spike_time[order], edges)

    def connections(self) -> dict[str, Array]:
        """Draw the weights [post, pre] of the run's network again from its seed, by projection.

        Raises:
            NeedsPluginError: for a network of plugins, before `psst_core.plugins.load()` has imported them.
        """
        network = Network.from_config(self.config.network)
        drawn = connect(network, self.config.run.seed, int(self.point["network"]))
        sizes = network.sizes
        return {
            name: drawn[name].matrix(sizes[projection.post], sizes[projection.pre])
            for name, projection in network.projections.items()
        }

    def to_neo(self) -> Any:
        """Return the run as a `neo.Block`; see `exchange.to_neo`."""
        from psst_core.measures.exchange import to_neo

        return to_neo(self)

    def to_pynapple(self) -> dict[str, Any]:
        """Return the run as pynapple's objects; see `exchange.to_pynapple`."""
        from psst_core.measures.exchange import to_pynapple

        return to_pynapple(self)


@dataclass(frozen=True)
class Recordings:
    """The recordings of some runs of a chunk, in memory.

    Attributes:
        chunk: the chunk's file.
        runs: which of its runs.
        sizes: cells of each population.
        times: the sampling times, ms.
        ok: which runs are ok.
        spike_time, spike_cell, spike_run: one entry a spike: ms, index through all populations, and index of the run.
        potential: mean potential of each population, mV; 0 in runs that are not ok.
        cell_variance: variance of a cell's potential in `recorder.window`, mean over each population's cells, mV².
    """

    chunk: xr.Dataset
    runs: slice
    sizes: Int[Array, " population"]
    times: Float[Array, " time"]
    ok: Bool[Array, " run"]
    spike_time: Float[Array, " spike"]
    spike_cell: Int[Array, " spike"]
    spike_run: Int[Array, " spike"]
    potential: Float[Array, "run population time"]
    cell_variance: Float[Array, "run population"]

    def __len__(self) -> int:
        return len(self.ok)

    @property
    def populations(self) -> dict[str, int]:
        """The cells of each population."""
        return dict(zip(map(str, self.chunk["population"].values), self.sizes.tolist(), strict=True))

    @property
    def interval(self) -> float:
        """The time between two samples, ms."""
        return float(self.times[1] - self.times[0]) if len(self.times) > 1 else 1.0

    @property
    def duration(self) -> float:
        """The length of the runs, ms."""
        return len(self.times) * self.interval

    def covers(self, window: Sequence[float]) -> bool:
        """Return whether a window ends before the runs do, or with them."""
        return window[1] <= self.duration + 1e-6 * self.interval

    def samples(self, window: Sequence[float]) -> Bool[Array, " time"]:
        """Return which samples lie in a window, its begin included and its end not."""
        found: Array = (self.times >= window[0]) & (self.times < window[1])
        return found

    def spikes(
        self, window: Sequence[float]
    ) -> tuple[Float[Array, " inside"], Int[Array, " inside"], Int[Array, " inside"]]:
        """Return time [ms], cell and run of each spike in a window, its end included and its begin not."""
        inside = (self.spike_time > window[0]) & (self.spike_time <= window[1])
        return self.spike_time[inside], self.spike_cell[inside], self.spike_run[inside]

    def trains(self, window: Sequence[float]) -> tuple[Float[Array, " inside"], Int[Array, " inside"]]:
        """Return the spikes in a window, those of one cell after the other, each cell's in their order.

        Returns:
            For each spike its time, ms, and its cell, counted through all runs.
        """
        time, cell, run = self.spikes(window)
        train = run.astype(np.int64) * int(self.sizes.sum()) + cell
        order = np.lexsort((time, train))
        return time[order], train[order]

    def intervals(self, window: Sequence[float]) -> tuple[Float[Array, " interval"], Int[Array, " interval"]]:
        """Return the intervals between a cell's successive spikes in a window, ms, as `trains` returns spikes."""
        time, train = self.trains(window)
        same = np.diff(train) == 0
        return np.diff(time)[same], train[1:][same]

    def counts(self, window: Sequence[float]) -> Int[Array, "run cell"]:
        """Count the spikes of each cell in a window."""
        shape = (len(self), int(self.sizes.sum()))
        return np.bincount(self.trains(window)[1], minlength=shape[0] * shape[1]).reshape(shape)

    def groups(self, trains: Int[Array, " train"]) -> Int[Array, " train"]:
        """Return the population of each of these cells; both are counted through all runs."""
        run, cell = np.divmod(trains, self.sizes.sum())
        found: Array = run * len(self.sizes) + self._population[cell]
        return found

    @cached_property
    def _population(self) -> Int[Array, " cell"]:
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def total(
        self, trains: Int[Array, " train"], weights: Num[Array, " train"] | None = None
    ) -> Num[Array, "run population"]:
        """Sum over the cells of each population; `trains` count the cells of all runs."""
        shape = (len(self), len(self.sizes))
        found: Array = np.bincount(self.groups(trains), weights, shape[0] * shape[1]).reshape(shape)
        return found

    def mean(self, trains: Int[Array, " train"], values: Float[Array, " train"]) -> Float[Array, "run population"]:
        """Return the mean of values over these cells of each population, or over spikes or intervals; NaN without any.

        Args:
            trains: the cell of each value, counted through all runs.
        """
        number = self.total(trains)
        return ratio(self.total(trains, values), number, number > 0)

    def run(self, number: int) -> RunData:
        """Return one of the runs."""
        mine = slice(*np.searchsorted(self.spike_run, [number, number + 1]))
        place, planned = self.runs.start + number, self._manifest.runs[self.runs.start + number]
        kept = self.chunk["traced_run"].values if "traced_run" in self.chunk else ()
        names = [str(name) for name in self.chunk.data_vars if str(name).startswith(TRACE)]
        traced = self.chunk[names].sel(traced_run=place).load() if place in kept else xr.Dataset()
        axes = {"population": list(self.populations), "time": self.times}
        return RunData(
            {**planned.values, "network": planned.network, "trial": planned.trial},
            self.populations,
            self.spike_time[mine],
            self.spike_cell[mine],
            xr.DataArray(self.potential[number], axes, ("population", "time")),
            traced,
            self._manifest.config_of(planned),
        )

    @cached_property
    def _manifest(self) -> Manifest:
        return Manifest.of(json.loads(self.chunk.attrs["manifest"]))


def sums(values: Num[Array, "cell ..."], sizes: Sequence[int] | Array) -> Num[Array, "population ..."]:
    """Sum over the cells of each population, of which there are so many."""
    found: Array = np.add.reduceat(values, np.cumsum([0, *sizes[:-1]]), axis=0)
    return found


def recordings(chunk: xr.Dataset) -> Iterator[Recordings]:
    """Yield the recordings of a few runs at a time; each part of the file is read once."""
    sizes, times = chunk["population_size"].values, chunk["time"].values
    ok, variances = chunk["status"].values == STATUS["ok"], chunk["potential_variance"].values
    run = chunk["spike_run"].values
    order = np.argsort(run, kind="stable")
    time, cell, run = chunk["spike_time"].values[order], chunk["spike_cell"].values[order], run[order]
    for array in (time, cell, run):
        array.setflags(write=False)  # a measure that changed them would change what the next ones measure
    variance = sums(variances.T, sizes).T / sizes
    for runs, potential in _mean_potentials(chunk["mean_potential"]):
        potential[~ok[runs]] = 0.0
        potential.setflags(write=False)
        mine = slice(*np.searchsorted(run, [runs.start, runs.stop]))
        spikes = time[mine], cell[mine], run[mine] - runs.start
        yield Recordings(chunk, runs, sizes, times, ok[runs], *spikes, potential, variance[runs])


def _mean_potentials(variable: xr.DataArray) -> Iterator[tuple[slice, Float[Array, "run population time"]]]:
    potential = variable.transpose("run", "population", "time")
    runs, *rest = potential.shape
    few = max(1, BLOCK // max(1, int(np.prod(rest))))
    stored = (variable.encoding.get("chunksizes") or (1,))[0]
    at_once = stored * max(1, few // stored)
    for first in range(0, runs, at_once):
        read = potential[first : first + at_once].values
        for start in range(0, len(read), few):
            part = read[start : start + few].astype(float)
            yield slice(first + start, first + start + len(part)), part
