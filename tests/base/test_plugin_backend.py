"""A backend of one's own: the same runs, by another maker."""

import numpy as np
import pytest

from psst_core import make_plan
from psst_core.errors import PsstError
from psst_core.job.batches import backend_for, runs_of
from psst_core.plan.sweep_plan import axis_lines
from psst_core.store.manifest import read_claim
from support.paths import ROOT
from support.plugins import forget, write
from support.sweeps import run_sweep

NUMPY = (ROOT / "tests/support/numpy_euler.py").read_text(encoding="utf-8")
JITTER = "network.start_jitter=0.1 sweep.trials=4 hardware.lanes=2 hardware.devices=2 hardware.jobs=1"
WORDS = "solver=euler run.dt=0.05,0.1 hardware.devices=2 hardware.jobs=1 "


@pytest.fixture
def numpy(project):
    write(project, {"plugins/numpy_euler.py": NUMPY})
    forget()


def made(folder, words=""):
    """The finished sweep and its chunks' makers."""
    sweep = run_sweep(folder, "linear_pair", WORDS + words)
    chunks = {folder / "chunks" / f"{chunk}.json" for chunk in sweep.plan["chunk"]}
    return sweep, {read_claim(chunk).maker.backend for chunk in chunks}


@pytest.mark.usefixtures("numpy")
def test_another_backend_makes_the_same_runs(tmp_path):
    ours, makers = made(tmp_path / "a")
    theirs, others = made(tmp_path / "b", "hardware.backend=numpy")
    assert (makers, others) == ({"tensorflow"}, {"numpy"})
    assert ours.plan["run_id"].tolist() == theirs.plan["run_id"].tolist()
    for name in ("x", "y"):
        one, other = (sweep.traces()[f"trace_system_{name}"].values for sweep in (ours, theirs))
        np.testing.assert_allclose(other, one, rtol=1e-13, equal_nan=True)


@pytest.mark.usefixtures("numpy")
def test_finished_runs_of_another_backend_count_unless_one_maker_is_asked_for(tmp_path):
    made(tmp_path, "hardware.backend=numpy")
    sweep, makers = made(tmp_path)
    assert makers == {"numpy"} and len(list((tmp_path / "chunks").glob("*.json"))) == len(set(sweep.plan["chunk"]))
    mixed = make_plan("linear_pair", WORDS.replace("0.05,0.1", "0.05,0.025"), results=tmp_path)
    assert any(
        "hardware.same_maker=true" in line and "1 run by the backend numpy on cpu" in line for line in axis_lines(mixed)
    )
    _, makers = made(tmp_path, "hardware.same_maker=true")
    assert makers == {"tensorflow"}


@pytest.mark.usefixtures("numpy")
def test_an_unknown_backend_and_one_that_cannot_are_refused(tmp_path):
    with pytest.raises(PsstError, match=r"hardware.backend=nunpy: no such backend \(did you mean numpy\?\)"):
        make_plan("linear_pair", "hardware.backend=nunpy", results=tmp_path)
    with pytest.raises(PsstError, match=r"hardware.backend=numpy: integrates plain systems alone, by solver=euler"):
        make_plan("linear_pair", "hardware.backend=numpy", results=tmp_path)
    with pytest.raises(PsstError, match=r"hardware.same_maker=true: .*set hardware.device=cpu"):
        make_plan("linear_pair", "hardware.same_maker=true hardware.device=auto", results=tmp_path)


@pytest.mark.usefixtures("numpy")
@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_a_round_goes_on_from_its_state(tmp_path, backend):
    plan = make_plan("linear_pair", f"solver=euler hardware.backend={backend} run.dt=0.1 " + JITTER, results=tmp_path)
    manifest = next(iter(plan.manifests.values()))
    made, end = backend_for(manifest), manifest.config.run.steps(manifest.config.run.duration)
    batches = runs_of(manifest, range(len(manifest.batches)))
    whole, first, second = (made.begin(batches) for _ in range(3))
    half = end // 2
    expected = list(_advanced(whole, end))
    begun = list(_advanced(first, half))
    second.restore(half, [array.copy() for array in first.state()])
    assert second.step == half
    found = begun + list(_advanced(second, end))
    one, other = (np.concatenate([segment.mean_potential for segment in run], axis=2) for run in (expected, found))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (1, 4, 20) and len(batches) == 2
    for name, moments in whole.ending().moments.items():
        np.testing.assert_array_equal(moments, second.ending().moments[name])


def _advanced(round_, end):
    while round_.step < end:
        yield round_.advance(end)
