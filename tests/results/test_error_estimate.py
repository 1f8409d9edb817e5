"""Runs once more at half the step: which, what is compared, and what is drawn of it."""

import numpy as np
import pytest

from psst_core.config.checks import check
from psst_core.drawing import save, save_table
from psst_core.errors import PsstError
from psst_core.figures.error_estimate import ErrorEstimate, relative
from psst_core.keys import put
from psst_core.plan.sweep_plan import make_plan
from psst_core.results.error_estimate import first_shifts
from support.configurations import configuration
from support.drawn import drawn_text
from support.sweeps import TINY, diverge_all, run_sweep

pytestmark = pytest.mark.usefixtures("no_results")

CHECKED = TINY + "network.size=8 network.coupling=0.2,1 solver=rk4 numerics.check=halve_dt numerics.share=0.5"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return run_sweep(tmp_path_factory.mktemp("results"), "locust_coupling", CHECKED)


def test_a_share_of_the_runs_has_a_twin_that_differs_in_dt_alone():
    plan = make_plan("locust_coupling", CHECKED)
    assert len(plan.sweep.runs) == 4 and len(plan.twins) == 2
    halves = make_plan("locust_coupling", CHECKED.replace("halve_dt", "none") + " run.dt=0.005")
    same = {one.id: other.id for one, other in zip(plan.sweep.runs, halves.sweep.runs, strict=True)}
    assert {run: twin for run, (twin, _) in plan.twins.items()} == {run: same[run] for run in plan.twins}
    assert plan.digest != make_plan("locust_coupling", CHECKED.replace("0.5", "1")).digest


def test_nothing_is_integrated_twice_without_being_asked_for():
    plain = make_plan("locust_coupling", CHECKED.replace("halve_dt", "none"))
    assert plain.twins == {} and "error_estimate" not in plain.figures
    checked = make_plan("locust_coupling", CHECKED)
    assert set(plain.manifests) < set(checked.manifests)


def test_the_estimate_holds_differences_and_their_scale(results):
    data, cube = results.error_estimate, results.cube
    assert dict(data.sizes) == {"run": 2, "population": 2}
    for number, run in enumerate(data["run_id"].values):
        row = results.plan.set_index("run_id").loc[run]
        assert data["coupling"].values[number] == row["coupling"] and data["trial"].values[number] == row["trial"]
        here = cube["firing_rate"].sel(coupling=row["coupling"], network=0)
        spread = here.std("trial", ddof=1).transpose("population", ...).values.ravel()
        np.testing.assert_allclose(data["spread_firing_rate"].values[number], spread)
    assert np.abs(data["delta_synchrony"].values).max() < 0.02
    assert np.abs(data["delta_synchrony"].values).max() > 0
    assert not (data["first_shift"] < 5.0).any()


def test_the_estimate_is_drawn_and_tabulated(results, tmp_path):
    save("error_estimate", results, [tmp_path / "figure.png"])
    save_table("error_estimate", results, tmp_path / "table.csv")
    header, first, second = (tmp_path / "table.csv").read_text().splitlines()
    assert (
        header.startswith("population,runs,diverged,shifted")
        and first.startswith("pn,2,")
        and second.startswith("ln,2,")
    )


def test_a_single_trial_has_no_spread_and_is_drawn(tmp_path):
    overrides = CHECKED.replace("sweep.trials=2", "sweep.trials=1").replace("share=0.5", "share=1")
    results = run_sweep(tmp_path, "locust_coupling", overrides)
    assert np.isnan(relative(results.error_estimate, "firing_rate")).all()
    save("error_estimate", results, [tmp_path / "figure.png"])
    diverge_all(tmp_path, results.plan["chunk"].unique())
    lost = run_sweep(tmp_path, "locust_coupling", overrides)
    assert lost.error_estimate["diverged"].all() and lost.error_estimate["first_shift"].isnull().all()
    assert "no pair of runs to compare: diverged" in drawn_text("error_estimate", lost)
    table = ErrorEstimate().table(lost)
    assert table["diverged"].tolist() == [len(lost.plan)] * 2 and (table["runs"] == 0).all()


def test_noise_takes_the_same_path_at_half_the_step(tmp_path):
    """The potentials of resting cells under noise differ by the solver's error, far below the noise itself."""
    overrides = "network.size=5 run.duration=20 recorder.window=[0,20] analysis.spectrum=[0,20] sweep.trials=2 "
    sigma = "numerics.share=1 network.populations.hh.mechanisms.noise.sigma=0.2"
    results = run_sweep(tmp_path, "noisy_cells", overrides + sigma)
    assert (results.cube["firing_rate"] == 0).all()
    ratio = relative(results.error_estimate, "synchrony")
    assert ratio.shape == (2, 1) and np.isfinite(ratio).all() and np.abs(ratio).max() < 1e-3


def spikes(*pairs):
    return np.array([time for time, _ in pairs], float), np.array([cell for _, cell in pairs], int)


def test_the_first_shift():
    run = spikes((10, 0), (20, 0), (30, 0), (5, 1), (99.5, 2), (40, 3))
    twin = spikes((10.9, 0), (21.1, 0), (30, 0), (5, 1), (40, 3), (60, 3))
    np.testing.assert_array_equal(first_shifts(run, twin, 5, 100.0), [20, np.nan, np.nan, 60, np.nan])
    np.testing.assert_array_equal(first_shifts(twin, run, 5, 100.0), [20, np.nan, np.nan, 60, np.nan])


def test_what_cannot_be_checked_is_refused():
    config = configuration("locust_coupling")
    with pytest.raises(PsstError, match=r"numerics\.check=half: must be none or halve_dt"):
        check(put(config, {"numerics.check": "half"}))
    solver = {"name": "dormand_prince", "relative_tolerance": 1e-6, "absolute_tolerance": 1e-9}
    adaptive = put(configuration("pendulum"), {"solver": configuration()["solver"] | solver})
    with pytest.raises(PsstError, match=r"numerics\.check=halve_dt: solver=dormand_prince takes its own steps"):
        check(put(adaptive, {"numerics.check": "halve_dt"}))
