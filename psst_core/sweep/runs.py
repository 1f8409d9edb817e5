"""The axes and runs of a sweep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from psst_core.attributes import RUN
from psst_core.config.reads import Reads
from psst_core.configuration import Config
from psst_core.keys import get, put


@dataclass(frozen=True)
class Axis:
    """A key of the sweep, and the values that it takes.

    Attributes:
        key: the dotted key, or the name of a group.
        name: of its coordinate in the cube: the key's last part, where no other axis has that.
        values: as the schema types them; for a group the names of choices; along `run` one for each point.
        dimension: its own name on a grid; `run` where it moves together with others.
        lists: for an axis over lists, by the text that stands for a list among `values`, the list as the schema types
            it.
    """

    key: str
    name: str
    values: tuple[Any, ...]
    dimension: str
    lists: Mapping[str, list[Any]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def words(self) -> bool:
        """True where a value is a word; such a word may look like a number."""
        return any(isinstance(value, str) for value in self.values)

    @property
    def numeric(self) -> bool:
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


@dataclass(frozen=True)
class SweepRun:
    """One run: a point of the sweep and the numbers of its replicates.

    Attributes:
        id: digest of what it computes.
        point: by the axis's name, its value; with `run`, its place on that dimension.
        network, trial: the replicates of its row.
        values: by key, the values that may differ from `base`.
        base: a checked configuration that many runs share.
        drawn: the numbers of the network and the trial that it computes with: 0 where replicates are identical.
        reads: the keys that decide nothing. Such a key has the value that it would have without the sweep.
    """

    id: str
    point: dict[str, Any]
    network: int
    trial: int
    base: Config = field(repr=False)
    values: dict[str, Any] = field(repr=False)
    drawn: tuple[int, int]
    reads: Reads = field(repr=False)

    @cached_property
    def config(self) -> Config:
        return put(self.base, self.values)

    def value(self, key: str) -> Any:
        """Return one value of its configuration."""
        return self.values[key] if key in self.values else get(self.base, key)


@dataclass(frozen=True)
class Sweep:
    """A validated sweep.

    Attributes:
        config: of its first point.
        runs: one for each row. Rows that differ only in what is not read share a run, and its id.
        notes: what people should know of the sweep, a line each.
    """

    experiment: str
    overrides: tuple[str, ...]
    axes: tuple[Axis, ...]
    config: Config
    runs: tuple[SweepRun, ...]
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The names of what a point holds: `run` where axes move together, then the names of the axes."""
        together = [RUN] if any(axis.dimension == RUN for axis in self.axes) else []
        return [*together, *(axis.name for axis in self.axes)]
