"""Whatever lies in place of a file in a results folder, every command says which it is; none ends in a traceback."""

import contextlib
import importlib
import shutil
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import netCDF4
import numpy as np
import pytest

from psst_core import drawing
from psst_core.commands.cli import main
from psst_core.errors import PsstError
from psst_core.files import from_yaml, to_yaml
from psst_core.plan.sweep_plan import make_plan
from psst_core.results.about import page
from psst_core.results.sweep_results import open_sweep
from psst_core.store import dataset
from support.sweeps import TINY, run_sweep

WORDS = TINY + "network.size=8 network.coupling=0,0.5 solver=rk4 numerics.check=halve_dt numerics.share=0.3 "
WORDS += "formats=[pdf] figures=[coupling_curves] recorder.variables.pn=[v]"


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    with contextlib.chdir(folder):
        run_sweep(Path("results"), "locust_coupling", WORDS, "mine")
        drawing.draw_all(Path("results/mine"), lambda line: None)
        assert main(["gather", "mine", "--partial"]) == 0
        Path("results/saved").mkdir()
        Path("results/saved/0123456789abcdef.zip").write_bytes(b"PK")
        log = Path("results/logs/simulate")
        log.mkdir(parents=True, exist_ok=True)
        (log / "0123456789abcdef.log").write_text("2026-11-24 20:00:00 chunk abc: 25 %, 7 s left\n")
        Path("results/machine.json").write_text(
            '{"float64": {"1": 11.3, "16": 150.0}, "float32": {"1": 7.4, "16": 64.0}}'
        )
    return folder


def chunk(pattern):
    return sorted(Path("results/chunks").glob(pattern))[0]


def plan_digest():
    return Path("results/mine/planned").read_text().strip()


FILES = {
    "planned": lambda: Path("results/mine/planned"),
    "plan.csv": lambda: Path(f"results/plans/{plan_digest()}.csv"),
    "plan.yaml": lambda: Path(f"results/plans/{plan_digest()}.yaml"),
    "plan.twins": lambda: Path(f"results/plans/{plan_digest()}.twins.csv"),
    "copy.csv": lambda: Path("results/mine/plan.csv"),
    "copy.yaml": lambda: Path("results/mine/config.yaml"),
    "copy.twins": lambda: Path("results/mine/twins.csv"),
    "cube": lambda: Path("results/mine/sweep.nc"),
    "estimate": lambda: Path("results/mine/error_estimate.nc"),
    "manifest": lambda: chunk("*.json"),
    "chunk": lambda: chunk("*" + 15 * "[0-9a-f]" + ".nc"),
    "summary": lambda: chunk("*.summary.nc"),
    "machine": lambda: Path("results/machine.json"),
    "log": lambda: Path("results/logs/simulate/0123456789abcdef.log"),
    "saved": lambda: Path("results/saved/0123456789abcdef.zip"),
    "picture": lambda: Path("results/mine/figures/coupling_curves.pdf"),
}


def of_another_kind(path):
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("run", 3)
        file.createVariable("status", "f8", ("run",))[:] = np.nan


def sealed(path):
    """Of another kind, with a checksum that fits."""
    of_another_kind(path)
    found = dataset.checksum(path)
    with netCDF4.Dataset(path, "a") as file:
        file.checksum = found


def in_its_place(path, text):
    path.write_text(text)


def huge(path):
    with open(path, "r+b") as file:
        file.truncate(2**40)


def folder(path):
    path.unlink()
    path.mkdir()


def link(path):
    path.unlink()
    path.symlink_to("nowhere")


FAULTS = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "garbage": lambda path: path.write_bytes(np.random.default_rng(1).bytes(3000)),
    "list": lambda path: in_its_place(path, "[]"),
    "mapping": lambda path: in_its_place(path, "{}"),
    "number": lambda path: in_its_place(path, "42"),
    "null": lambda path: in_its_place(path, "null"),
    "nan": lambda path: in_its_place(path, '{"float64": {"1": NaN}, "float32": {"1": Infinity}, "config": NaN}'),
    "deep": lambda path: in_its_place(path, "[" * 100_000),
    "latin": lambda path: path.write_bytes("größe,µ\n1,2\n".encode("latin-1")),
    "utf-16": lambda path: path.write_bytes("run_id,chunk\n".encode("utf-16")),
    "netcdf": of_another_kind,
    "sealed": sealed,
    "missing": lambda path: path.unlink(),
    "folder": folder,
    "link": link,
    "huge": huge,
}


def browse():
    browser = importlib.import_module("psst_core.commands.browse").Browser("results")
    for number in range(3):
        browser.pages.selected_index = number
    plt.close("all")


def read_runs():
    sweep = open_sweep("results/mine")
    assert sweep.run(coupling=0.5, trial=0).connections()
    sweep.traces(coupling=0.5).load()


def crate():
    code = main(["export", "mine", "--crate", "crate", "--chunks"])
    shutil.rmtree("crate", ignore_errors=True)
    return code


LOOKING = {
    "status": lambda: main(["status", "mine"]),
    "audit": lambda: main(["audit", "mine"]),
    "list": lambda: main(["audit", "mine", "--write-list", "sums"]),
    "clean": lambda: main(["clean"]),
    "blame": lambda: main(["blame", "mine", "coupling=0.5"]),
    "crate": crate,
    "about": lambda: page(open_sweep("results/mine")) and 0,
    "runs": read_runs,
    "browser": browse,
    "plan": lambda: make_plan("locust_coupling", WORDS, "mine") and 0,
    "draw": lambda: main(["draw", "mine"]),
    "partial": lambda: main(["draw", "mine", "--partial"]),
    "gather": lambda: main(["gather", "mine"]),
}

TRIED = ("empty", "half", "garbage", "mapping", "nan", "folder", "huge")


def told(clean, tmp_path, monkeypatch, capsys, file, fault, commands):
    """Nothing but an error of ours leaves a command, and what it says names the file."""
    shutil.copytree(clean, tmp_path / "work", symlinks=True)
    monkeypatch.chdir(tmp_path / "work")
    path = FILES[file]()
    if FAULTS[fault] in (of_another_kind, sealed):
        path.unlink()
    FAULTS[fault](path)
    for command in commands:
        capsys.readouterr()
        try:
            LOOKING[command]()
        except PsstError as error:
            assert len(str(error)) < 1000
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_every_command_survives_every_fault(clean, tmp_path, monkeypatch, capsys, file):
    """Each command of each file with a fourth of the faults, each fault with a fourth of the files."""
    for number, fault in enumerate(FAULTS, list(FILES).index(file)):
        commands = [command for place, command in enumerate(LOOKING, number) if place % 4 == 0]
        told(clean, tmp_path / str(number), monkeypatch, capsys, file, fault, commands)


@pytest.mark.parametrize("fault", TRIED)
@pytest.mark.parametrize("file", ["planned", "copy.yaml", "cube", "manifest", "machine"])
def test_a_damaged_record_is_told(clean, tmp_path, monkeypatch, capsys, file, fault):
    told(clean, tmp_path, monkeypatch, capsys, file, fault, ["status", "blame", "runs", "about", "audit"])


def test_a_crate_of_every_format(clean, tmp_path, monkeypatch):
    shutil.copytree(clean, tmp_path / "work", symlinks=True)
    monkeypatch.chdir(tmp_path / "work")
    assert main(["export", "mine", "--crate", "crate"]) == 0
    assert '"application/pdf"' in Path("crate/ro-crate-metadata.json").read_text()


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n"
BOMB += "".join(f"{b}: &{b} [{','.join(9 * ['*' + a])}]\n" for a, b in pairwise("abcdefghij"))


@pytest.mark.parametrize("text", [BOMB, "a: &a [*a]", "[" * 1_000_000, "- " * 100_000, "{a: " * 50_000], ids=range(5))
def test_a_yaml_bomb_is_refused(text):
    """By us, or by PyYAML from 6.0.4 on where it is nested too deeply."""
    with pytest.raises(PsstError, match=r"beyond any file of ours|is no YAML that can be read"):
        from_yaml(text, "bomb.yaml")


@pytest.mark.parametrize("text", ["a: [1", "!!python/name:os.system", "x: 2020-99-99", "? [a]\n: 1", "x: *y"])
def test_yaml_that_is_none_is_told_in_our_words(text):
    with pytest.raises(PsstError, match=r"^bomb\.yaml: (is no YAML that can be read|holds lists)"):
        from_yaml(text, "bomb.yaml")


def test_yaml_of_ours_is_read():
    data = {"a": [1, 2.5, "x", None, True], "b": {"c": [[1], [2]]}}
    assert from_yaml(to_yaml(data)) == data and from_yaml("a: &x [1]\nb: *x") == {"a": [1], "b": [1]}
