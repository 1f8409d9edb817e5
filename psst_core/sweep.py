"""The algebra of a sweep: overrides and axes become runs, each with an id from what it computes.

An axis is a dotted key (`network.coupling`) or a whole group (`solver`) with its values (grammar.py).
"""

import copy
import itertools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from omegaconf import DictConfig, OmegaConf

from psst_core import grammar
from psst_core.checks import check, check_part
from psst_core.config import compose, groups, resolve, update
from psst_core.dataset import ATTRIBUTES
from psst_core.digest import digest
from psst_core.errors import PsstError
from psst_core.identity import Identity
from psst_core.keys import Config, array_keys, get, parameter_keys, put
from psst_core.schema import units

RESERVED = {*ATTRIBUTES, "run", "cell", "spike", "chunk", "position"}
SWEEPABLE = ("network", "stimulus", "solver", "run")
SAFE = re.compile(r"[A-Za-z0-9_.,=+\-()\[\]:/* ]*")


@dataclass(frozen=True)
class Axis:
    """One dimension of the sweep.

    Attributes:
        key: the dotted key, or the name of a group.
        name: the dimension in the cube, the key's last part where that is unique.
        values: as the schema types them; choices' names for a group.
        dimension: its own name on a grid; `run` where it moves together with others.
    """

    key: str
    name: str
    values: tuple[Any, ...]
    dimension: str

    @property
    def numeric(self) -> bool:
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


@dataclass(frozen=True)
class SweepRun:
    """One run: a point of the sweep and the numbers of its replicates.

    Attributes:
        id: digest of what it computes.
        point: its value on each axis, by the axis's name.
        values: by key, what may differ from `base`, a checked configuration that many runs share.
    """

    id: str
    point: dict[str, Any]
    network: int
    trial: int
    base: Config = field(repr=False)
    values: dict[str, Any] = field(repr=False)

    @cached_property
    def config(self) -> Config:
        return put(self.base, self.values)

    def value(self, key: str) -> Any:
        """One value of its configuration."""
        return self.values[key] if key in self.values else get(self.base, key)


@dataclass(frozen=True)
class Sweep:
    """A validated sweep; `config` is that of its first point."""

    experiment: str
    overrides: tuple[str, ...]
    axes: tuple[Axis, ...]
    config: Config
    runs: tuple[SweepRun, ...]

    @cached_property
    def digest(self) -> str:
        """Of its runs, and of how jobs are wanted."""
        hardware = {key: self.config["hardware"][key] for key in ("lanes", "jobs", "job_minutes", "mem_mb")}
        return digest([[run.id for run in self.runs], hardware])


def split_overrides(text: Any) -> list[str]:
    """The single overrides in one text, refusing what Snakemake, Slurm or a shell would change on its way."""
    if not isinstance(text, str):
        raise PsstError(
            f"overrides={text!r}: arrived as {type(text).__name__} instead of text; "
            "write it in a file in conf/experiment/ and name that as the experiment"
        )
    if not SAFE.fullmatch(text):
        bad = "".join(sorted(set(re.sub(SAFE, "", text)))) or "?"
        raise PsstError(
            f"overrides={text!r}: the characters {bad!r} would not survive the command line; "
            "write it in a file in conf/experiment/ and name that as the experiment"
        )
    return shlex.split(text)


def expand(experiment: str, overrides: Sequence[str] = ()) -> Sweep:
    """Compose and validate a sweep.

    Raises:
        PsstError: naming the key and the value of the first thing that is wrong.
    """
    known = groups()
    choices = {"experiment": experiment}
    fixed: dict[str, Any] = {}
    swept: dict[str, list[Any]] = {}
    for override in (grammar.parse(text) for text in overrides):
        key = override.key_or_group
        if key == "experiment":
            raise PsstError(f"override {override.input_line!r}: name the experiment with --config experiment=")
        if key in {**choices, **fixed, **swept}:
            raise PsstError(f"override {override.input_line!r}: {key} is given twice")
        if override.is_sweep_override():
            swept[key] = grammar.values(override, known.get(key, ()))
        elif key in known:
            choices[key] = str(override.value())
        else:
            fixed[key] = override.value()
    first = compose(choices)
    values = {key: grammar.axis_values(key, text, known.get(key, ())) for key, text in first.sweep.axes.items()}
    for key in list(fixed):
        if key.startswith("sweep.axes"):
            raise PsstError(f"{key}: give the axis by its own key, such as network.coupling=0.1,0.2")
        if key in values:
            swept[key] = [fixed.pop(key)]
    for group in set(choices) & set(values):
        swept[group] = [choices.pop(group)]
    values |= swept
    for key, found in values.items():
        if not found:
            raise PsstError(f"axis {key}: is empty; give at least one value")
    group_axes = {key: [str(value) for value in values[key]] for key in values if key in known}
    number_axes = {key: values[key] for key in values if key not in known}
    bases = []
    for combination in itertools.product(*group_axes.values()):
        composed = compose(choices | dict(zip(group_axes, combination, strict=True)))
        for key, value in fixed.items():
            update(composed, key, value)
        bases.append((combination, resolve(composed), _typed_values(composed, number_axes)))
    names = _dimension_names(list(values))
    typed = group_axes | bases[0][2]
    axes = tuple(Axis(key, names[key], tuple(typed[key]), names[key]) for key in values)
    config = bases[0][1]
    for axis in axes:
        _check_axis(axis)
        units(config, axis.key)
    populations = {tuple(base["network"]["populations"]) for _, base, _ in bases}
    if len(populations) > 1:
        raise PsstError(
            f"network: the sweep mixes networks of different populations, {' and '.join(map(str, populations))}; "
            "run one sweep for each"
        )
    count = len(bases) * _product(len(v) for v in number_axes.values()) * _replicates(config)
    if count > grammar.MOST:
        raise PsstError(f"the sweep has {count:,} runs; at most {grammar.MOST:,} are planned at once")
    runs = tuple(_runs(axes, group_axes, bases))
    if len({run.id for run in runs}) < len(runs):
        raise PsstError("the sweep holds the same run more than once; two choices of an axis mean the same")
    return Sweep(experiment, tuple(overrides), axes, runs[0].config, runs)


def _runs(axes: Sequence[Axis], group_axes: Mapping[str, Any], bases: Sequence[Any]) -> Iterator[SweepRun]:
    """Every point in every replicate.

    What is checked together is kept small: numbers of the equations part by part, all else in every combination.
    """
    for combination, base, typed in bases:
        chosen = dict(zip(group_axes, combination, strict=True))
        free = {*parameter_keys(base), *array_keys(base)}
        light, heavy = [key for key in typed if key in free], [key for key in typed if key not in free]
        made: dict[tuple[Any, ...], tuple[Config, Identity]] = {}
        replicates = list(itertools.product(*(range(base["sweep"][name]) for name in ("networks", "trials"))))
        for numbers in itertools.product(*typed.values()):
            at = dict(zip(typed, numbers, strict=True))
            values, others = {key: at[key] for key in light}, tuple(at[key] for key in heavy)
            if others not in made:
                config = put(base, at)
                check(config)
                made[others] = config, Identity(config)
            config, identity = made[others]
            point = {axis.name: chosen[axis.key] if axis.key in chosen else at[axis.key] for axis in axes}
            for network, trial in replicates:
                yield SweepRun(identity.run_id(values, network, trial), point, network, trial, config, values)
        for config in {config["run"]["dt"]: config for config, _ in made.values()}.values():
            _check_light(config, {key: typed[key] for key in light})


def _check_light(config: Config, axes: Mapping[str, Sequence[Any]]) -> None:
    """Check the numbers of the equations: those that belong to one part of the configuration in all combinations."""
    parts: dict[str, list[str]] = {}
    for key in axes:
        parts.setdefault(key.rpartition(".")[0], []).append(key)
    for part, keys in parts.items():
        for numbers in itertools.product(*(axes[key] for key in keys)):
            check_part(put(config, dict(zip(keys, numbers, strict=True))), part)


def _typed_values(config: DictConfig, axes: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Each axis's values as the schema types them."""
    probe = copy.deepcopy(config)
    typed: dict[str, list[Any]] = {}
    for key, values in axes.items():
        typed[key] = []
        for value in values:
            if "${" in str(value):
                raise PsstError(f"axis {key}: {value} is an interpolation; write the value itself")
            if not (typed[key] and isinstance(value, float) and isinstance(typed[key][-1], float)):
                update(probe, key, value)
                value = OmegaConf.select(probe, key)
            typed[key].append(value)
    return typed


def _dimension_names(keys: Sequence[str]) -> dict[str, str]:
    """The last part of each key, or all of it where that is taken."""
    last = [key.rpartition(".")[2] for key in keys]
    names = {}
    for key, short in zip(keys, last, strict=True):
        free = last.count(short) == 1 and short not in RESERVED
        names[key] = short if free else (key.replace(".", "_") if "." in key else f"{key}_choice")
    return names


def _check_axis(axis: Axis) -> None:
    if axis.key.split(".")[0] not in SWEEPABLE:
        raise PsstError(f"axis {axis.key}: decides no number of a run, so it cannot be an axis")
    seen = set()
    for value in axis.values:
        if value is None or isinstance(value, list | dict):
            raise PsstError(f"axis {axis.key}: {value} is not a number or a word")
        if value in seen:
            raise PsstError(f"axis {axis.key}: holds {value} twice")
        seen.add(value)


def _replicates(config: Config) -> int:
    return int(config["sweep"]["networks"] * config["sweep"]["trials"])


def _product(numbers: Any) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result
