"""Coherence of interneurons (Wang & Buzsáki 1996), as a user sweeps it: cells, measure and figure of one's own.

The expected numbers are those of the recipe, from another program (NumPy, RK4).
"""

import shutil

import numpy as np
import pytest

from psst_core.drawing import draw_all
from support.paths import DATA
from support.plugins import FILES, write
from support.sweeps import run_sweep

EXPECTED = {  # over the standard deviation of the drive, and over the inputs of a cell
    "wb_heterogeneity": ("sd", {0: 1.00, 0.01: 0.88, 0.03: 0.49, 0.05: 0.15, 0.1: 0.10}),
    "wb_msyn": ("inputs", {10: 0.17, 20: 0.35, 40: 0.48, 60: 0.49, 80: 0.50, 99: 0.50}),
}
MEASURES = "analysis.measures.coherence.type=coherence analysis.measures.kappa.type=kappa figures=[coherence_curve]"


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPECTED)
def test_coherence_is_that_of_the_recipe(project, experiment):
    shutil.copytree(DATA / "wang_buzsaki", project, dirs_exist_ok=True)
    write(project, {"plugins/coherence.py": FILES["plugins/coherence.py"]})
    for name in ("coherence", "coherence_curve"):
        assert len((project / "plugins" / f"{name}.py").read_text().splitlines()) <= 25
    results = run_sweep(project / "results", experiment, MEASURES)
    axis, expected = EXPECTED[experiment]
    found = results.cube[["coherence", "kappa"]].mean(["network", "trial"]).squeeze("population")
    for value, wanted in expected.items():
        for name in ("coherence", "kappa"):
            assert float(found[name].sel({axis: value})) == pytest.approx(wanted, abs=0.02), (name, value)
    np.testing.assert_allclose(found["kappa"], found["coherence"], atol=0.02)
    (png,) = (file for file in draw_all(results.folder, print) if file.suffix == ".png")
    assert png.name == "coherence_curve.png"
