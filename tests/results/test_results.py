"""From a plan to the cube and back to single runs: every number keeps its name, its unit and its origin."""

import base64
import re
import subprocess
from html import escape, unescape

import netCDF4
import numpy as np
import pytest

from psst_core.attributes import STATUS, measures_of
from psst_core.drawing import draw_all
from psst_core.errors import PsstError
from psst_core.figures.chosen import caption_of
from psst_core.files import atomic, write_text
from psst_core.integrate.batch import Run
from psst_core.keys import get
from psst_core.results.about import page
from psst_core.results.gather import gather
from psst_core.store.dataset import read, read_cube, write
from psst_core.store.records import read_table
from support.configurations import configuration
from support.integrating import integrate
from support.made_up import COUPLING, made_up_sweep, write_records
from support.sweeps import TINY, run_sweep


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return run_sweep(
        tmp_path_factory.mktemp("results"), "locust_coupling", TINY + "network.size=8 network.coupling=0,0.5"
    )


def test_the_cube_has_a_dimension_for_each_axis(tiny):
    cube = tiny.cube
    assert dict(cube.sizes) == {"size": 1, "coupling": 2, "solver": 2, "network": 1, "trial": 2, "population": 2}
    assert cube["population"].values.tolist() == ["pn", "ln"]
    assert cube["coupling"].attrs["key"] == "network.coupling"
    assert cube["coupling"].attrs["units"] == "1"
    assert (cube["status"] == STATUS["ok"]).all()
    assert len(np.unique(cube["run_id"])) == 8
    for name in (*measures_of(cube), "status", "wall_time", "run_id"):
        assert "long_name" in cube[name].attrs, name
    for name in measures_of(cube):
        assert cube[name].attrs["units"], name
        assert cube[name].dims[-1] == "population"
    assert (cube["firing_rate"] > 0).any() and (cube["wall_time"] > 0).all()


def test_a_cell_of_the_cube_is_what_the_run_alone_gives(tiny):
    row = tiny.select(coupling=0.5, solver="rk4", trial=1).iloc[0]
    run = tiny.run(coupling=0.5, solver="rk4", trial=1)
    alone = integrate([Run(run.config, int(row["network"]), int(row["trial"]))])
    assert np.array_equal(np.sort(run.spike_cell), np.sort(alone.spike_cell))
    np.testing.assert_allclose(np.sort(run.spike_time), np.sort((alone.spike_step + 1) * 0.01))
    np.testing.assert_allclose(run.mean_potential, alone.mean_potential[:, 0], rtol=1e-5)
    here = tiny.cube.sel(coupling=0.5, solver="rk4", trial=1).squeeze()
    pn = np.count_nonzero(run.spike_cell < 6)
    assert here["firing_rate"].sel(population="pn") == pytest.approx(pn / 6 / 0.02)
    assert str(here["run_id"].values) == row["run_id"]


def test_a_run_knows_its_configuration_and_its_network(tiny):
    run = tiny.run(coupling=0.5, solver="exponential_euler")
    assert get(run.config, "network.coupling") == 0.5
    assert run.config["solver"]["name"] == "exponential_euler"
    assert {name: weights.shape for name, weights in run.connections().items()} == {
        "ln_ln": (2, 2),
        "ln_pn": (6, 2),
        "pn_ln": (2, 6),
    }


def test_selecting_what_is_not_there(tiny):
    with pytest.raises(PsstError, match=r"coupling=0\.7: not in the sweep; there are: 0\.0, 0\.5"):
        tiny.run(coupling=0.7)
    with pytest.raises(PsstError, match="no such axis; there are: run_id, size, coupling, solver, network, trial"):
        tiny.run(couplin=0.5)


def test_traces_of_chosen_runs(tmp_path):
    results = run_sweep(tmp_path, "chain_of_three", "run.duration=130 recorder.window=[0,130]")
    run = results.run()
    assert run.traces["trace_hh_v"].shape == (3, 1300)
    assert run.traces["trace_hh_v"].attrs["units"] == "mV"
    np.testing.assert_allclose(run.traces["trace_hh_v"].mean("cell_of_hh"), run.mean_potential[0], atol=1e-4)
    assert set(run.traces.data_vars) == {"trace_hh_v", "trace_hh_ach_open", "trace_hh_gaba_open"}


def test_a_diverged_run_is_a_status_and_not_a_lost_chunk(tmp_path):
    key = "network.populations.pn.mechanisms.sodium.conductance"
    overrides = f"network.size=8 network.coupling=0 solver=euler {key}=100,1e6"
    results = run_sweep(tmp_path, "locust_coupling", TINY + overrides)
    cube = results.cube.squeeze()
    bad = cube.sel(conductance=1e6)
    assert (cube["status"].sel(conductance=100.0) == STATUS["ok"]).all()
    assert (bad["status"] == STATUS["diverged"]).all()
    assert (bad["diverged_time"] < 20).all() and cube["diverged_time"].sel(conductance=100.0).isnull().all()
    assert bad["firing_rate"].isnull().all()
    assert cube["firing_rate"].sel(conductance=100.0).notnull().all()
    assert cube["conductance"].attrs["units"] == "mS/cm^2"


def test_another_run_than_planned_is_refused(tmp_path):
    results = run_sweep(tmp_path, "chain_of_three", "run.duration=10 recorder.window=[0,10]")
    (plan,) = (tmp_path / "plans").glob("*.csv")
    plan.write_text(plan.read_text().replace(results.plan["run_id"][0], "0" * 16))
    with pytest.raises(PsstError, match=f"plans/{plan.stem}.*changed since they were written.*start the sweep again"):
        gather(results.folder, plan.stem)
    other = write_records(tmp_path, read_table(plan), results.record)
    with pytest.raises(PsstError, match="holds other runs"):
        gather(results.folder, other)


def test_a_folder_that_is_no_sweep(tmp_path):
    from psst_core import open_sweep

    with pytest.raises(PsstError, match=r"holds no plan\.csv"):
        open_sweep(tmp_path)


def test_a_file_is_whole_or_not_there(tmp_path):
    target = tmp_path / "text.txt"
    write_text(target, "first")
    with pytest.raises(RuntimeError), atomic(target) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert target.read_text() == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["text.txt"]


def test_a_broken_file_is_named(tmp_path, tiny):
    broken = tmp_path / "broken.nc"
    broken.write_bytes(b"\x89HDF\r\n\x1a\n half a file")
    with pytest.raises(PsstError, match=r"broken\.nc: cannot be read"):
        read(broken)
    for file, what in ((broken, "cannot be read, it is damaged"), (tmp_path / "none.nc", "is missing; start")):
        with pytest.raises(PsstError, match=f"{file.name}: {what}"):
            read_cube(file)
    write(tiny.cube.load(), tmp_path / "copy.nc")
    with netCDF4.Dataset(tmp_path / "copy.nc") as copy:
        assert copy["firing_rate"].units == "Hz"
        assert copy["status"].flag_meanings == "ok diverged not_run not_planned failed"


def test_recording_does_not_change_a_run():
    plain, traced = configuration("chain_of_three"), configuration("chain_of_three")
    for config in (plain, traced):
        config["run"]["duration"] = 120.0
        config["recorder"]["window"] = [0.0, 120.0]
    plain["recorder"]["variables"] = {}
    a, b = (integrate([Run(config)]) for config in (plain, traced))
    assert np.array_equal(a.spike_step, b.spike_step)
    np.testing.assert_allclose(a.mean_potential, b.mean_potential, rtol=1e-9)


@pytest.mark.parametrize(
    "axis,name,unit",
    [
        ("run.seed=1,2", "run_seed", "1"),
        ("network.populations.pn.start.v=-70,-60", "v", "mV"),
        ("network.projections.pn_ln.reference_in_degree=45,90", "reference_in_degree", "1"),
        ("network.ach=1e-9,2e-9", "ach", "1"),
        ("solver.precision=float32,float64", "precision", None),
    ],
)
def test_axes_of_every_kind_reach_the_cube_and_the_run(tmp_path, axis, name, unit):
    overrides = "network.size=8 network.coupling=0.5 solver=rk4 run.duration=5 recorder.window=[0,5]"
    results = run_sweep(tmp_path, "locust_coupling", f"{overrides} sweep.networks=1 sweep.trials=1 {axis}")
    assert results.cube.sizes[name] == 2
    assert results.cube[name].attrs.get("units") == unit
    key = axis.partition("=")[0]
    for value in results.axes[name].values:
        run = results.run(**{name: value})
        assert get(run.config, key) == value
        assert run.point[name] == value


def test_the_page_of_a_sweep(tmp_path):
    results = made_up_sweep(tmp_path, [COUPLING])
    text = page(results)
    assert text.startswith("<!DOCTYPE html>") and "network.coupling: 0.0, 0.5, 1.0" in text and "6 ok" in text
    assert "start_jitter: 0.01" in text and "<img" not in text and "explore.html" not in text


def test_the_page_of_a_sweep_shows_each_figure_once(tmp_path):
    """With its caption, and no other file is asked for; the picture is the PNG itself."""
    results = made_up_sweep(tmp_path, [COUPLING])
    pictures = [file for file in draw_all(results.folder, lambda line: None) if file.suffix == ".png"]
    results.files.explore.touch()
    text = page(results, pictures)
    shown = re.findall(r'src="data:image/png;base64,(.*?)"', text)
    assert [base64.b64decode(data) for data in shown] == [file.read_bytes() for file in pictures] and len(shown) > 2
    assert re.findall(r'(?:src|href)="(?!data:)(.*?)"', text) == ["explore.html"]
    captions = re.findall(r"<figcaption><b>(.*?)</b> (.*?)</figcaption>", text)
    told = [(file.stem, caption_of(file.stem, results.config).split("\n\n")) for file in pictures]
    assert captions == [(name, "<br>".join(map(escape, paragraphs))) for name, paragraphs in told]


def test_the_command_of_a_page_is_what_a_shell_makes_words_of(tmp_path):
    results = made_up_sweep(tmp_path, [COUPLING])
    results.record["overrides"] = ["network.ach=interval(0,2)", "sweep.where=ach>0.1", "figures=[raster]"]
    (line,) = re.findall(r"<pre>(psst run .*)</pre>", page(results))
    echo = f"psst() {{ printf '%s\\n' \"$@\"; }}; {unescape(line)}"
    said = subprocess.run(["sh", "-c", echo], capture_output=True, text=True, check=True).stdout.split()
    named = [f"experiment={results.record['experiment']}", f"name={results.folder.name}"]
    assert said == ["run", *named, *results.record["overrides"]]
