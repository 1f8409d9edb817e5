"""Notes on what decides nothing in some runs of a sweep; where it decides nothing in any run, an error."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from psst_core.attributes import RUN
from psst_core.config.compose import Compositions, resolve
from psst_core.config.reads import Reads
from psst_core.errors import PsstError
from psst_core.keys import get
from psst_core.sweep.requests import composed, without
from psst_core.sweep.runs import Axis, SweepRun
from psst_core.sweep.variants import Variant
from psst_core.written import SWEEPABLE


def counted_reads(runs: Sequence[SweepRun]) -> list[tuple[Reads, int]]:
    """Return each different `Reads` of the runs, with the number of the runs that have it."""
    each = {id(run.reads): run.reads for run in runs}
    return [(each[number], count) for number, count in Counter(id(run.reads) for run in runs).items()]


def axes_read(
    axes: Sequence[Axis], typical: Variant, counts: Sequence[tuple[Reads, int]], given: Collection[str]
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


def replicates_read(replicates: Mapping[str, int], counts: Sequence[tuple[Reads, int]]) -> Iterator[str]:
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


def fixed_read(
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
        before = resolve(composed(others, without(fixed, key), compositions))
        if get(before, key) != get(resolve(composed(choices, fixed, compositions)), key):
            written = (dict(choices) | dict(fixed))[key]
            raise PsstError(f"{key}={written}: would change nothing, as {_because(reasons)}; leave it out")


def merged(axes: Sequence[Axis], runs: Sequence[SweepRun]) -> list[str]:
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
