"""The arrays that a user brings: NetCDF, or npz without pickle.

All that a NetCDF variable says of itself counts: the names of its dimensions, their coordinates, its unit, its packing
and its missing values. An array in an npz file has a shape and nothing else.
"""

import contextlib
import difflib
import hashlib
import itertools
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from psst_core.arrays import Array
from psst_core.errors import PsstError

MOST_NUMBERS = 2**28
MOST_BYTES = 2**33
UNWRITTEN = 9.969209968386869e36  # in NetCDF where no float was written, in both precisions
BYTES_UNWRITTEN = {"i1": -127, "u1": 255}  # likewise for bytes; netCDF4 masks these only where `_FillValue` says so
NUMBERS = "iuf"


class InputFile(str):
    """The path of a file whose content decides the ids of runs.

    Attributes:
        key: the whole key under which the configuration names the file.
    """

    key: str

    def __new__(cls, path: str, key: str) -> "InputFile":
        made = super().__new__(cls, path)
        made.key = key
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return str(self), self.key


@dataclass(frozen=True)
class Coordinate:
    """The numbers along a dimension, [dimension], and their unit where the file gives one."""

    values: Array
    unit: str | None


@dataclass(frozen=True)
class Variable:
    """A variable of a file: finite numbers, unpacked.

    Attributes:
        where: the key, the file and the name of the variable, for messages.
        values: as they lie in the file, in the order of `dims`.
        dims: names of its dimensions; None where the file has no names.
        unit: as the file writes it; None where it gives none.
        coordinates: by dimension, its coordinate where it has one.
    """

    where: str
    values: Array
    dims: tuple[str, ...] | None = None
    unit: str | None = None
    coordinates: Mapping[str, Coordinate] = field(default_factory=dict)

    def along(self, *names: str) -> Array:
        """Return the values with these dimensions in this order, each cell in the place of its number.

        Raises:
            PsstError: where the variable has other dimensions, or a coordinate does not number the cells from 0.
        """
        wanted = ", ".join(names)
        if self.dims is None:
            if self.values.ndim != len(names):
                raise PsstError(f"{self.where} has the shape {self.values.shape}; must be [{wanted}]")
            return self.values
        if sorted(self.dims) != sorted(names):
            raise PsstError(
                f"{self.where} has the dimensions ({', '.join(self.dims)}); name them {wanted}, in any order, "
                "so that the file says which is which"
            )
        places = tuple(self._places(name) for name in names)
        return self.values.transpose([self.dims.index(name) for name in names])[np.ix_(*places)]

    def _places(self, name: str) -> npt.NDArray[np.int64]:
        """Return the places of the cells 0, 1, … along a dimension, [cell]."""
        count = self.values.shape[(self.dims or ()).index(name)]
        if name not in self.coordinates:
            return np.arange(count)
        numbers = self.coordinates[name].values
        if not np.array_equal(np.sort(numbers), np.arange(count)):
            listed = ", ".join(f"{number:g}" for number in numbers[:5]) + (", …" if count > 5 else "")
            raise PsstError(
                f"{self.where}: its coordinate {name} is {listed}; must have each number from 0 to {count - 1} once, "
                "as cells are counted from 0; number them so, or leave the coordinate out"
            )
        return np.argsort(numbers)


def read_variable(path: str, variable: str, key: str, kinds: str = NUMBERS, decimal: bool = False) -> Variable:
    """Read one variable of a file.

    Args:
        path: an `InputFile`.
        key: for messages, the field of the class where `path` is no `InputFile`.
        kinds: NumPy's letters of the types that it may hold; with "b" among them true becomes 1.
        decimal: whether a number in single precision is read as the shortest decimal number that rounds to it, as
            numbers along a dimension are: 0.1 ms, and not 0.10000000149.

    Raises:
        PsstError: where the file is not declared as one, is missing, damaged or too large; or where it has no such
            variable of finite numbers with none missing.
    """
    file = _declared(path, key)
    with _reader(file) as reader:
        if variable not in reader.names():
            known = sorted(reader.names())
            raise PsstError(f"{file.key}={file}: no variable {variable!r}{_suggestion(variable, known)}")
        return reader.read(variable, kinds, decimal)


def variable_names(path: str, key: str) -> list[str]:
    """List the variables of a file, without those that are coordinates of others."""
    with _reader(_declared(path, key)) as reader:
        return sorted(reader.names() - reader.coordinates())


def in_unit(values: Array, unit: str | None, wanted: str, where: str) -> Array:
    """Convert values to another unit of the same dimension; leave them as they are where no unit is given.

    Args:
        unit: of the values; None where none is given.
        wanted: such as `uA/cm2`; `1` for numbers without a unit.
        where: the key, the file and the variable, for messages.

    Raises:
        PsstError: where the unit cannot be read, or is of another dimension.
    """
    if unit is None or unit == wanted:
        return values
    from psst_core.quantities import factor

    numerator, denominator = factor(unit, wanted, where)
    return values * numerator / denominator


def digest_file(path: str, key: str) -> str:
    """Return the SHA-256 of a file's bytes. A run's identity holds it in place of the file's path."""
    with open(_existing(path, key), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def undeclared(path: str, key: str, several: bool = False) -> PsstError:
    """Return the error for a file or folder in a field that is not declared as one.

    Args:
        several: whether the field holds a list.
    """
    name = key.rpartition(".")[2]
    if Path(path).is_dir():
        what, field = "a folder", f"{name}: list[str] = data_file([])` for the files in it"
    else:
        what, field = "a file", f"{name}: list[str] = data_file([])`" if several else f"{name}: str = data_file()`"
    return PsstError(
        f"{key}={path}: is {what}, but is not declared as one, so that its content would decide no run's id; "
        f"write `{field} in the class, with `from psst_core.registry import data_file`"
    )


def _declared(path: str, key: str) -> InputFile:
    if isinstance(path, InputFile):
        return path
    raise undeclared(path, key)


def _existing(path: str, key: str) -> Path:
    """Return the path of a file; raise, with where it was looked for and what is there, if it cannot be read."""
    file = Path(path)
    named = f"{key}={path}" if path else f"{key}: is empty"
    if not path:
        raise PsstError(f"{named}; name a NetCDF (.nc) or NumPy (.npz) file")
    try:
        found, size = file.is_file(), file.stat().st_size if file.is_file() else 0
        if found:
            open(file, "rb").close()
    except PermissionError as error:
        raise PsstError(f"{named}: may not be read by you; allow it, such as with chmod u+r") from error
    except (OSError, ValueError) as error:
        raise PsstError(f"{named}: is no path of a file") from error
    if not found:
        raise PsstError(f"{named}: no such file; looked for {file.absolute()}{_beside(file)}")
    if size > MOST_BYTES:
        raise PsstError(f"{named}: has {size:,} bytes; at most {MOST_BYTES:,} are read")
    return file


def _beside(file: Path) -> str:
    """Say what is in the folder in which a file is missing."""
    how = "" if file.is_absolute() else " (paths are relative to the folder where you start)"
    if file.is_dir():
        return f"{how}, which is a folder"
    folder = file.absolute().parent
    if not folder.is_dir():
        return f"{how}; there is no folder {folder}"
    names = sorted(entry.name for entry in itertools.islice(folder.iterdir(), 1000))
    close = difflib.get_close_matches(file.name, names, n=3)
    alike = close or [name for name in names if name.endswith((".nc", ".npz"))][:3]
    return f"{how}; there is: {', '.join(alike)}" if alike else how


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return (f" (did you mean {close[0]}?)" if close else "") + f"; there are: {', '.join(known) or 'none'}"


@contextlib.contextmanager
def _reader(file: InputFile) -> Iterator["_Npz | _NetCDF"]:
    """Open a file, and turn what its library raises on a damaged one into PSST's words."""
    path = _existing(file, file.key)
    named = f"{file.key}={file}"
    if path.suffix not in (".npz", ".nc"):
        raise PsstError(f"{named}: must be a NetCDF (.nc) or NumPy (.npz) file")
    kind: type[_Npz | _NetCDF] = _Npz if path.suffix == ".npz" else _NetCDF
    try:
        with contextlib.closing(kind(path, named)) as reader:
            yield reader
    except PsstError:
        raise
    except Exception as error:
        raise PsstError(f"{named}: is damaged, or no {kind.title}; write it anew") from error


class _Npz:
    """The arrays of NumPy in a zip file."""

    title = "npz file of NumPy"

    def __init__(self, path: Path, named: str) -> None:
        self.named = named
        with contextlib.ExitStack() as opened:
            self.file = np.load(opened.enter_context(open(path, "rb")), allow_pickle=False)
            self.close = opened.pop_all().close

    def names(self) -> set[str]:
        return set(self.file.files)

    def coordinates(self) -> set[str]:
        return set()

    def read(self, name: str, kinds: str, decimal: bool) -> Variable:
        where = f"{self.named}: {name!r}"
        member = next(entry for entry in self.file.zip.infolist() if entry.filename in (name, f"{name}.npy"))
        _check_size(member.file_size // 8, where)
        try:
            array = self.file[name]
        except ValueError as error:
            raise PsstError(f"{where} holds objects of Python, or is damaged; save it as an array of floats") from error
        return Variable(where, _complete(array, kinds, where, decimal))


class _NetCDF:
    """The variables of a NetCDF file."""

    title = "NetCDF file"

    def __init__(self, path: Path, named: str) -> None:
        import netCDF4

        self.named, self.file = named, netCDF4.Dataset(path)

    def close(self) -> None:
        self.file.close()

    def names(self) -> set[str]:
        return set(self.file.variables)

    def coordinates(self) -> set[str]:
        """Return the variables along a dimension of their name, and those that a variable names as its coordinates."""
        named = (str(getattr(v, "coordinates", "")).split() for v in self.file.variables.values())
        return self.names() & {*self.file.dimensions, *itertools.chain(*named)}

    def read(self, name: str, kinds: str, decimal: bool) -> Variable:
        variable = self.file.variables[name]
        where = f"{self.named}: {name!r}"
        coordinates = {
            dim: Coordinate(self._values(dim, NUMBERS, f"{where}: its coordinate {dim}", True), self._unit(dim))
            for dim in variable.dimensions
            if dim != name and dim in self.names() and self.file.variables[dim].dimensions == (dim,)
        }
        return Variable(
            where, self._values(name, kinds, where, decimal), tuple(variable.dimensions), self._unit(name), coordinates
        )

    def _unit(self, name: str) -> str | None:
        given = [getattr(self.file.variables[name], attribute, None) for attribute in ("units", "unit")]
        return next((str(unit).strip() for unit in given if unit is not None), None)

    def _values(self, name: str, kinds: str, where: str, decimal: bool) -> Array:
        """Return a variable's values, unpacked; raise where its attributes call one of them missing."""
        import netCDF4

        variable = self.file.variables[name]
        if not isinstance(variable.datatype, np.dtype):
            raise PsstError(f"{where} holds {_content(variable)}, not numbers")
        _check_size(variable.size, where)
        with warnings.catch_warnings(record=True) as ignored:
            warnings.simplefilter("always")
            values = np.ma.asanyarray(variable[...])
        if ignored:
            names = ("missing_value", "_FillValue", "valid_min", "valid_max", "valid_range", "scale_factor")
            told = " ".join(str(warning.message) for warning in ignored)
            culprit = next((attribute for attribute in names if attribute in told), "one of its attributes")
            raise PsstError(f"{where}: {culprit} does not fit the variable's type, so that it says nothing; mend it")
        mask = np.ma.getmaskarray(values)
        code = variable.dtype.str[1:]
        if code in BYTES_UNWRITTEN and "_FillValue" not in variable.ncattrs() and variable.get_fill_value() is not None:
            variable.set_auto_maskandscale(False)
            unwritten = np.asarray(variable[...]) == BYTES_UNWRITTEN[code]
            variable.set_auto_maskandscale(True)
            mask = mask | unwritten
        elif code in ("f4", "f8"):
            mask = mask | (np.abs(values.data) == np.dtype(code).type(netCDF4.default_fillvals[code]))
        return _complete(np.ma.array(values.data, mask=mask), kinds, where, decimal)


def _content(variable: Any) -> str:
    return "text" if variable.dtype is str else "a type of its own"


def _check_size(count: int, where: str) -> None:
    if count > MOST_NUMBERS:
        raise PsstError(f"{where} holds {count:,} numbers; at most {MOST_NUMBERS:,} are read")


def _complete(array: Any, kinds: str, where: str, decimal: bool) -> Array:
    """Return numbers as float64; raise where one is missing.

    With `decimal`, a number in single precision is read as the shortest decimal number that rounds to it.
    """
    if array.dtype.kind not in kinds:
        found = {"b": "true and false", "c": "complex numbers", "M": "dates", "m": "spans of time"}
        text = found.get(array.dtype.kind, "text" if array.dtype.kind in "SU" else "no numbers")
        raise PsstError(f"{where} holds {text}; must hold real numbers")
    plain = np.asarray(array)
    with np.errstate(over="ignore"):
        values = plain.astype(np.float64)
    missing = np.ma.getmaskarray(array) | np.isnan(values) | (np.abs(values) == UNWRITTEN)
    if np.any(missing):
        raise PsstError(
            f"{where}: {np.count_nonzero(missing):,} of {missing.size:,} values are missing (never written, NaN, or "
            "called missing or invalid by the variable's attributes); write each of them"
        )
    if infinite := np.count_nonzero(~np.isfinite(values)):
        raise PsstError(f"{where}: {infinite:,} of {values.size:,} values are infinite; write numbers that are finite")
    if plain.dtype.kind in "iu" and np.abs(values).max(initial=0) >= 2**53:
        raise PsstError(f"{where} holds whole numbers of 2^53 or more, which double precision cannot tell apart")
    if decimal and plain.dtype == np.float32:
        values = plain.astype(str).astype(np.float64)
    return values
