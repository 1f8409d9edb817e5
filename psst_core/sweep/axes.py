"""The points of a sweep, made from the texts of its axes: grid axes, and one table of the axes that move together.

A sweep is the product of its grid axes, one key each, and of a table. The table's rows lie along the dimension `run`.
The table itself is the product of axes that are zipped, of a sample of those that are intervals, and of a file.
"""

import csv
import itertools
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from psst_core.arrays import Array
from psst_core.attributes import ATTRIBUTES, RUN
from psst_core.configuration import MOST, SampleConfig, SweepConfig
from psst_core.errors import PsstError
from psst_core.registry import suggestion
from psst_core.sweep.constraint import holds
from psst_core.sweep.grammar import Interval
from psst_core.written import DECIMAL, scalar

RESERVED = {*ATTRIBUTES, RUN, "spike", "chunk", "position", "twin_id", "first_shift"}
Columns = dict[str, list[Any]]


def _random(points: int, columns: int, seed: int) -> Array:
    return np.random.default_rng(seed).random((points, columns))


def _latin_hypercube(points: int, columns: int, seed: int) -> Array:
    return scipy.stats.qmc.LatinHypercube(columns, rng=np.random.default_rng(seed)).random(points)


def _sobol(points: int, columns: int, seed: int) -> Array:
    """Draw the first points of a scrambled Sobol sequence, which is balanced at powers of two.

    Returns:
        Numbers from 0 to 1, [point, column].
    """
    power = max(0, math.ceil(math.log2(points)))
    return scipy.stats.qmc.Sobol(columns, rng=np.random.default_rng(seed)).random_base2(power)[:points]


METHODS: dict[str, Callable[[int, int, int], Array]] = {
    "sobol": _sobol,
    "latin_hypercube": _latin_hypercube,
    "random": _random,
}


@dataclass(frozen=True)
class Points:
    """The points that a sweep visits.

    Attributes:
        columns: by key, its values along its dimension.
        names: by key, the short name that its axis has in the cube.
        dimensions: by key, `run` or, on a grid, the axis's name; in the order of the cube.
        places: by dimension, the place of each point on it, [point].
    """

    columns: Columns
    names: dict[str, str]
    dimensions: dict[str, str]
    places: dict[str, Array]

    def __len__(self) -> int:
        return len(next(iter(self.places.values()), (0,)))


def visit(
    axes: Mapping[str, list[Any] | Interval],
    settings: SweepConfig,
    whole: Callable[[str], bool],
    words: Collection[str] = (),
    cells: Callable[[str, list[Any]], list[Any]] = lambda key, column: column,
    taken: Collection[str] = (),
) -> Points:
    """Find every point of the sweep. Values that no point has are left out.

    Args:
        axes: by key, values or an interval.
        settings: the `sweep` part of a configuration.
        whole: returns whether a key takes whole numbers only.
        words: keys whose values in a table stay text, even where they look like numbers.
        cells: converts a column of a table to values of its key.
        taken: names that axes cannot have in the cube, such as those of measures.

    Raises:
        PsstError: for an axis, a table or a constraint that leaves no point, or that cannot be.
    """
    file = _read_table(settings.table, words) if settings.table else {}
    file = {key: cells(key, column) for key, column in file.items()}
    for key in file.keys() & axes.keys():
        raise PsstError(f"axis {key}: is a column of sweep.table={settings.table} too; give it in one place")
    for key, values in axes.items():
        if not values:
            raise PsstError(f"axis {key}: is empty; give at least one value")
    names = _short_names([*axes, *file], {*RESERVED, *taken})
    lists = {key: value for key, value in axes.items() if isinstance(value, list)}
    intervals = {key: value for key, value in axes.items() if isinstance(value, Interval)}
    tables = [_zipped(keys, lists) for keys in _zips(settings.zip, axes, names)]
    tables += [_sampled(intervals, settings.sample, whole)] if intervals else []
    together = _product([*tables, file] if file else tables)
    _check_rows(together)
    columns = together | {key: values for key, values in lists.items() if key not in together}
    dimensions = {key: RUN if key in together else names[key] for key in columns}
    lengths = {dimension: len(columns[key]) for key, dimension in dimensions.items()}
    _check_count(lengths.values())
    shape = tuple(lengths.values())
    corners = np.unravel_index(np.arange(math.prod(shape)), shape) if shape else ()
    places: dict[str, Array] = dict(zip(lengths, corners, strict=True))
    if settings.where:
        places = _constrain(settings.where, columns, dimensions, places, names)
    for dimension, place in places.items():
        used, places[dimension] = np.unique(place, return_inverse=True)
        for key in (key for key, other in dimensions.items() if other == dimension):
            columns[key] = [columns[key][i] for i in used]
    return Points(columns, {key: names[key] for key in columns}, dimensions, places)


def _short_names(keys: Sequence[str], taken: Collection[str] = RESERVED) -> dict[str, str]:
    """Name each key's axis in the cube: by the key's last part, or by the whole key where that part is taken."""
    last = [key.rpartition(".")[2] for key in keys]
    names = {}
    for key, short in zip(keys, last, strict=True):
        free = last.count(short) == 1 and short not in taken
        names[key] = short if free else (key.replace(".", "_") if "." in key else f"{key}_choice")
    by_name = {name: key for key, name in names.items()}
    for key, name in names.items():
        if by_name[name] != key:
            raise PsstError(f"axes {key} and {by_name[name]}: would both be {name} in the cube; sweep one of them")
    return names


def _check_count(lengths: Iterable[int]) -> None:
    if (count := math.prod(lengths)) > MOST:
        raise PsstError(f"the sweep has {count:,} points; at most {MOST:,} are planned at once")


def _product(tables: Sequence[Columns]) -> Columns:
    """Combine all rows of these tables with each other. The row of the last table changes fastest."""
    lengths = [len(next(iter(table.values()))) for table in tables]
    _check_count(lengths)
    rows = list(itertools.product(*map(range, lengths)))
    return {key: [values[row[i]] for row in rows] for i, table in enumerate(tables) for key, values in table.items()}


def _check_rows(table: Columns) -> None:
    rows = list(zip(*table.values(), strict=True))
    if len(set(rows)) < len(rows):
        twice = next(row for row, count in Counter(rows).items() if count > 1)
        point = ", ".join(f"{key}={value}" for key, value in zip(table, twice, strict=True))
        raise PsstError(
            f"sweep: holds the point {point} more than once; take it out of the table or of the zipped axes, or take "
            "fewer points of a sample of whole numbers"
        )


def _zips(zips: Sequence[Any], axes: Mapping[str, list[Any] | Interval], names: Mapping[str, str]) -> list[list[str]]:
    """Read `sweep.zip` as lists of keys. A single list of keys may stand without brackets around it."""
    given = [list(zips)] if all(isinstance(keys, str) for keys in zips) and zips else zips
    keys_of = {names[key]: key for key in axes} | {key: key for key in axes}
    found: list[list[str]] = []
    for keys in given:
        if isinstance(keys, str | int | float | None) or len(keys) < 2 or not all(isinstance(key, str) for key in keys):
            raise PsstError(f"sweep.zip={keys}: needs two axes or more, such as [[network.ach,network.gaba]]")
        for key in keys:
            if key not in keys_of:
                raise PsstError(
                    f"sweep.zip: {key} is no axis{suggestion(key, keys_of)}; there are: {', '.join(axes) or 'none'}"
                )
            if isinstance(axes[keys_of[key]], Interval):
                raise PsstError(f"sweep.zip: {key} is an interval; axes that are sampled move together by themselves")
        found.append([keys_of[key] for key in keys])
    flat = [key for keys in found for key in keys]
    for key in flat:
        if flat.count(key) > 1:
            raise PsstError(f"sweep.zip: {key} is named twice")
    return found


def _zipped(keys: Sequence[str], axes: Mapping[str, list[Any]]) -> Columns:
    if len({len(axes[key]) for key in keys}) > 1:
        counts = ", ".join(f"{key} has {len(axes[key])}" for key in keys)
        raise PsstError(f"sweep.zip: axes that move together need equally many values; {counts}")
    return {key: axes[key] for key in keys}


def _sampled(intervals: Mapping[str, Interval], sample: SampleConfig, whole: Callable[[str], bool]) -> Columns:
    """Draw the sample of all intervals.

    An interval [low, high] gives low + u (high − low), or low (high/low)^u in the logarithm, with u uniform in [0, 1).
    Whole numbers are drawn evenly.

    Returns:
        By key, its value at each point.
    """
    if sample.method not in METHODS:
        raise PsstError(
            f"sweep.sample.method={sample.method}: must be {' or '.join(METHODS)}{suggestion(sample.method, METHODS)}"
        )
    uniform = METHODS[sample.method](sample.points, len(intervals), sample.seed)
    columns: Columns = {}
    for (key, interval), u in zip(intervals.items(), uniform.T, strict=True):
        low, high = interval.low, interval.high
        if whole(key):
            columns[key] = _whole_numbers(key, interval, u)
            continue
        found = low * (high / low) ** u if interval.logarithmic else low + u * (high - low)
        columns[key] = [float(f"{number:.12g}") for number in found]
    return columns


def _whole_numbers(key: str, interval: Interval, u: Array) -> list[int]:
    """Map places 0 <= u < 1 to the whole numbers of an interval, evenly or evenly in the logarithm."""
    low, high = math.ceil(interval.low), math.floor(interval.high)
    if low > high:
        raise PsstError(f"axis {key}: no whole number lies between {interval.low} and {interval.high}")
    if interval.logarithmic:
        return [min(math.floor(low * ((high + 1) / low) ** place), high) for place in u.tolist()]
    return [low + int(place * 2**53) * (high + 1 - low) // 2**53 for place in u.tolist()]


def _read_table(path: str, words: Collection[str]) -> Columns:
    """Read the columns of a CSV file. Its first line has the keys, each other line is a point.

    Args:
        words: keys whose values stay text, even where they look like numbers.
    """
    at = f"sweep.table={path}"
    header, *rows = _read_lines(path, at) or [[]]
    if mistake := _mistake(header):
        raise PsstError(f"{at}: {mistake}")
    if not rows or not all(header):
        raise PsstError(f"{at}: needs a first line of keys and a line for each point")
    for key in header:
        if header.count(key) > 1:
            raise PsstError(f"{at}: has two columns {key}")
    for number, row in enumerate(rows, 1):
        if len(row) != len(header) or not all(row):
            quotes = "; a list stands in quotes there, as it holds commas" if any("[" in cell for cell in row) else ""
            raise PsstError(f"{at}: point {number} has not one value for each of {', '.join(header)}{quotes}")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    try:
        return {key: [text if key in words else scalar(text) for text in column] for key, column in columns.items()}
    except PsstError as error:
        raise PsstError(f"{at}: {error}") from error


def _read_lines(path: str, at: str) -> list[list[str]]:
    """Read the lines of a CSV file that are not empty, as words without spaces around them; `at` is for errors."""
    if not Path(path).is_file():
        raise PsstError(f"{at}: no such file (paths are relative to the folder where you start)")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file, skipinitialspace=True, strict=True) if line]
    except UnicodeDecodeError as error:
        raise PsstError(f"{at}: is no text (UTF-8); save it as CSV") from error
    except csv.Error as error:
        raise PsstError(f"{at}: is no CSV file; look for a quote that is not closed, or save it anew as CSV") from error
    return [[value.strip() for value in line] for line in lines]


def _mistake(header: Sequence[str]) -> str:
    """Say what is wrong with the first line of a table, as some programs write it; empty where nothing is."""
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if any(sign in key for key in header):
            return f"has {name} between its columns; write commas, and decimal points in numbers"
    if len(header) > 1 and (not header[0] or header[0].startswith("Unnamed:")):
        return (
            "its first column has no key, as the index that pandas writes; take it out, by to_csv(…, index=False), or "
            "write its key above it"
        )
    numbers = [key for key in header if DECIMAL.fullmatch(key)]
    if numbers and len(numbers) == len(header):
        return f"begins with numbers ({', '.join(header)}); write a first line of keys, such as network.gaba"
    return ""


def _array(values: Sequence[object]) -> Array:
    """Return values as an array that changes none of them."""
    if all(isinstance(value, float) for value in values):
        return np.array(values, float)
    if all(isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 for value in values):
        return np.array(values, np.int64)
    found = np.empty(len(values), object)
    found[:] = values
    return found


def _constrain(
    constraints: Sequence[str],
    columns: Columns,
    dimensions: Mapping[str, str],
    places: Mapping[str, Array],
    names: Mapping[str, str],
) -> dict[str, Array]:
    """Return the places of those points at which every constraint holds."""
    if not places:
        raise PsstError(f"sweep.where={constraints[0]}: the sweep has no axis to compare")
    arrays: dict[str, Array] = {}
    for key, dimension in dimensions.items():
        arrays[key] = arrays[names[key]] = _array(columns[key])[places[dimension]]
    inside = np.logical_and.reduce([holds(text, arrays) for text in constraints])
    if not inside.any():
        raise PsstError(f"sweep.where={' and '.join(constraints)}: holds at none of the {len(inside):,} points")
    return {dimension: place[inside] for dimension, place in places.items()}
