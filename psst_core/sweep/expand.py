"""The expansion of a sweep: overrides and axes become runs, each with an id of what it computes.

An axis is a dotted key (`network.coupling`) or a whole group (`solver`) with its values (grammar.py, axes.py).
"""

import copy
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from omegaconf import DictConfig, OmegaConf

from psst_core.config.checks import check, check_part, unmeasured
from psst_core.config.compose import Compositions, entry, groups, resolve, unknown, update
from psst_core.config.reads import Reads, reads, sort_of
from psst_core.config.schema import text_keys, units
from psst_core.configuration import MOST, Config, SampleConfig
from psst_core.errors import PsstError
from psst_core.keys import array_keys, get, parameter_keys, put
from psst_core.names import check_word
from psst_core.registry import check_ranges
from psst_core.sweep import grammar
from psst_core.sweep.axes import RUN, Points, visit
from psst_core.sweep.grammar import RUNS
from psst_core.sweep.identity import Identity
from psst_core.sweep.lists import Lists, check_depth, depth_of, depth_of_key, read_list, settings, text_of
from psst_core.written import SWEEPABLE, Plain, shown, typed

# By key or group, why it cannot be an axis.
UNSWEEPABLE = {
    "hardware": "says where and how runs are made, which changes no number of them; give one value, and compare "
    "machines and programs with experiment=benchmark",
    "recorder": "says what is kept of the same runs; give one value, and plan a sweep of another name for each "
    "other one",
    "analysis": "says how the same runs are measured; give one value, and plan a sweep of another name for each other "
    "one: no run is made twice",
    "numerics": "compares runs of one sweep with their twins; give one value",
    "sweep": "says which runs there are; give one value",
    "figures": "names all that is drawn, as in figures=[raster,spectra]",
    "formats": "names all formats of the figures, as in formats=[pdf]",
    "style": "says how figures look; give one value",
    "scale": "chooses all that `paper` holds; give one value",
    "paper": "holds what scale=paper sets; give one value",
    "description": "is a text about the sweep; give one",
    "institution": "is a text about the sweep; give one",
}
SAFE = re.compile(r"[A-Za-z0-9_.,=+\-()\[\]:/*<>!% ]*")
WHERE = "sweep.where"
PAPER = "scale=paper"


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


def split_overrides(text: object) -> list[str]:
    """Split a text into single overrides. Refuse what Snakemake, Slurm or a shell would change on its way."""
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
    return text.split()


def expand(experiment: str, overrides: Sequence[str] = ()) -> Sweep:
    """Compose a sweep and check it.

    Raises:
        PsstError: naming the key and the value of the first thing that is wrong.
    """
    known, compositions = groups(), Compositions()
    choices, fixed, given = _sorted(experiment, _scaled(experiment, overrides, compositions), known)
    lists = Lists()
    first, axes = _requested(choices, fixed, given, known, lists, compositions)

    def table(key: str, column: Sequence[object]) -> list[Any]:
        return lists.cells(key, column) if depth_of_key(first, key) else list(column)

    def whole(key: str) -> bool:
        found = entry(first, key)
        return found is not None and isinstance(found._value(), int)

    points = visit(axes, first.sweep, whole, {*known, *text_keys()}, table)
    _check_keys(points, axes, choices, fixed, first)
    swept = [key for key in points.columns if key in known]
    variants = _variants(points, choices, fixed, swept, lists, compositions)
    typical = variants[0]
    replicates = [range(count) for count in typical.config.sweep.replicates.values()]
    if (count := len(points) * len(replicates[0]) * len(replicates[1])) > MOST:
        raise PsstError(f"the sweep has {count:,} runs; at most {MOST:,} are planned at once")
    found = tuple(
        Axis(
            key,
            points.names[key],
            tuple(typical.named(key, values)),
            points.dimensions[key],
            dict(zip(values, typical.typed[key], strict=True)) if key in lists.of else {},
        )
        for key, values in points.columns.items()
    )
    for axis in found:
        _check_axis(axis)
        units(typical.config, axis.key)
    for variant in dict.fromkeys(variants):
        variant.config["recorder"]["runs"] = _recorded(typical.config.recorder.runs, found)
    runs = tuple(_runs(points, variants, list(product(*replicates))))
    for variant in dict.fromkeys(variants):
        variant.check_parts()
    counts = [(reads, number) for reads, number in _counted(runs)]
    notes = [*_axes_read(found, typical, counts, given.keys())]
    notes += _replicates_read(typical.config.sweep.replicates, counts)
    notes += _fixed_read(choices, fixed, swept, counts, compositions)
    notes += _merged(found, runs)
    bases = {id(run.base): run.base for run in runs}.values()
    notes += dict.fromkeys(note for config in bases if (note := unmeasured(config)) is not None)
    return Sweep(experiment, tuple(overrides), found, runs[0].config, runs, tuple(notes))


def _scaled(experiment: str, overrides: Sequence[str], compositions: Compositions) -> list[str]:
    """Return the overrides and, where they ask for `scale=paper`, the experiment's own for that size.

    Where they name a sweep, it replaces the experiment's sweep and the axes of its `paper`.
    """
    if PAPER not in overrides:
        return list(overrides)
    named = {text.partition("=")[0] for text in overrides}
    found = resolve(compositions.compose({"experiment": experiment}))["paper"]
    paper = [f"{key}={shown(value)}" for key, value in found.items() if key not in named]
    if "sweep" in named:
        paper = [text for text in paper if not text.startswith("sweep.") and not grammar.parse(text).is_axis]
    return [*overrides, *paper]


def _requested(
    choices: dict[str, str],
    fixed: dict[str, Any],
    given: dict[str, Any],
    known: Mapping[str, Sequence[str]],
    lists: Lists,
    compositions: Compositions,
) -> tuple[DictConfig, dict[str, Any]]:
    """Return the configuration at the first choices, and by key the axes of the sweep file and of the overrides.

    A fixed value or choice takes the place of the values of the sweep file's axis, and leaves `fixed` or `choices`.
    Several lists for a key become an axis. Lists among the values of axes become their texts.
    """
    first = compositions.compose(choices)
    written = dict(first.sweep.axes.items())
    axes = {key: grammar.axis_values(key, text, known) for key, text in written.items()} | given
    swept = {key: values for key, values in axes.items() if key in known and isinstance(values, list)}
    axes |= {key: [_choice(key, value) for value in values] for key, values in swept.items()}
    groups_swept = {key: axes[key][0] for key, values in swept.items() if key not in choices and values}
    if groups_swept and any(depth_of_key(first, key) is None for key in (*axes, *fixed)):
        first = compositions.compose(choices | groups_swept)
    for key in [key for key in fixed if key.split(".")[0] in SWEEPABLE]:
        depth = depth_of_key(first, key)
        if depth and depth_of(fixed[key]) == depth + 1:
            axes[key] = given[key] = fixed.pop(key)
    _set_all(first, fixed)
    for key, values in axes.items():
        if isinstance(values, list) and key not in known:
            in_file = key not in given and (OmegaConf.is_list(written[key]) or isinstance(written[key], list))
            axes[key] = _settings(first, key, values, in_file, lists)
    for key in axes.keys() & fixed.keys():
        axes[key] = lists.texts(key, [fixed.pop(key)])
    for group in axes.keys() & (choices.keys() - given.keys()):
        axes[group] = [choices.pop(group)]
    if not any(isinstance(values, grammar.Interval) for values in axes.values()):
        for key in (key for key in fixed if key.startswith("sweep.sample.")):
            raise PsstError(f"{key}: no axis is an interval; write one such as network.gaba=interval(0,1)")
    check_ranges(SampleConfig, first.sweep.sample, "sweep.sample")
    return first, axes


def _settings(config: DictConfig, key: str, values: list[Any], in_file: bool, lists: Lists) -> list[Any]:
    """Return the values of an axis, with texts in place of lists.

    Raises:
        PsstError: for a list where the key takes none.
    """
    depth = depth_of_key(config, key)
    if depth:
        values = settings([read_list(value, key) for value in values], depth, in_file)
        check_depth(values, depth, key)
    for value in values if not depth else ():
        if isinstance(value, list):
            update(copy.deepcopy(config), key, value)
    return lists.texts(key, values)


def _check_keys(
    points: Points,
    axes: Mapping[str, object],
    choices: Mapping[str, str],
    fixed: Mapping[str, object],
    first: DictConfig,
) -> None:
    for key in points.columns:
        if key in fixed or (key in choices and key not in axes):
            raise PsstError(f"{key}: is a column of sweep.table={first.sweep.table} too; give it in one place")
        if key.split(".")[0] not in first:
            raise unknown(first, first, key.split(".")[0], key.split(".")[0], key)
        if (why := UNSWEEPABLE.get(key.split(".")[0])) is not None:
            raise PsstError(f"{key}: cannot be an axis; it {why}")


def _variants(
    points: Points,
    choices: Mapping[str, str],
    fixed: Mapping[str, object],
    group_keys: Sequence[str],
    lists: Lists,
    compositions: Compositions,
) -> list["_Variant"]:
    """Return the variant of each point. There is one variant for each combination of choices of the swept groups."""
    combinations = list(zip(*(_at(points, key) for key in group_keys), strict=True)) or [()] * len(points)
    made: dict[tuple[Any, ...], _Variant] = {}
    for chosen in dict.fromkeys(combinations):
        own = dict(zip(group_keys, map(str, chosen), strict=True))
        made[chosen] = _Variant(_fitted({**choices, **own}, fixed, group_keys, compositions), points, group_keys, lists)
    populations = {tuple(variant.config.network.populations) for variant in made.values()}
    if len(populations) > 1:
        raise PsstError(
            f"network: the sweep mixes networks of different populations, {' and '.join(map(str, populations))}; "
            "run one sweep for each"
        )
    bands = {str(variant.config.analysis.band) for variant in made.values()}
    if len(bands) > 1:
        raise PsstError(
            f"analysis.band: the choices of the sweep say {' and '.join(sorted(bands))}; give one for all, such as "
            "analysis.band=[10,60]"
        )
    return [made[chosen] for chosen in combinations]


def _sorted(
    experiment: str, overrides: Sequence[str], known: Mapping[str, Sequence[str]]
) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
    """Sort the overrides by what they set.

    Returns:
        By group, its choice; by key, its fixed value; and by key, the values of its axis.
    """
    choices = {"experiment": experiment}
    fixed: dict[str, Any] = {}
    given: dict[str, Any] = {}
    for text in overrides:
        if text.startswith(f"{WHERE}="):
            fixed.setdefault(WHERE, []).append(text.removeprefix(f"{WHERE}="))
            continue
        override = grammar.parse(text, known)
        key = override.key
        if key == "experiment":
            raise PsstError(f"override {text!r}: name the experiment with --config experiment=")
        if key in {**choices, **fixed, **given}:
            raise PsstError(f"override {text!r}: {key} is given twice")
        if key.startswith("sweep.axes"):
            raise PsstError(f"{key}: give the axis by its own key, such as network.coupling=0.1,0.2")
        if override.is_axis:
            given[key] = override.value
        elif key in known:
            choices[key] = _choice(key, override.value)
        else:
            fixed[key] = override.value
    return choices, fixed, given


def _choice(key: str, value: object) -> str:
    """Return the choice of a group; raise where it is no word."""
    if not isinstance(value, str):
        several = ",".join(map(shown, value)) if isinstance(value, list) else "NAME"
        what = "an axis" if key in SWEEPABLE and "," in several else "a choice"
        raise PsstError(
            f"{key}={shown(value)}: must be the name of a file in conf/{key}/; {what} is written {key}={several}"
        )
    return value


def _composed(choices: Mapping[str, str], fixed: Mapping[str, object], compositions: Compositions) -> DictConfig:
    config = compositions.compose(choices)
    _set_all(config, fixed)
    return config


def _fitted(
    choices: Mapping[str, str], fixed: Mapping[str, object], swept: Sequence[str], compositions: Compositions
) -> DictConfig:
    """Compose a configuration without those fixed values, in groups that are swept, which its choices do not read."""
    config = _composed(choices, fixed, compositions)
    within = [key for key in fixed if key.split(".")[0] in swept]
    try:
        unread = reads(resolve(config)).why_not if within else None
    except PsstError:  # the checks of its runs name what is wrong
        return config
    idle = [key for key in within if unread and unread(key) is not None]
    return _composed(choices, {key: value for key, value in fixed.items() if key not in idle}, compositions)


def _set_all(config: DictConfig, fixed: Mapping[str, Any]) -> None:
    for key, value in fixed.items():
        update(config, key, [*config.sweep.where, *value] if key == WHERE else value)


def _at(points: Points, key: str) -> list[Any]:
    """Return the value of an axis at each point."""
    values = points.columns[key]
    return [values[place] for place in points.places[points.dimensions[key]]]


class _Variant:
    """The configuration for one combination of choices, and the values in it that the points change.

    Numbers of the equations are checked part by part, all other values in every combination. This keeps the number of
    checks small.
    """

    def __init__(self, composed: DictConfig, points: Points, group_keys: Sequence[str], lists: Lists) -> None:
        self.config, self.lists = resolve(composed), lists.of.keys()
        self.typed = {
            key: _typed(composed, key, [lists.value(key, value) for value in values])
            for key, values in points.columns.items()
            if key not in group_keys
        }
        free = {*parameter_keys(self.config), *array_keys(self.config)} - self.lists
        self.heavy = [key for key in self.typed if key not in free]
        self.light = [key for key in self.typed if key in free]
        self.made: dict[tuple[Any, ...], tuple[Config, Identity]] = {}
        self.known: dict[tuple[Any, ...], tuple[Reads, dict[str, Any], tuple[Config, Identity]]] = {}
        owners: dict[str, list[str]] = {}
        for key in self.light:
            owners.setdefault(key.rpartition(".")[0], []).append(key)
        self.parts = {part: (keys, set[tuple[Any, ...]]()) for part, keys in owners.items()}

    def named(self, key: str, values: list[Any]) -> list[Any]:
        """Return the values of an axis as points have them: typed, or the texts of lists."""
        return values if key in self.lists else self.typed.get(key, values)

    def at(self, place: Mapping[str, int]) -> tuple[Config, Identity, dict[str, Any], Reads]:
        """Return what the run of a point is made of.

        Args:
            place: by key, the place of its value.

        Returns:
            A checked configuration that points share, its identity, the point's own values by key, and which keys
            decide nothing.
        """
        values = {key: self.typed[key][place[key]] for key in self.light}
        others = {key: self.typed[key][place[key]] for key in self.heavy}
        for keys, seen in self.parts.values():
            seen.add(tuple(values[key] for key in keys))
        sort = *_hashable(others), *map(sort_of, values.values())
        if sort not in self.known:
            self.known[sort] = self._know(values, others)
        read, unread, made = self.known[sort]
        return *made, values | unread, read

    def _know(
        self, values: dict[str, Any], others: dict[str, Any]
    ) -> tuple[Reads, dict[str, Any], tuple[Config, Identity]]:
        """Check the points of one sort together.

        Args:
            values: by key, the values of light keys, which may differ between runs of one program.
            others: by key, the values of the other keys.

        Returns:
            Which keys decide nothing; for the light ones of them, by key, the value without the sweep; and the
            configuration that the points share, with its identity.
        """
        config = put(self.config, values | others)
        try:
            read = reads(config)
        except PsstError:
            check(config)
            raise
        own = {key: get(self.config, key) for key in self.typed if read.why_not(key) is not None}
        numbers = _hashable(others | {key: own[key] for key in others.keys() & own.keys()})
        unread = {key: own[key] for key in values.keys() & own.keys()}
        if numbers not in self.made:
            config = put(config, own)
            check(config)
            self.made[numbers] = config, Identity(config)
        return read, unread, self.made[numbers]

    def check_parts(self) -> None:
        """Check the numbers of the equations part by part and for each dt, in every combination that a point has."""
        for config in {config.run.dt: config for config, _ in self.made.values()}.values():
            for part, (keys, seen) in self.parts.items():
                for numbers in seen:
                    check_part(put(config, dict(zip(keys, numbers, strict=True))), part)


def _hashable(values: Mapping[str, object]) -> tuple[Any, ...]:
    return tuple(repr(value) if isinstance(value, list) else value for value in values.values())


def _runs(points: Points, variants: Sequence[_Variant], replicates: Sequence[tuple[int, ...]]) -> Iterator[SweepRun]:
    """Yield the run of every point in every replicate."""
    places = {key: points.places[dimension].tolist() for key, dimension in points.dimensions.items()}
    named = {
        id(variant): {key: variant.named(key, values) for key, values in points.columns.items()}
        for variant in dict.fromkeys(variants)
    }
    along = points.places[RUN].tolist() if RUN in points.places else None
    for number, variant in enumerate(variants):
        place = {key: where[number] for key, where in places.items()}
        config, identity, values, read = variant.at(place)
        point: dict[str, Any] = {} if along is None else {RUN: along[number]}
        columns = named[id(variant)]
        point |= {points.names[key]: columns[key][at] for key, at in place.items()}
        for network, trial in replicates:
            drawn = (0 if "network" in read.same else network, 0 if "trial" in read.same else trial)
            yield SweepRun(identity.run_id(values, *drawn), point, network, trial, config, values, drawn, read)


def _typed(config: DictConfig, key: str, values: Sequence[object]) -> list[Any]:
    """Return an axis's values as the schema types them."""
    probe = copy.deepcopy(config)
    typed: list[Any] = []
    for value in values:
        if "${" in str(value):
            raise PsstError(f"axis {key}: {value} is an interpolation; write the value itself")
        if not (typed and isinstance(value, float) and isinstance(typed[-1], float)):
            update(probe, key, value)
            value = OmegaConf.select(probe, key)
            value = OmegaConf.to_container(value) if OmegaConf.is_list(value) else value
        typed.append(value)
    return typed


def _recorded(runs: Mapping[str, Sequence[object]], axes: Sequence[Axis]) -> dict[str, list[Any]]:
    """Return `recorder.runs` with its values written as in the axes."""
    listed = {name: axis.lists for axis in axes if axis.lists for name in (axis.name, axis.key)}
    words = {name for axis in axes for name in (axis.name, axis.key) if all(isinstance(v, str) for v in axis.values)}

    def read(value: object, key: str) -> Any:
        return value if key in words else typed(Plain(value) if isinstance(value, str) else value, Any, RUNS + key)

    return {
        key: _named_lists(values, listed[key]) if key in listed else [read(value, key) for value in values]
        for key, values in runs.items()
    }


def _named_lists(values: Sequence[object], lists: Mapping[str, list[Any]]) -> list[Any]:
    """Return the texts of lists. A single list may be given without brackets around it."""
    one = text_of(shown(list(values)), lists)
    return [one] if one is not None else [text_of(shown(value), lists) or shown(value) for value in values]


def _check_axis(axis: Axis) -> None:
    seen = set()
    for value in axis.values:
        if value is None or isinstance(value, list | dict):
            raise PsstError(f"axis {axis.key}: {value} is not a number or a word")
        if isinstance(value, str) and value not in axis.lists:
            check_word(value, axis.key)
        meant = repr(axis.lists[value]) if value in axis.lists else value
        if meant in seen and axis.dimension != RUN:
            raise PsstError(f"axis {axis.key}: holds {value} twice")
        seen.add(meant)


def _counted(runs: Sequence[SweepRun]) -> list[tuple[Reads, int]]:
    """Return each different `Reads` of the runs, with the number of the runs that have it."""
    each = {id(run.reads): run.reads for run in runs}
    return [(each[number], count) for number, count in Counter(id(run.reads) for run in runs).items()]


def _axes_read(
    axes: Sequence[Axis], typical: _Variant, counts: Sequence[tuple[Reads, int]], given: Collection[str]
) -> Iterator[str]:
    """Yield a line for each axis that decides nothing in some of the runs.

    Args:
        given: the keys of axes that the overrides name.

    Raises:
        PsstError: for an axis that decides nothing in any run.
    """
    for axis in axes:
        reasons = [(read.why_not(axis.key), count) for read, count in counts]
        idle = _all_or_some(reasons)
        if idle is None:
            continue
        several = len(set(axis.values)) > 1 or axis.dimension == RUN
        own = get(typical.config, axis.key) if axis.key in typical.typed else None
        meant = axis.lists.get(axis.values[0], axis.values[0])
        if not idle and (several or meant != own):
            why = f"its {len(axis.values)} values would give identical runs" if several else "it would change nothing"
            end = "" if own is None else f"end it by {axis.key}={own}, or "
            remedy = "leave it out" if axis.key in given else f"{end}end all axes of the experiment by sweep=single"
            raise PsstError(f"{axis.key}: {why}, as {_because(reasons)}; {remedy}")
        if idle:
            yield f"{axis.key} decides nothing in {idle}, where {_because(reasons)}"


def _replicates_read(replicates: Mapping[str, int], counts: Sequence[tuple[Reads, int]]) -> Iterator[str]:
    """Yield a line for `network` and `trial` where replicates are identical in some of the runs.

    Raises:
        PsstError: where they are identical in all runs.
    """
    for name, number in replicates.items():
        reasons = [(read.same.get(name), count) for read, count in counts]
        if number == 1 or (idle := _all_or_some(reasons)) is None:
            continue
        if not idle:
            raise PsstError(
                f"sweep.{name}s={number}: they would be identical runs, as {_because(reasons)}; set "
                f"sweep.{name}s=1, or make something differ, such as network.start_jitter=0.01"
            )
        yield f"{name}s are identical in {idle}, where {_because(reasons)}"


def _all_or_some(reasons: Sequence[tuple[str | None, int]]) -> str | None:
    """Say in how many rows something decides nothing: None for none, an empty text for all, else `3 of 9 rows`."""
    idle, all_of_them = sum(count for why, count in reasons if why is not None), sum(count for _, count in reasons)
    return None if not idle else "" if idle == all_of_them else f"{idle:,} of {all_of_them:,} rows"


def _because(reasons: Sequence[tuple[str | None, int]]) -> str:
    return " or ".join(sorted({why for why, _ in reasons if why is not None}))


def _fixed_read(
    choices: Mapping[str, str],
    fixed: Mapping[str, object],
    swept: Collection[str],
    counts: Sequence[tuple[Reads, int]],
    compositions: Compositions,
) -> Iterator[str]:
    """Yield a line for each fixed value in a swept group that only some of the choices read.

    Raises:
        PsstError: for a fixed value that no run reads, unless the key has this value anyway.
    """
    for key in (*fixed, *choices):
        if key.split(".")[0] not in SWEEPABLE:
            continue
        reasons = [(read.why_not(key), count) for read, count in counts]
        if (idle := _all_or_some(reasons)) and key.split(".")[0] in swept:
            yield f"{key} decides nothing in {idle}, where {_because(reasons)}"
        if idle != "":
            continue
        others = {k: v for k, v in choices.items() if k != key}
        without = resolve(_composed(others, _without(fixed, key), compositions))
        if get(without, key) != get(resolve(_composed(choices, fixed, compositions)), key):
            written = (dict(choices) | dict(fixed))[key]
            raise PsstError(f"{key}={written}: would change nothing, as {_because(reasons)}; leave it out")


def _without(fixed: Mapping[str, object], key: str) -> dict[str, Any]:
    return {name: value for name, value in fixed.items() if name != key and not name.startswith(f"{key}.")}


def _merged(axes: Sequence[Axis], runs: Sequence[SweepRun]) -> list[str]:
    """Say how many different runs there are, where rows share runs; an empty list where none do.

    Raises:
        PsstError: where two points are one run in spite of values that are read.
    """
    if (different := len({run.id for run in runs})) == len(runs):
        return []
    first: dict[str, SweepRun] = {}
    for run in runs:
        other = first.setdefault(run.id, run)
        if other is run:
            continue
        apart = [
            axis
            for axis in axes
            if run.point[axis.name] != other.point[axis.name] and run.reads.why_not(axis.key) is None
        ]
        if apart:
            points = (", ".join(f"{axis.key}={one.point[axis.name]}" for axis in apart) for one in (other, run))
            raise PsstError(f"the sweep holds the same run more than once: {' and '.join(points)} mean the same")
    return [f"{len(runs):,} rows are {different:,} different runs; identical ones are made once"]
