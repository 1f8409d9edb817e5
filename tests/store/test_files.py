"""Files are whole or not there, whatever happens to the disk, and have the checksum of their content."""

import contextlib
import resource
import subprocess

import numpy as np
import pytest
import xarray as xr

from psst_core.errors import PsstError
from psst_core.files import remove_leftovers, write_text
from psst_core.store.chunk_file import ChunkFile
from psst_core.store.dataset import CIRCUMSTANCES, atomic_netcdf, checksum, write
from psst_core.store.folder import CHUNKS
from support.stopped import made, manifest_of

pytestmark = pytest.mark.usefixtures("compiled_once", "no_results")


@contextlib.contextmanager
def files_of_at_most(size):
    """What a full disk does to a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def measures(count=3):
    rates = np.random.default_rng(count).random(count)
    return xr.Dataset({"firing_rate": ("run", rates), "run_id": ("run", np.arange(count).astype(str))})


@pytest.mark.usefixtures("tensorflow")
def test_a_full_disk_is_named_and_leaves_what_was_there(tmp_path):
    manifest = manifest_of("jumps")
    target, earlier = tmp_path / "sweep.nc", tmp_path / CHUNKS / "chunk.nc"
    write(measures(), target)
    write(measures(), earlier)
    before = checksum(target), checksum(earlier)
    with (
        files_of_at_most(20_000),
        pytest.raises(PsstError, match=r"sweep\.nc: cannot be written: NetCDF.* MB are free"),
    ):
        write(measures(100_000), target)
    with files_of_at_most(5_000), pytest.raises(PsstError, match=r"chunk\.nc: cannot be written: NetCDF.* MB are free"):
        made(tmp_path, manifest)
    assert (checksum(target), checksum(earlier)) == before
    assert sorted(file.name for file in tmp_path.rglob("*") if file.is_file()) == ["chunk.nc", "sweep.nc"]


def test_a_disk_that_is_really_full(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small disk here")
    try:
        write(measures(), tmp_path / "sweep.nc")
        with pytest.raises(PsstError, match=r"sweep\.nc: cannot be written: .*\(0 MB are free"):
            write(measures(100_000), tmp_path / "sweep.nc")
        with pytest.raises(PsstError, match=r"plan\.csv: cannot be written: .*No space left.*\(0 MB are free"):
            write_text(tmp_path / "plan.csv", 300_000 * "x")
        assert [file.name for file in tmp_path.iterdir()] == ["sweep.nc"]
        assert xr.load_dataset(tmp_path / "sweep.nc").attrs["checksum"] == checksum(tmp_path / "sweep.nc")
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_folder_in_which_nothing_may_be_written_is_named(tmp_path):
    (tmp_path / CHUNKS).write_text("a file in place of a folder")
    with pytest.raises(PsstError, match=r"chunks/0\.nc: cannot be written: .*get permission"):
        write(measures(), tmp_path / CHUNKS / "0.nc")
    assert (tmp_path / CHUNKS).read_text() == "a file in place of a folder"


def test_a_file_with_other_dimensions_than_it_must_have_is_refused(tmp_path):
    with (
        pytest.raises(PsstError, match=r"was written with dimensions \{'run': 3\} in place of \{'run': 4\}"),
        atomic_netcdf(tmp_path / "x.nc", {"run": 4}) as beside,
    ):
        measures().to_netcdf(beside)
    assert not list(tmp_path.iterdir())


def test_a_checksum_is_that_of_the_content(tmp_path):
    def of(change=lambda data: None, **encoding):
        data = measures()
        change(data)
        data.to_netcdf(tmp_path / "x.nc", encoding=encoding)
        return checksum(tmp_path / "x.nc")

    first = of()
    assert of() == first and of(firing_rate={"zlib": True, "complevel": 9}) == first
    for name in CIRCUMSTANCES - {"wall_time"}:
        assert of(lambda data, name=name: data.attrs.update({name: "other"})) == first
    assert of(lambda data: data.update({"wall_time": ("run", np.ones(3))})) == first
    changes = [
        lambda data: data["firing_rate"].values.__setitem__(2, 0.5),
        lambda data: data["run_id"].values.__setitem__(0, "x"),
        lambda data: data["firing_rate"].attrs.update(units="Hz"),
        lambda data: data.attrs.update(title="x"),
        lambda data: data.update({"more": ("run", np.ones(3))}),
        lambda data: data.update({"firing_rate": data["firing_rate"].astype("f4")}),
        lambda data: data.update({"more": ("point", np.ones(0))}),
    ]
    assert len({first, *map(of, changes)}) == len(changes) + 1


def test_a_large_variable_has_the_same_checksum_in_blocks(tmp_path, monkeypatch):
    write(measures(1000), tmp_path / "x.nc")
    first = checksum(tmp_path / "x.nc")
    monkeypatch.setattr("psst_core.store.dataset.BLOCK_BYTES", 100)
    assert checksum(tmp_path / "x.nc") == first


def test_the_pieces_in_which_a_chunk_is_written_do_not_count(tmp_path):
    def written(name, cuts):
        path = tmp_path / name
        file = ChunkFile(path, 2, {"pn": 3}, np.arange(40.0), {"pn.v": [0, 2]}, [1], "float32", (2, 10), {})
        means, traces = np.arange(80.0).reshape(1, 2, 40), np.arange(160.0).reshape(2, 2, 40)
        for first in range(0, 40, 10):
            part = slice(first, first + 10)
            if first in cuts:
                file.close()
                file = ChunkFile.resume(path)
            file.write_samples(0, first, means[..., part], {"pn.v": traces[..., part]})
            file.write_spikes(np.arange(5.0) + first, np.arange(5) % 3, np.arange(5) % 2)
        file.close()
        return checksum(path)

    assert written("a.nc", []) == written("b.nc", [10, 30])


def test_what_killed_jobs_left_is_removed_and_nothing_else(tmp_path):
    names = [".a.nc.0123abcd.nc", "a.nc", "b.nc", ".b.nc.0123abcd.nc", "a.0.summary.nc"]
    for name in names:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path / "a.nc")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(names[1:])
