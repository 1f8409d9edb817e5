"""Arrays that a user brings: NetCDF, or npz without pickle."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from psst_core.errors import PsstError


def read_array(path: str, variable: str, key: str) -> npt.NDArray[np.float64]:
    """One variable of a file, as finite float64; `key` is where the configuration names the file."""
    arrays = read_arrays(path, key)
    if variable not in arrays:
        raise PsstError(f"{key}={path}: no variable {variable!r}; there are: {', '.join(sorted(arrays))}")
    return arrays[variable]


def read_arrays(path: str, key: str) -> dict[str, npt.NDArray[np.float64]]:
    """Every numeric variable of a file."""
    file = Path(path)
    if not file.is_file():
        raise PsstError(f"{key}={path}: no such file (paths are relative to the project's top folder)")
    readers = {".npz": _read_npz, ".nc": _read_netcdf}
    if file.suffix not in readers:
        raise PsstError(f"{key}={path}: must be a NetCDF (.nc) or NumPy (.npz) file")
    try:
        arrays = readers[file.suffix](file)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise PsstError(f"{key}={path}: cannot be read: {error}") from error
    for name, array in arrays.items():
        if not np.all(np.isfinite(array)):
            raise PsstError(f"{key}={path}: variable {name!r} holds values that are not finite")
    return arrays


def digest_file(path: str, key: str) -> str:
    """The SHA-256 of a file's bytes: what a run's identity holds in place of its path."""
    if not Path(path).is_file():
        raise PsstError(f"{key}={path}: no such file (paths are relative to the project's top folder)")
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _read_npz(file: Path) -> dict[str, npt.NDArray[np.float64]]:
    with open(file, "rb") as opened, np.load(opened, allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float64) for name in arrays.files if arrays[name].dtype.kind in "biuf"}


def _read_netcdf(file: Path) -> dict[str, npt.NDArray[np.float64]]:
    import netCDF4

    with netCDF4.Dataset(file) as data:
        data.set_auto_mask(False)
        numeric = {name: v for name, v in data.variables.items() if getattr(v.dtype, "kind", "O") in "iuf"}
        return {name: np.asarray(v[...], dtype=np.float64) for name, v in numeric.items()}
