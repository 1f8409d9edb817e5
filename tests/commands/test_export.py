"""A sweep that leaves: as an RO-Crate, and one of its runs as NWB."""

import json
import re
import sys
import zipfile

import pytest
import xarray as xr

from psst_core import PsstError, open_sweep
from psst_core.commands.cli import main
from psst_core.commands.crate import DESCRIPTOR
from support.sweeps import TINY, run_sweep

RUN = ["network.coupling=0.5", "solver=rk4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    top = tmp_path_factory.mktemp("sweeps")
    words = "network.size=8 network.coupling=0,0.5 solver=rk4 institution=IISER"
    results = run_sweep(top / "results", "locust_coupling", TINY + words, "mine")
    (results.folder / "figures").mkdir()
    (results.folder / "figures" / "rate_map.svg").write_text("<svg/>")
    return top


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def test_a_crate_tells_of_every_file_what_it_is(here):
    assert main(["export", "mine", "--crate", "crate", "--chunks", "--licence", "CC-BY-4.0"]) == 0
    graph = {
        entity["@id"]: entity for entity in json.loads((here / "crate/ro-crate-metadata.json").read_text())["@graph"]
    }
    files = {str(file.relative_to(here / "crate")) for file in (here / "crate").rglob("*") if file.is_file()}
    parts = {part["@id"] for part in graph["./"]["hasPart"]}
    assert files == parts | {"ro-crate-metadata.json"}
    assert {"sweep.nc", "plan.csv", "config.yaml", "figures/rate_map.svg"} < parts
    assert sum(part.startswith("chunks/") and part.endswith(".nc") for part in parts) == 1
    for part in parts:
        assert graph[part]["description"] and "/" in graph[part]["encodingFormat"]
    action = graph[graph["./"]["mentions"]["@id"]]
    assert {"@id": "config.yaml"} in action["object"] and {"@id": "sweep.nc"} in action["result"]
    workflow = graph[action["instrument"]["@id"]]
    assert graph["./"]["mainEntity"] == action["instrument"] == {"@id": "workflow/Snakefile"}
    assert not any(part["@id"].startswith("workflow/") for part in (*action["object"], *action["result"]))
    included = re.findall(r'include: "(.*)"', (here / "crate/workflow/Snakefile").read_text())
    used = {f"workflow/{part}" for part in included} | {f"workflow/scripts/{name}.py" for name in ("simulate", "draw")}
    assert used < {part["@id"] for part in workflow["hasPart"]} and used < parts
    assert graph[workflow["programmingLanguage"]["@id"]]["name"] == "Snakemake"
    software = graph[workflow["hasPart"][-1]["@id"]]
    with xr.open_dataset(here / "results/mine/sweep.nc") as cube:
        assert f"PSST {software['softwareVersion']}" == cube.attrs["source"]
    assert graph[software["author"]["@id"]]["name"] == "The PSST authors"
    assert graph["./"]["license"]["@id"].endswith("CC-BY-4.0")
    assert graph[action["agent"]["@id"]] == {"@id": "#institution", "@type": "Organization", "name": "IISER"}


def test_a_crate_tells_what_the_workflow_was_given(here):
    """As the command line names it: experiment, and overrides by key, each with its value."""
    assert main(["export", "mine", "--crate", "given"]) == 0
    graph = {entity["@id"]: entity for entity in json.loads((here / "given" / DESCRIPTOR).read_text())["@graph"]}
    given = {}
    for link in graph["workflow/Snakefile"]["input"]:
        parameter = graph[link["@id"]]
        value = graph[parameter["workExample"]["@id"]]
        assert value["exampleOfWork"] == link and {"@id": value["@id"]} in graph["#sweep"]["object"]
        given[parameter["name"]] = value["value"]
    assert given.pop("experiment") == "locust_coupling"
    assert [f"{key}={value}" for key, value in given.items()] == open_sweep("results/mine").record["overrides"]


def test_a_crate_without_the_workflow_is_refused(here, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("psst_core.commands.crate.CHECKOUT", tmp_path)
    assert main(["export", "mine", "--crate", "nothing"]) == 1
    assert "install it from a clone" in capsys.readouterr().err and not (here / "nothing").exists()


def test_a_crate_is_one_file_too(here):
    assert main(["export", "mine", "--crate", "crate.zip"]) == 0
    with zipfile.ZipFile(here / "crate.zip") as archive:
        names = archive.namelist()
        graph = json.loads(archive.read("ro-crate-metadata.json"))["@graph"]
    own = [name for name in names if not name.startswith("workflow/")]
    assert sorted(own) == ["config.yaml", "figures/rate_map.svg", "plan.csv", DESCRIPTOR, "sweep.nc"]
    assert any(entity.get("name") == "no licence chosen" for entity in graph)


def test_a_run_without_pynwb(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynwb", None)
    assert main(["export", "mine", "--nwb", "run.nwb", *RUN]) == 1
    error = capsys.readouterr().err
    assert "pip install pynwb" in error and "[nwb]" in error and error.count("\n") == 1


@pytest.mark.parametrize(("word", "library"), [("--zarr", "zarr"), ("--sonata", "h5py")])
def test_what_needs_a_library_says_so(here, capsys, monkeypatch, word, library):
    monkeypatch.setitem(sys.modules, library, None)
    assert main(["export", "mine", word, "run.h5", *([] if word == "--zarr" else RUN)]) == 1
    error = capsys.readouterr().err
    assert f"{word} needs {library}" in error and "pip install" in error and error.count("\n") == 1


def test_a_run_in_other_forms_without_their_libraries(here, monkeypatch):
    run = open_sweep("results/mine").run()
    for name, method in (("neo", run.to_neo), ("pynapple", run.to_pynapple)):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(PsstError, match=rf"needs {name} .*pip install {name}"):
            method()


@pytest.mark.parametrize(
    "words,message",
    [
        (["mine"], "needs --crate TARGET, --zarr FOLDER, --nwb FILE.nwb KEY=VALUE"),
        (["mine", "--crate", "results"], "--crate results: is there already"),
        (["nothing", "--crate", "new"], "holds no plan.csv"),
        (["mine", "--nwb", "run.nwb", "coupling"], "coupling: write key=value"),
        (["mine", "--nwb", "run.nwb", "network.coupling=0.7"], "coupling=0.7: not in the sweep; there are: 0.0, 0.5"),
        (["mine", "--nwb", "run.nwb", "trial=1"], "coupling: name one of its 2 values there: 0.0, 0.5"),
        (["mine", "--nwb", "run.nwb", "couplin=1"], "couplin=1: no such axis"),
        (["mine", "--nwb", "new/run.hdf5", *RUN], "--nwb new/run.hdf5: must end in .nwb"),
        (["mine", "--sonata", "new/run.nwb", *RUN], "--sonata new/run.nwb: must end in .h5"),
        (["mine", "--zarr", "results"], "--zarr results: is there already"),
    ],
)
def test_errors_are_one_line(here, capsys, words, message, monkeypatch):
    for name in ("pynwb", "zarr"):
        monkeypatch.setitem(sys.modules, name, sys)
    assert main(["export", *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("psst: ") and message in error and error.count("\n") == 1
    assert not (here / "new").exists()
