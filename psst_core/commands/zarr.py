"""A sweep as Zarr, version 3: its cube, and the chunks of its runs."""

import secrets
import shutil
from pathlib import Path

import xarray as xr

from psst_core.errors import PsstError
from psst_core.results.sweep_results import Results
from psst_core.store.dataset import read_whole
from psst_core.store.folder import CHUNKS

FORMAT = 3


def export_zarr(results: Results, target: Path, chunks: bool = False) -> None:
    """Write a cube as a Zarr store, and the chunks of its runs as groups `chunks/CHUNK` in it.

    Args:
        target: a new folder.
        chunks: whether to include the chunks, with the spikes, potentials and traces of all runs.

    Raises:
        PsstError: when zarr is missing, a chunk is missing or damaged, or the target is there.
    """
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise PsstError(f"--zarr needs zarr ({error}): pip install 'zarr>=3'") from None
    if target.exists():
        raise PsstError(f"--zarr {target}: is there already; remove it or name another")
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        _write(results.cube, beside, None)
        for chunk in results.finished["chunk"].drop_duplicates() if chunks else ():
            with read_whole(results.home.chunk_file(str(chunk))) as data:
                _write(data.load(), beside, f"{CHUNKS}/{chunk}")
        beside.replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write(data: xr.Dataset, store: Path, group: str | None) -> None:
    """Write a data set into a group of a store; texts have no fixed width there, as the format knows none."""
    texts = {name: data[name].astype(object) for name in data.variables if data[name].dtype.kind in "UT"}
    plain = data.assign(texts).drop_encoding()
    plain.to_zarr(store, group=group, zarr_format=FORMAT, consolidated=False, mode="a")
