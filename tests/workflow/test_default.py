"""The default experiment, as Snakemake makes it: its numbers are what they were, its costs what was foreseen."""

import shutil
from importlib import metadata

import numpy as np
import pytest
import xarray as xr

from psst_core import open_sweep
from psst_core.commands.explore import write_page
from psst_core.host.hardware import processor
from psst_core.plan.cost import PREDICTED, Job, fit
from psst_core.store.dataset import read_cube
from psst_core.store.folder import Folder
from psst_core.store.manifest import read_manifest
from support.commands import snakemake
from support.paths import DATA

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("default")
    done = snakemake(folder)
    assert done.returncode == 0, done.stderr
    return folder / "results"


def test_every_number_is_what_it_was_before_the_code_moved(results):
    """To the bit, where the kind of processor and TensorFlow are those that made the frozen cube."""
    made = read_cube(results / "locust_coupling" / "sweep.nc")
    with xr.open_dataset(DATA / "locust_coupling.nc") as before:
        assert dict(made.sizes) == dict(before.sizes) and (made["status"] == 0).all()
        here = f"{processor()}, TensorFlow {metadata.version('tensorflow')}"
        if here != before.attrs["made_on"]:
            pytest.skip(f"bits are promised on one kind of machine: {before.attrs['made_on']}")
        for name, values in before.data_vars.items():
            assert made[name].equals(values), name
        assert set(before.data_vars) | {"run_id", "wall_time"} == set(made.data_vars)


def test_its_page_opens_in_a_browser(results, tmp_path, page):
    file, asked = tmp_path / "page.html", []
    write_page(open_sweep(results / "locust_coupling"), file)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_function("document.body.dataset.drawn")
    for control, value in (("kind", "map"), ("second", "size"), ("what", "synchrony"), ("at-population", "1")):
        before = page.evaluate("document.body.dataset.drawn")
        page.select_option(f"#{control}", value)
        page.wait_for_function(f"document.body.dataset.drawn !== '{before}'")
    assert asked == [file.as_uri()] and page.complaints == []
    assert file.stat().st_size < 10e6


def test_memory_and_disk_of_the_large_jobs_are_foreseen_from_the_small_ones(results, tmp_path):
    """Fitted on the chunks of 60 and 120 cells, those of 240 within 25 % in the median."""
    claims = {path: read_manifest(path) for path in Folder(results).manifest_files()}
    large = {path: claim for path, claim in claims.items() if claim.config["network"]["size"] == 240}
    (tmp_path / "chunks").mkdir()
    for path in claims.keys() - large.keys():
        shutil.copy(path.with_suffix(".nc"), tmp_path / "chunks")
    model = fit(tmp_path, list(large.values()))
    assert len(large) >= 2 and len(model.jobs) == len(claims) - len(large)
    for name in ("memory", "disk"):
        took = [Job.read(path.with_suffix(".nc")).took[PREDICTED[name][0]] for path in large]
        foreseen = [getattr(model, name)(claim) for claim in large.values()]
        assert np.median(np.abs(np.divide(foreseen, took) - 1)) < 0.25, name
