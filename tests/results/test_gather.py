"""Cubes of axes on a grid and of axes that move together, whole and partial; traces that are not read before asked."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from psst_core import open_sweep
from psst_core.attributes import ATTRIBUTES, STATUS, measures_of
from psst_core.errors import PsstError
from psst_core.files import from_yaml
from psst_core.measures.chosen import described
from psst_core.results.gather import gather
from psst_core.store.dataset import read_whole, write
from psst_core.store.folder import CHUNKS, Folder
from psst_core.store.records import table_of
from psst_core.sweep.runs import Axis
from support.configurations import small_locust
from support.made_up import (
    made_up,
    made_up_plan,
    made_up_sweep,
    make_up_chunk,
    summarise_chunk,
    write_manifest,
    write_records,
)

COUPLING = Axis("network.coupling", "coupling", (0.0, 0.5, 1.0), "coupling")
SOLVER = Axis("solver", "solver", ("rk4", "euler"), "solver")
ACH = Axis("network.ach", "ach", (0.1, 0.30000000000000004, 0.7), "run")
GABA = Axis("network.gaba", "gaba", (0.9, 0.2, 0.2), "run")
WORD = Axis("stimulus", "stimulus", ("odour", "none", "odour"), "run")
NUMBERS = {number: name for name, number in STATUS.items()}


def invariant(cube):
    """No measure where a run has no result, and some where it has."""
    assert cube["status"].dtype == np.int8 and len(measures_of(cube)) == 8
    lost = cube["status"] != STATUS["ok"]
    assert (cube["firing_rate"].isnull() == lost).all()
    for name in measures_of(cube):
        assert cube[name].where(lost).isnull().all(), name


def opened(results):
    """By xarray alone, all of it."""
    return xr.open_dataset(results.folder / "sweep.nc").load()


def test_axes_that_move_together_are_coordinates_along_run(tmp_path):
    results = made_up_sweep(tmp_path, [ACH, SOLVER, GABA, WORD], chunk_runs=5)
    cube = opened(results)
    assert cube["firing_rate"].dims == ("run", "solver", "network", "trial", "population")
    assert cube["firing_rate"].shape == (3, 2, 1, 2, 2)
    for axis in (ACH, GABA, WORD):
        assert cube[axis.name].dims == ("run",) and tuple(cube[axis.name].values) == axis.values
    assert cube["ach"].attrs == {"long_name": "network ach", "key": "network.ach", "units": "1"}
    assert cube["solver"].values.tolist() == ["rk4", "euler"] and cube["stimulus"].dtype.kind == "U"
    assert (cube["status"] == STATUS["ok"]).all() and "partial" not in cube.attrs
    for row in results.plan.to_dict("records"):
        assert cube["run_id"].sel(run=row["run"], solver=row["solver"], trial=row["trial"]).item() == row["run_id"]
    invariant(cube)
    assert {axis: results.axes[axis].values for axis in ("ach", "solver")} == {
        "ach": ACH.values,
        "solver": SOLVER.values,
    }
    assert results.axes["gaba"].dimension == "run" and results.axes["solver"].dimension == "solver"


def test_each_value_is_where_its_run_is(tmp_path):
    results = made_up_sweep(tmp_path, [COUPLING, SOLVER], chunk_runs=5)
    for row in results.plan.to_dict("records"):
        run = results.run(run_id=row["run_id"])
        rate = results.cube["firing_rate"].sel({name: row[name] for name in ("coupling", "solver", "network", "trial")})
        inside = run.spike_time[(run.spike_cell < 6) & (run.spike_time > 0)]
        assert rate.sel(population="pn").item() == pytest.approx(len(inside) / 6 / 0.02)


def test_holes_of_a_constraint_are_not_planned(tmp_path):
    results = made_up_sweep(
        tmp_path, [ACH, COUPLING], planned=lambda point: point["coupling"] >= point["ach"] or point["run"] == 2
    )
    cube = opened(results)
    status = cube["status"].isel(network=0, trial=0)
    assert status.values.tolist() == [[3, 0, 0], [3, 0, 0], [0, 0, 0]]
    assert cube["status"].attrs["flag_meanings"] == "ok diverged not_run not_planned failed"
    assert cube["status"].attrs["flag_values"].tolist() == [0, 1, 2, 3, 4]
    assert (cube["run_id"].values[cube["status"] == 3] == "").all()
    invariant(cube)
    with pytest.raises(PsstError, match=r"coupling=0: not in the sweep at ach=0\.1; there are: 0\.5, 1\.0"):
        results.run(ach=0.1, coupling=0)


def test_what_is_finished_so_far(tmp_path):
    table = made_up_plan(tmp_path, [ACH, SOLVER], chunk_runs=3)
    chunks = list(dict.fromkeys(table["chunk"]))
    for chunk in chunks[:3]:
        make_up_chunk(tmp_path, chunk)
    summarise_chunk(tmp_path, chunks[0])
    (tmp_path / CHUNKS / f"{chunks[2]}.nc").write_bytes(b"\x89HDF\r\n\x1a\n half a file")
    before = sorted((tmp_path / CHUNKS).iterdir())
    folder = gather(tmp_path / "sweep", made_up(tmp_path), partial=True)
    assert folder == tmp_path / "sweep" / "partial" and sorted((tmp_path / CHUNKS).iterdir()) == before
    assert sorted(file.name for file in folder.glob("[!.]*")) == ["config.yaml", "plan.csv", "sweep.nc"]
    results = open_sweep(folder)
    cube = opened(results)
    assert cube.attrs["partial"] == "6 of 12 runs" and cube.attrs["title"].endswith("(partial: 6 of 12 runs)")
    assert [NUMBERS[number] for number in cube["status"].values.ravel()] == ["ok"] * 6 + ["not_run"] * 6
    assert cube["run_id"].values.ravel().tolist() == table["run_id"].tolist()
    assert len(results.finished) == 6
    invariant(cube)
    assert results.run(run=0, solver="rk4", trial=1).point["ach"] == 0.1
    with pytest.raises(PsstError, match=rf"no result yet; the job of chunk {chunks[3]} has not finished"):
        results.run(run=2, solver="euler")
    with pytest.raises(PsstError, match="chunks are not finished"):
        gather(tmp_path / "sweep", made_up(tmp_path))


def test_nothing_is_finished(tmp_path):
    made_up_plan(tmp_path, [COUPLING])
    cube = opened(open_sweep(gather(tmp_path / "sweep", made_up(tmp_path), partial=True)))
    assert (cube["status"] == STATUS["not_run"]).all() and cube["firing_rate"].shape == (3, 1, 2, 2)
    assert cube.attrs["partial"] == "0 of 6 runs"
    invariant(cube)


def test_a_damaged_chunk_is_named_or_left_out(tmp_path):
    results = made_up_sweep(tmp_path, [COUPLING], chunk_runs=2)
    file = Folder(tmp_path).summary_file(f"{1:016x}", 16 * "a")
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(PsstError, match=r"0001\..*summary\.nc: damaged, it cannot be read.*start the sweep again"):
        gather(results.folder, made_up(tmp_path))
    (tmp_path / CHUNKS / f"{1:016x}.nc").unlink()
    cube = opened(open_sweep(gather(results.folder, made_up(tmp_path), partial=True)))
    assert cube.attrs["partial"] == "4 of 6 runs"
    assert cube["status"].isel(network=0, trial=0).values.tolist() == [0, 2, 0]


def test_the_cube_can_be_opened_by_anyone(tmp_path):
    results = made_up_sweep(tmp_path, [ACH, SOLVER, Axis("run.duration", "duration", (20.0, 30.0), "duration")])
    cube = opened(results)
    assert cube["duration"].attrs["units"] == "ms" and cube["duration"].dtype == float
    for name in ("diverged_time", "wall_time"):
        assert cube[name].dtype == float
    for variable in cube.variables.values():
        assert variable.dtype.kind in "iufU"
        assert not any(value is None or isinstance(value, bool) for value in variable.attrs.values())
    assert set(STATUS) == set(ATTRIBUTES["status"]["flag_meanings"].split())


def test_of_many_runs_each_summary_is_read_once(tmp_path, monkeypatch):
    count, per_chunk = 5_000, 72
    random = np.random.default_rng(1)
    ach = Axis("network.ach", "ach", tuple(random.uniform(size=count).tolist()), "run")
    monkeypatch.setattr("support.made_up.write_text", _skip_manifests)
    table = made_up_plan(tmp_path, [ach], chunk_runs=per_chunk)
    (tmp_path / CHUNKS).mkdir()
    for chunk, rows in table.groupby("chunk"):
        dims = ("run", "population")
        data = {name: (dims, np.tile(rows["run"].to_numpy(float)[:, None], 2)) for name in described(small_locust())}
        data |= {"status": ("run", np.zeros(len(rows), "i1"))}
        data |= {name: ("run", np.zeros(len(rows))) for name in ("diverged_time", "wall_time", "seed")}
        data |= {"run_id": ("run", rows["run_id"].to_numpy(str))}
        write(xr.Dataset(data, {"population": ["pn", "ln"]}), Folder(tmp_path).summary_file(str(chunk), 16 * "a"))
    read: list[Path] = []
    monkeypatch.setattr("psst_core.results.gather.read_whole", lambda path: read.append(path) or read_whole(path))
    folder = gather(tmp_path / "sweep", made_up(tmp_path))
    assert sorted(read) == sorted((tmp_path / CHUNKS).glob("*.summary.nc"))
    cube = open_sweep(folder).cube
    assert cube["firing_rate"].shape == (count, 1, 2, 2)
    np.testing.assert_array_equal(cube["firing_rate"].values[:, 0, 1, 1], np.arange(count))
    np.testing.assert_array_equal(cube["ach"], ach.values)


def _skip_manifests(target, text):
    if target.suffix != ".json":
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def test_traces_are_opened_but_not_read(tmp_path):
    traced = lambda point: point["trial"] == 1 and point["run"] > 0  # noqa: E731
    results = made_up_sweep(tmp_path, [ACH, SOLVER, GABA], chunk_runs=5, traced=traced)
    (tmp_path / CHUNKS / f"{0:016x}.nc").write_bytes(b"nothing of this is asked for")
    traces = results.traces(gaba=0.2, solver="euler")
    assert traces["trace_pn_v"].dims == ("run", "cell_of_pn", "time")
    assert dict(traces.sizes) == {"run": 2, "cell_of_pn": 2, "time": 40}
    assert traces["trace_pn_v"].chunks is not None and traces["trace_pn_v"].attrs["units"] == "mV"
    assert traces["ach"].values.tolist() == [0.30000000000000004, 0.7] and traces["trial"].values.tolist() == [1, 1]
    assert list(traces.attrs) == ["title"] and traces["solver"].dtype.kind == "U"
    assert traces["solver"].values.tolist() == ["euler"] * 2 and traces["ach"].attrs["key"] == "network.ach"
    for number in range(2):
        row = results.select(run_id=traces["run_id"].values[number]).iloc[0]
        assert (traces["trace_pn_v"][number] == row["position"]).all()
        alone = results.run(run_id=row["run_id"]).traces["trace_pn_v"]
        np.testing.assert_array_equal(alone, traces["trace_pn_v"][number])


def test_traces_of_none(tmp_path):
    results = made_up_sweep(tmp_path, [ACH], traced=lambda point: point["run"] == 1)
    assert results.traces()["trial"].values.tolist() == [0, 1]
    with pytest.raises(PsstError, match=r"no traces were kept at .*; name variables in recorder\.variables"):
        results.traces(run=0)


def test_traces_of_a_partial_sweep(tmp_path):
    results = made_up_sweep(tmp_path, [ACH], chunk_runs=2, unfinished=[1], traced=lambda point: True)
    assert results.traces()["run_id"].values.tolist() == [f"{i:016x}" for i in (0, 1, 4, 5)]
    assert results.home == Folder(tmp_path)


def test_a_value_that_is_not_among_many(tmp_path):
    values = tuple(np.linspace(0, 1, 101).round(2).tolist())
    results = made_up_sweep(tmp_path, [Axis("network.ach", "ach", values, "run")], chunk_runs=101)
    with pytest.raises(
        PsstError, match=r"ach=0\.333: not in the sweep; there are: 101 values, the nearest 0\.33, 0\.34"
    ):
        results.select(ach=0.333)
    assert results.select(ach=0.1 + 0.2)["run"].tolist() == [30, 30]
    assert json.loads((tmp_path / CHUNKS / f"{0:016x}.json").read_text())["batches"][0][0]["values"] == {
        "network.ach": 0
    }


def test_traces_come_in_the_order_of_the_plan_and_end_with_their_run(tmp_path):
    """Runs of a chunk lie apart in the plan; a longer run has more samples."""
    table = made_up_plan(tmp_path, [COUPLING], chunk_runs=2, traced=lambda point: True)
    for chunk in dict.fromkeys(table["chunk"]):
        manifest = json.loads((tmp_path / CHUNKS / f"{chunk}.json").read_text())
        manifest["config"]["run"]["duration"] = 30.0 if int(chunk, 16) == 1 else 20.0
        write_manifest(tmp_path, manifest)
        make_up_chunk(tmp_path, chunk)
        summarise_chunk(tmp_path, chunk)
    records = tmp_path / "plans" / f"{made_up(tmp_path)}.csv"
    header, *lines = records.read_text().splitlines()
    rows = table_of("\n".join([header, *lines[::2], *lines[1::2]]), "plan")
    plan = write_records(tmp_path, rows, from_yaml(records.with_suffix(".yaml").read_text()))
    results = open_sweep(gather(tmp_path / "sweep", plan))
    traces = results.traces()
    assert traces["run_id"].values.tolist() == results.plan["run_id"].tolist()
    assert traces.sizes["time"] == 60
    ends = traces["trace_pn_v"].isel(cell_of_pn=0).notnull().sum("time")
    assert ends.values.tolist() == [60 if coupling == 0.5 else 40 for coupling in traces["coupling"].values]
