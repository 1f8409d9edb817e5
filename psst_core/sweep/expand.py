"""The expansion of a sweep: overrides and axes become runs, each with an id of what it computes.

An axis is a dotted key (`network.coupling`) or a whole group (`solver`) with its values (grammar.py, axes.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from psst_core.attributes import RUN
from psst_core.config.checks import unmeasured
from psst_core.config.compose import Compositions, entry, groups, resolve
from psst_core.config.schema import text_keys, units
from psst_core.configuration import MOST
from psst_core.errors import PsstError
from psst_core.measures.chosen import names_taken
from psst_core.names import check_word
from psst_core.sweep.axes import Points, visit
from psst_core.sweep.grammar import RUNS
from psst_core.sweep.lists import Lists, depth_of_key, text_of
from psst_core.sweep.notes import axes_read, counted_reads, fixed_read, merged, replicates_read
from psst_core.sweep.requests import check_keys, requested, sort_overrides, with_scale
from psst_core.sweep.runs import Axis, Sweep, SweepRun
from psst_core.sweep.variants import Variant, variants_of
from psst_core.written import Plain, shown, typed


def expand(experiment: str, overrides: Sequence[str] = ()) -> Sweep:
    """Compose a sweep and check it.

    Raises:
        PsstError: naming the key and the value of the first thing that is wrong.
    """
    known, compositions = groups(), Compositions()
    choices, fixed, given = sort_overrides(experiment, with_scale(experiment, overrides, compositions), known)
    lists = Lists()
    first, axes = requested(choices, fixed, given, known, lists, compositions)

    def table(key: str, column: Sequence[object]) -> list[Any]:
        return lists.cells(key, column) if depth_of_key(first, key) else list(column)

    def whole(key: str) -> bool:
        found = entry(first, key)
        return found is not None and isinstance(found._value(), int)

    points = visit(axes, first.sweep, whole, {*known, *text_keys()}, table, names_taken(resolve(first)))
    check_keys(points, axes, choices, fixed, first)
    swept = [key for key in points.columns if key in known]
    variants = variants_of(points, choices, fixed, swept, lists, compositions)
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
    counts = [(reads, number) for reads, number in counted_reads(runs)]
    notes = [*axes_read(found, typical, counts, given.keys())]
    notes += replicates_read(typical.config.sweep.replicates, counts)
    notes += fixed_read(choices, fixed, swept, counts, compositions)
    notes += merged(found, runs)
    bases = {id(run.base): run.base for run in runs}.values()
    notes += dict.fromkeys(note for config in bases if (note := unmeasured(config)) is not None)
    return Sweep(experiment, tuple(overrides), found, runs[0].config, runs, tuple(notes))


def _runs(points: Points, variants: Sequence[Variant], replicates: Sequence[tuple[int, ...]]) -> Iterator[SweepRun]:
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
