"""The notebooks: as they are committed, executed afresh as a person would, and the numbers of their exercises."""

import ast
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from support.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PICTURE_BYTES, NOTEBOOK_BYTES = 80_000, 600_000
FOLDED = {"source_hidden": True, "outputs_hidden": True}
HERE = re.compile(r"/(root|home|tmp|work|Users)/|https?://(?!doi\.org/)")

# By notebook, expressions that its kernel is asked for at the end, and what they must be.
NUMBERS = {
    "00_introduction": {
        "[round(float(plateaus[c]), 2) for c in (1.0, 2.0)]": [-45.02, -45.49],
        "[round(float(rise_times[c]), 1) for c in (1.0, 2.0)]": [6.7, 13.3],
    },
    "01_numerical_integration": {
        "round(float(energy_gain_euler), 2), bool(abs(energy_gain_rk4) < 1e-6)": (1.49, True),
        "round(float(heun_order), 1), round(float(heun_ratio), 9)": (1.9, 1.0),
        "bool(0.8 < pendulum_errors['Heun'] / pendulum_errors['midpoint'] < 0.95)": True,
        "bool(abs(stiff_results['Euler', 0.05]) > 1e6)": True,
        "[round(float(stiff_results[key]), 4) for key in (('RK4', 0.05), ('RK4', 0.02))]": [0.1381, 0.1381],
    },
    "02_tensorflow": {
        "fibonacci_numbers[-1].item(), last_that_fits": (514_229, 92),
        "bool(0.85 < lyapunov_exponent < 0.95), bool(25 < time_apart < 40)": (True, True),
        "str(in_single.dtype), bool(1e-9 < np.median(single_differences) < 1e-6)": ("float32", True),
    },
    "03_cells": {
        "counts.tolist()": [0, 0, 1, 6, 7, 9, 10, 11, 11, 12, 13, 13, 14, 14, 15, 15, 16, 16, 16, 17],
        "same_counts, bool(difference < 1e-4), all_finite": (True, True, True),
        "round(float(rheobase), 3), round(float(five_spikes), 3)": (1.038, 1.366),
        "len(slow_times)": 4,
        "blocked_counts.tolist()": [0, 11, *18 * [12]],
        "a_type_counts.tolist()": [0, 0, 0, 0, 0, 2, 4, 5, 6, 7, 7, 8, 9, 9, 10, 10, 11, 11, 12, 13],
        "totals['euler', 0.05], totals['euler', 0.1]": (229, None),
        "totals['exponential_euler', 0.1], totals['exponential_euler', 0.2]": (206, 201),
    },
    "04_networks": {
        "bool(largest_difference < 1e-12), counts, library_counts": (True, [18, 18, 0], [18, 18, 0]),
        "bool(shift < 1e-6), bool(apart < 1e-4)": (True, True),
        "left_over, during[-1]": ([30, 28, 23, 20, 17, 16], [1, 0, 0]),
        "rivals[0.8, (5.0, 4.5)], rivals[0.8, (5.0, 5.0)]": ([31, 0], [23, 23]),
        "[followed[weight][1] for weight in (0.05, 0.1, 0.15, 0.2, 0.25)]": [0, 9, 14, 17, 18],
    },
    "05_long_runs_and_sweeps": {
        "lobe_variables, round(lobe_bytes / 1e9, 1)": (840, 43.0),
        "streamed_equal": True,
        "bool(memory['memory'].iloc[2] < 20), bool(60 < memory['memory'].iloc[5] < 100)": (True, True),
        "same": {"spike_step": True, "spike_cell": True, "mean_potential": True, "last state": True},
        "counts[:, 1].tolist()": [0, 0, 5, 9, 11, 13, 15, 16, 17, 18, 18, 18, 18],
        "runs_in_chunks.tolist()": [4, 9],
        "bool(costs.loc[32, 'chain, 3 cells'] < 16 * costs.loc[1, 'chain, 3 cells'])": True,
        "full_bytes, reduced_bytes, round(longest_ms)": (280_000_000_000, 2_000_000_000, 571),
        "len(all_points.runs), len(constrained.runs)": (16, 12),
        "anew": {"a": (0, 13), "b": (0, 13), "c": (13, 13), "d": (12, 25), "e": (13, 26), "f": (13, 13)},
    },
    "06_antennal_lobe": {
        "bool(20 < len(spikes_of['pn']) < 300), bool(20 < len(spikes_of['ln']) < 300)": (True, True),
        "bool(power.sel(ach=1, gaba=0.05) > 3 * power.sel(ach=1).drop_sel(gaba=0.05).max())": True,
        "bool(power.sel(ach=0).max() < 10)": True,
        "bool(sum(in_boxes[0.5]) < sum(in_boxes[1.0]) < sum(in_boxes[2.0]))": True,
        "round(float(by_level), 1), round(float(correlation), 1)": (0.9, 0.9),
        "bool(sum(in_boxes[2.0]) > 10 * outside[2.0])": True,
        "bool(by_spread[0.0] > 0.95), bool(by_spread[0.25] < 0.5)": (True, True),
    },
    "07_benchmarks": {
        "bool(max(largest_differences.values()) < 1e-11)": True,
        "spikes.tolist()": [0, 0, 1, 6, 7, 9, 10, 11, 11, 12, 13, 13, 14, 14, 15, 15, 16, 16, 16, 17],
        "bool(cell_us.loc['PSST, 32 runs', 'median'] < cell_us.loc['NumPy', 'median'] / 4)": True,
        "bool(0 < pays_from[1] < 1e6)": True,
        "bool(batch_gain[64] > 1.2)": True,
        "round(ratio_in_blocks, 3), round(ratio_in_turn, 3)": (1.378, 1.013),
    },
    "08_clusters": {
        "plan['runs'], sum(row['chunks'] for row in plan['chunks']) == len(jobs)": (720, True),
        "jobs['mem_mb'].nunique()": 1,
        "len(made), len(set(made.values()))": (3, 1),
        "accepted, chosen_partitions": (True, ["short", "standard", "gpu"]),
        "[found['runs'] for found in maps.values()]": [1000, 1000],
        "bool(core_hours['float32'] < core_hours['float64'])": True,
        "attempts, third_fits": ({1: (3100, 125), 2: (6200, 250), 3: (9300, 375)}, False),
    },
    "browse_results": {
        "browser.sweep.cube['run_id'].size": 48,
        "browser.place['size'], browser.place['coupling']": (1, 1),
        "int((cube['status'] == 0).sum())": 48,
        "traces.sizes['run']": 6,
    },
}


def cells(notebook, kind):
    return [cell for cell in notebook.cells if cell.cell_type == kind]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def committed(request):
    return nbformat.read(request.param, as_version=4)


def test_it_is_executed_in_order_and_without_errors(committed):
    code = [cell for cell in cells(committed, "code") if cell.source.strip()]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr" and "Error" in output.text]


def test_it_is_small_and_tells_nothing_of_the_machine_that_made_it(committed):
    assert len(nbformat.writes(committed)) < NOTEBOOK_BYTES
    for cell in cells(committed, "code"):
        for output in cell.outputs:
            data = dict(output.get("data", {}))
            assert len(data.pop("image/png", "")) * 3 / 4 < PICTURE_BYTES
            assert not HERE.search(json.dumps([data, output.get("text", "")]))
    for cell in committed.cells:
        assert not HERE.search(cell.source), cell.source


def test_its_solutions_are_folded(committed):
    """Code from a heading `Solution` to the next heading is folded in JupyterLab and on the site; no other is."""
    solution = False
    for cell in committed.cells:
        if cell.cell_type == "markdown":
            solution = cell.source.startswith("#### Solution") if cell.source.startswith("#") else solution
        else:
            folded = cell.metadata.get("jupyter", {}) == FOLDED and {"solution", "hide-cell"} <= set(
                cell.metadata.get("tags", [])
            )
            assert folded == solution, cell.source


def test_lessons_have_aims_exercises_and_references(committed, request):
    text = "\n".join(cell.source for cell in cells(committed, "markdown"))
    assert text.startswith("# ") and len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    assert "Aims" in text
    if "browse_results" not in request.node.name:
        assert re.search(r"^### Exercise", text, re.MULTILINE)
        assert text.count("#### Solution") >= text.count("### Exercise")
        assert "https://doi.org/" in text


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """What a notebook sees of the project, with results of its own."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("workflow", "slurm", "conf", "psst_core", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_its_numbers_are_right(path, project):
    """A kernel of its own executes every cell, and is then asked for the numbers of the text and the solutions."""
    notebook, asked = nbformat.read(path, as_version=4), NUMBERS[path.stem]
    questions = [nbformat.v4.new_code_cell(f"print(repr(({expression})))") for expression in asked]
    notebook.cells += questions
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(project / "notebooks")}}).execute()
    answers = {
        expression: ast.literal_eval(cell.outputs[0].text) for expression, cell in zip(asked, questions, strict=True)
    }
    assert answers == asked


def test_each_notebook_has_numbers():
    assert set(NUMBERS) == {path.stem for path in NOTEBOOKS}
    assert all(NUMBERS.values())


@pytest.fixture
def lab(project, tmp_path):
    """The address of a JupyterLab over the project's folder, with settings of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    folders |= {"JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"), "IPYTHONDIR": str(tmp_path / "ipython")}
    command = [Path(sys.executable).with_name("jupyter"), "lab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={project}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | folders, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/lab/tree/notebooks/"
    for _ in range(60):
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            break
        time.sleep(1)
    yield address
    server.terminate()
    server.wait(30)


def pixels(image):
    """A digest of what an image shows."""
    return image.evaluate(
        """async image => {
            const bytes = await (await fetch(image.src)).arrayBuffer();
            const digest = await crypto.subtle.digest("SHA-256", bytes);
            return image.naturalWidth + " " + Array.from(new Uint8Array(digest)).join();
        }"""
    )


def wait_until(happened, seconds=60):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::Warning")
def test_a_person_browses_results_in_jupyterlab(lab, page, tmp_path):
    """Every cell is run; a control is moved, and the picture follows; a run and its traces are opened."""
    page.goto(lab + "browse_results.ipynb?reset")
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady", timeout=60_000)
    for command in ("notebook:clear-all-cell-outputs", "notebook:run-all-cells"):
        page.evaluate("command => void window.jupyterapp.commands.execute(command)", command)
    picture, dropdowns = page.locator("img.widget-image").first, page.locator(".widget-dropdown")
    picture.wait_for(timeout=180_000)
    picture.scroll_into_view_if_needed()
    seen = [pixels(picture)]
    for control, choice in (("measure", "oscillation power, 10–60 Hz (mV²)"), ("y axis", "solver")):
        dropdowns.filter(has_text=control).locator("select").select_option(choice)
        wait_until(lambda: pixels(picture) not in seen)
        seen.append(pixels(picture))
    page.get_by_role("tab", name="Run", exact=True).click()
    shown = page.locator("img.widget-image:visible")
    wait_until(lambda: shown.count() == 2 and shown.last.evaluate("image => image.naturalWidth") > 600)
    page.get_by_role("tab", name="Origin").click()
    page.get_by_text("code_digest").wait_for()
    assert page.complaints == []
