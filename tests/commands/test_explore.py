"""The page of a sweep: its numbers are those of the cube; in a browser its controls change the pictures."""

import base64
import json
import re

import numpy as np
import pytest

from psst_core import open_sweep
from psst_core.attributes import REPLICATES, measures_of
from psst_core.commands.cli import main
from psst_core.commands.explore import content, write_page
from psst_core.errors import PsstError
from psst_core.results.gather import gather
from psst_core.store.dataset import write
from psst_core.sweep.runs import Axis
from support.made_up import made_up_sweep
from support.sweeps import TINY, run_sweep

SIZE = Axis("network.size", "size", (8, 12, 16), "size")
COUPLING = Axis("network.coupling", "coupling", (0.0, 0.5, 1.0), "coupling")
SOLVER = Axis("solver", "solver", ("rk4", "euler"), "solver")
ACH = Axis("network.ach", "ach", tuple(np.linspace(0.1, 0.9, 40).tolist()), "run")
GABA = Axis("network.gaba", "gaba", tuple(np.linspace(0.9, 0.2, 40).tolist()), "run")


def array(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    return made_up_sweep(
        folder, [SIZE, COUPLING, SOLVER], traced=lambda point: point["coupling"] == 1.0,
        diverged=lambda run: run["values"]["network.size"] == 12 and run["trial"] == 0,
    )  # fmt: skip


def test_the_page_holds_the_numbers_of_the_cube(grid):
    found = content(grid)
    shape = [len(dim["values"]) for dim in found["dims"]]
    assert [dim["name"] for dim in found["dims"] if dim["replicate"]] == list(REPLICATES)
    for measure in found["measures"]:
        own = [len(dim["values"]) for dim in measure["dims"]]
        values = array(measure["data"], "<f4").reshape([*shape, *own])
        np.testing.assert_array_equal(values, grid.cube[measure["name"]].values.astype("f4"), err_msg=measure["name"])
    assert [measure["name"] for measure in found["measures"]] == [*measures_of(grid.cube), "wall_time"]
    assert found["state"] == "30 ok, 6 diverged" and "6 of 36 runs diverged" in found["shortfall"]


def test_the_page_holds_runs_of_the_whole_sweep(grid):
    assert len(content(grid, 1000)["runs"]) == 18  # the first trial of each point
    runs = content(grid, 4)["runs"]
    assert [run["place"] for run in runs][::3] == [[0, 0, 0, 0, 0], [2, 2, 1, 0, 0]]
    for run in runs:
        size, coupling, solver = (
            axis.values[place] for axis, place in zip(grid.axes.values(), run["place"], strict=False)
        )
        there = grid.run(size=size, coupling=coupling, solver=solver, trial=0)
        np.testing.assert_array_equal(array(run["spike_time"], "<f4"), there.spike_time.astype("f4"))
        np.testing.assert_array_equal(array(run["spike_cell"], "<i4"), there.spike_cell)
        mean = next(line for line in run["lines"] if line["name"] == "mean of pn")
        np.testing.assert_array_equal(array(mean["data"], "<f4"), there.mean_potential.sel(population="pn"))
    assert content(grid, 0)["runs"] == []


def test_a_page_of_a_plain_system_and_of_one_run(tmp_path):
    results = run_sweep(
        tmp_path, "pendulum", "run.duration=20 recorder.window=[0,20] analysis.spectrum=[0,20] solver=rk4"
    )
    found = content(results)
    assert found["potential"] == "mean of the first variable" and len(found["runs"]) == 1


def test_no_text_of_a_user_ends_the_data(grid, tmp_path):
    cube = grid.cube.assign_attrs(title='a <!-- <script> b </script> "c" \u2028 κ')
    write(cube, tmp_path / "named.nc")
    write_page(open_sweep(tmp_path / "named.nc"), tmp_path / "named.html")
    text = (tmp_path / "named.html").read_text("utf-8")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]
    assert "<" not in data and json.loads(data)["measures"]
    assert "<title>a &lt;!-- &lt;script&gt; b &lt;/script&gt;" in text


def test_what_cannot_be_shown_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["explore", "nothing"]) == 1
    assert "no sweep of this name" in capsys.readouterr().err
    folder = tmp_path / "results"
    run_sweep(folder, "locust_coupling", TINY + "network.size=8 network.coupling=1 solver=rk4", "mine")
    assert main(["explore", "mine", "--runs", "-1"]) == 1 and "must be 0 or more" in capsys.readouterr().err
    assert main(["explore", "mine"]) == 0
    assert re.fullmatch(r"results/mine/explore.html: [\d.]+ MB; open it in a browser\n", capsys.readouterr().out)
    assert main(["explore", "mine", "--output", "here.html"]) == 0 and (tmp_path / "here.html").is_file()
    for words, message in ((["--output", "here.txt"], "must end in .html"), (["--partial"], "is gathered whole")):
        assert main(["explore", "mine", *words]) == 1 and message in capsys.readouterr().err
    gather(folder / "mine", (folder / "mine" / "planned").read_text().strip())
    assert not (folder / "mine" / "explore.html").exists()  # it would show an earlier cube
    names = measures_of(results := open_sweep(folder / "mine").cube)
    write(results.drop_vars(names), tmp_path / "bare.nc")
    with pytest.raises(PsstError, match=r"bare.nc: holds no measures"):
        content(open_sweep(tmp_path / "bare.nc"))


def test_a_page_of_a_partial_sweep(tmp_path):
    results = made_up_sweep(tmp_path, [COUPLING, SOLVER], chunk_runs=4, unfinished=[1])
    found = content(results)
    assert found["state"].startswith("partial: 8 of 12 runs; ") and len(found["runs"]) == 4


def picture(page, name="picture"):
    return page.evaluate(
        f"JSON.stringify(document.getElementById('{name}').data.map(trace => [trace.x, trace.y, trace.z]))"
    )


def choose(page, control, value):
    before = page.evaluate("document.body.dataset.drawn")
    page.select_option(f"#{control}", value)
    page.wait_for_function(f"document.body.dataset.drawn !== '{before}'")
    return picture(page)


def move(page, control, value):
    before = page.evaluate("document.body.dataset.drawn")
    page.evaluate(
        f"(() => {{const one = document.getElementById('{control}'); one.value = {value}; "
        "one.dispatchEvent(new Event('input'))})()"
    )
    page.wait_for_function(f"document.body.dataset.drawn !== '{before}'")
    return picture(page)


def opened(page, file):
    """Open a page, and note all that is asked for."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_function("document.body.dataset.drawn")
    return asked


@pytest.mark.browser
def test_controls_change_the_picture_and_nothing_is_asked_of_a_server(grid, tmp_path, page):
    file = tmp_path / "grid.html"
    write_page(grid, file)
    asked = opened(page, file)
    seen = [picture(page)]
    words = "what=synchrony x=coupling second=size kind=map at-solver=0 x=solver at-population=1"
    for control, value in (word.split("=") for word in words.split()):
        seen.append(choose(page, control, value))
    assert len(set(seen)) == len(seen)
    choose(page, "x", "coupling")
    choose(page, "second", "solver")
    before = picture(page)
    assert move(page, "at-size", 0) != before
    assert move(page, "at-size", 2) == before  # where it began, at the run with most spikes
    mean = grid.cube["synchrony"].sel(size=16, population="ln").mean(REPLICATES).transpose("solver", "coupling")
    shown = np.array(json.loads(picture(page))[0][2], float)
    np.testing.assert_allclose(shown, mean, rtol=1e-6)
    assert asked == [file.as_uri()] and page.complaints == []


@pytest.mark.browser
def test_a_click_shows_the_nearest_run(grid, tmp_path, page):
    file = tmp_path / "grid.html"
    write_page(grid, file, 1000)
    opened(page, file)
    choose(page, "x", "coupling")
    choose(page, "second", "size")
    before = page.text_content("#which"), picture(page, "raster")
    place = page.locator("#picture .points path").last.bounding_box()
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.wait_for_function(f"document.getElementById('which').textContent !== {json.dumps(before[0])}")
    assert "size 16, coupling 1, solver euler" in page.text_content("#which") and picture(page, "raster") != before[1]
    assert page.complaints == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_cut_at_the_width_of_a_telephone(grid, tmp_path, page, width):
    file = tmp_path / "grid.html"
    write_page(grid, file)
    page.set_viewport_size({"width": width, "height": 800})
    opened(page, file)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_a_hundred_thousand_runs(tmp_path, page):
    """Of a sample; a cube alone, with no runs beside it."""
    small = made_up_sweep(tmp_path, [ACH, GABA], chunk_runs=100)
    count, random = 100_000, np.random.default_rng(1)
    cube = small.cube.isel(run=random.integers(0, 40, count), network=[0], trial=[0])
    cube = cube.assign_coords(
        run=np.arange(count),
        ach=("run", random.uniform(0.1, 0.9, count), cube["ach"].attrs),
        gaba=("run", random.uniform(0.2, 0.9, count), cube["gaba"].attrs),
    )
    ids = np.array([f"{number:016x}" for number in range(count)]).reshape(count, 1, 1)
    write(cube.assign(run_id=(cube["run_id"].dims, ids)), tmp_path / "many.nc")
    file = tmp_path / "many.html"
    write_page(open_sweep(tmp_path / "many.nc"), file)
    asked = opened(page, file)
    assert len(json.loads(picture(page))[0][1]) == count
    seen = {choose(page, "what", "synchrony"), choose(page, "x", "gaba"), choose(page, "at-population", "1")}
    choose(page, "second", "ach")
    assert len(seen) == 3 and asked == [file.as_uri()] and page.complaints == []
    print(f"\n{file.stat().st_size / 1e6:.1f} MB")
