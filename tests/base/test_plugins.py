"""Mechanisms and configurations of one's own, in a folder or an installed package, without touching PSST."""

import re
import sys

import numpy as np
import pytest
import xarray as xr

from psst_core import make_plan
from psst_core.config.compose import groups
from psst_core.config.schema import units
from psst_core.errors import PsstError
from psst_core.job.chunk import simulate_chunk
from psst_core.sweep.expand import expand
from psst_core.sweep.identity import deciding_modules
from support.commands import psst, snakemake
from support.paths import ROOT
from support.plugins import ADAPTING, COMMAND, FILES, GUIDE, SLOW, forget, ids, write
from support.published import FI_COUNTS
from support.sweeps import run_sweep


def test_the_worked_example_is_a_channel_in_twenty_lines():
    code = FILES["plugins/m_current.py"]
    names = {"m_current", "ramp", "ralston", "coherence", "histogram"}
    assert set(FILES) == {"conf/network/adapting.yaml", *(f"plugins/{name}.py" for name in names)}
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_the_worked_example_is_swept(project):
    """The rate falls with the conductance of the own channel; without it the neurons are those of PSST."""
    results = run_sweep(project / "results", "f_i_curve", ADAPTING)
    rates = results.cube["firing_rate"].isel(network=0, trial=0, population=0)
    assert float(rates[0]) == pytest.approx(np.mean(FI_COUNTS) / 0.2)
    assert np.all(np.diff(rates) < 0)
    assert results.cube["conductance"].attrs["units"] == "mS/cm^2"
    assert results.run(conductance=0.1).connections() == {}


def test_the_stimulus_and_the_solver_of_the_guide_run(project):
    """Under the ramp the neurons fire less than under the whole current; Ralston's method has Heun's spikes."""
    write(project, {"conf/stimulus/ramp.yaml": "type: ramp\n", "conf/solver/ralston.yaml": "name: ralston\n"})
    forget()
    results = run_sweep(project / "results", "f_i_curve", "stimulus=ramp stimulus.amplitude=5,10 solver=ralston,heun")
    rates = results.cube["firing_rate"].squeeze(drop=True)
    assert 0 < float(rates.sel(amplitude=5, solver="heun")) < float(rates.sel(amplitude=10, solver="heun"))
    np.testing.assert_array_equal(rates.sel(solver="ralston"), rates.sel(solver="heun"))


def test_the_measure_of_the_guide_enters_the_cube(project):
    """Of twenty cells that get different currents; in 25 lines. In wider bins more spikes fall together."""
    assert len(FILES["plugins/coherence.py"].splitlines()) <= 25
    words = "analysis.measures.coherence.type=coherence analysis.measures.coarse.type=coherence "
    results = run_sweep(project / "results", "f_i_curve", words + "analysis.measures.coarse.share=1")
    cube = results.cube
    assert cube["coherence"].attrs["long_name"] == "coherence κ" and cube["coarse"].attrs["measure"] == "coarse"
    assert 0 <= cube["coherence"].item() < cube["coarse"].item() <= 1
    plugin = sys.modules["psst_core.plugins.coherence"]
    assert (
        plugin.Coherence(results.config.recorder.window).of_run(results.run())["coherence"] == cube["coherence"].item()
    )


def test_a_class_without_its_base_class_is_refused_by_name(project):
    write(project, {"plugins/ralston.py": FILES["plugins/ralston.py"].replace("(RungeKutta)", "")})
    write(project, {"conf/solver/ralston.yaml": "name: ralston\n"})
    forget()
    wanted = (
        r"solver.name=ralston: Ralston of plugins.ralston does not derive from Solver; write class Ralston\(Solver\)"
    )
    with pytest.raises(PsstError, match=wanted):
        expand("f_i_curve", ["solver=ralston"])


@pytest.fixture
def typed(tmp_path):
    """The worked example, as a person types it."""
    folder = tmp_path / "a folder of one's own"
    write(folder, FILES)
    assert COMMAND[0] == "run"

    def run(*arguments):
        done = psst(folder, *COMMAND, "--", *arguments)
        assert done.returncode == 0, done.stderr
        return folder

    return run


def test_a_job_knows_the_plugin(typed):
    folder = typed("--until", "simulate")
    (chunk,) = (folder / "results" / "chunks").glob("*.nc")
    with xr.open_dataset(chunk, decode_timedelta=False) as data:
        counts = np.bincount(data["spike_run"].values, minlength=3)
    assert counts[0] == sum(FI_COUNTS) > counts[1] > counts[2] > 0


@pytest.mark.slow
def test_the_worked_example_gives_what_it_tells(typed):
    folder = typed()
    with xr.open_dataset(folder / "results" / "adapting" / "sweep.nc", decode_timedelta=False) as cube:
        rates = cube["firing_rate"].values.ravel()
    told = re.search(r"mean rate of the twenty neurons falls from (\d+) to ([\d.]+) and ([\d.]+) Hz", GUIDE)
    np.testing.assert_allclose(rates, [float(rate) for rate in told.groups()], atol=1e-9)
    assert (folder / "results" / "adapting" / "figures" / "coupling_curves.png").exists()


def test_own_parameters_have_units_ranges_and_suggestions(project):
    config = expand("f_i_curve", ADAPTING.split()).config
    assert units(config, f"{SLOW}.tau_max") == "ms"
    for override, message in {
        f"{SLOW}.conductance=-1": "conductance=-1 mS/cm2: must be at least 0 mS/cm2",
        f"{SLOW}.tau=5": r"slow\.tau: no such key \(did you mean tau_max\?\)",
        f"{SLOW}.tau_max=long": r"slow\.tau_max=long: must be a number",
    }.items():
        with pytest.raises(PsstError, match=message):
            make_plan("f_i_curve", f"network=adapting {override}")
    misspelt = FILES["conf/network/adapting.yaml"].replace("m_current", "m_curent")
    write(project, {"conf/network/misspelt.yaml": misspelt})
    with pytest.raises(PsstError, match=r"slow\.type=m_curent: no such mechanism \(did you mean m_current\?\)"):
        make_plan("f_i_curve", "network=misspelt")


def test_own_choices_come_first_and_may_not_be_named_like_those_of_psst(project):
    assert groups()["network"][0] == "adapting" and "locust_al" in groups()["network"]
    with pytest.raises(PsstError, match=r"did you mean adapting\?.*conf/network/ has: adapting, chain_of_three"):
        make_plan("f_i_curve", "network=adaptin")
    write(project, {"conf/network/locust_al.yaml": "size: 4"})
    with pytest.raises(PsstError, match=r"conf/network/locust_al\.yaml: PSST has a choice of this name.*another name"):
        make_plan("f_i_curve")


def test_an_own_experiment(project):
    write(project, {"conf/experiment/mine.yaml": "# @package _global_\ndefaults: [override /network: adapting]\n"})
    with pytest.raises(PsstError, match="stimulus"):
        make_plan("mine", "stimulus.populations=[pn]")
    assert "psst_core.plugins.m_current" in deciding_modules(make_plan("mine").config)
    write(project, {"conf/experiment/mine.yaml": "defaults: [override /network: adapting]\n"})
    with pytest.raises(PsstError, match=r"experiment/mine\.yaml: must begin with the line `# @package _global_`"):
        make_plan("mine")


def test_the_experiment_of_the_readme(project):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(# @package.*?)```", readme, re.DOTALL)
    write(project, {"conf/experiment/mine.yaml": text})
    assert len(make_plan("mine").places) == 18


def test_changed_code_changes_the_ids_of_its_own_runs_alone(project):
    channel = FILES["plugins/m_current.py"]
    own, shipped = ids(), ids(overrides="")
    write(project, {"plugins/m_current.py": channel.replace("1000.0", "1e3").replace("Slow", "A slow") + "# the end\n"})
    assert ids() == own
    write(project, {"plugins/m_current.py": channel.replace("3.3 *", "3.4 *")})
    assert not set(ids()) & set(own)
    assert ids(overrides="") == shipped
    with_helper = channel.replace("3.3 *", "FACTOR *").replace(
        "from psst_core.model.kin", "from .rates import FACTOR\nfrom psst_core.model.kin"
    )
    found = set()
    for factor in ("3.3", "3.4"):
        write(project, {"plugins/m_current.py": with_helper, "plugins/rates.py": f"FACTOR = {factor}\n"})
        found |= set(ids())
    assert len(found) == 6
    assert ids(overrides="") == shipped


def test_a_job_refuses_code_that_has_changed_since_the_plan(project):
    (manifest,) = make_plan("f_i_curve", ADAPTING).manifests.values()
    write(project, {"plugins/m_current.py": FILES["plugins/m_current.py"].replace("3.3 *", "3.4 *")})
    forget()
    with pytest.raises(PsstError, match="the code of PSST or of a plugin has changed since the sweep was planned"):
        simulate_chunk(manifest, project / "chunk.nc", print)


BROKEN = {
    "a name that is none": ("import math\nmath.nothing\n", "AttributeError: .*plugins/broken.py, line 2"),
    "no Python": ("def f(:\n", "SyntaxError: invalid syntax .*plugins/broken.py"),
    "a missing package": ("import no_such_package\n", "No module named 'no_such_package'"),
    "a name that PSST has": (
        FILES["plugins/m_current.py"].replace('"m_current"', '"sodium"'),
        r"psst_core\.plugins\.broken registers the mechanism sodium, which psst_core\.model\.channels\.sodium has",
    ),
    "no dataclass": (
        FILES["plugins/m_current.py"].replace("@dataclass", ""),
        r"MCurrent is no dataclass; write @dataclass below @register\('mechanism', 'm_current'\)",
    ),
    "a kind that is none": (
        FILES["plugins/m_current.py"].replace('"mechanism"', '"mechanisms"'),
        r"no such kind \(did you mean mechanism\?\)",
    ),
}


@pytest.mark.parametrize("wrong", BROKEN)
def test_a_plugin_that_cannot_be_imported_is_named(project, wrong):
    text, message = BROKEN[wrong]
    write(project, {"plugins/broken.py": text})
    with pytest.raises(PsstError, match=f"plugin plugins/broken: cannot be imported: .*{message}"):
        make_plan("f_i_curve")


def test_a_plugin_that_imports_tensorflow_stops_the_plan(tmp_path):
    write(tmp_path, {"plugins/eager.py": "from psst_core import tf\n\nPI = tf.constant(3.14)\n"})
    done = snakemake(tmp_path, "--config", "experiment=f_i_curve")
    assert done.returncode != 0
    assert "plugin plugins/eager: imports TensorFlow" in done.stderr
    assert "Traceback" not in done.stderr


INSTALLED = {
    "mylab/__init__.py": "",
    "mylab/rates.py": "FACTOR = 3.3\n",
    "mylab/slow.py": FILES["plugins/m_current.py"]
    .replace('"m_current"', '"lab_current"')
    .replace("3.3 *", "FACTOR *")
    .replace("from psst_core.model.kinetics", "from mylab.rates import FACTOR\nfrom psst_core.model.kinetics"),
    "mylab-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: mylab\nVersion: 1.0\n",
    "mylab-1.0.dist-info/entry_points.txt": "[psst_core.plugins]\nslow = mylab.slow\n",
}


def test_an_installed_package_brings_its_mechanisms(project, tmp_path_factory, monkeypatch):
    packages = tmp_path_factory.mktemp("site-packages")
    write(packages, INSTALLED)
    monkeypatch.syspath_prepend(packages)
    of_lab = FILES["conf/network/adapting.yaml"].replace("m_current", "lab_current")
    write(project, {"conf/network/of_lab.yaml": of_lab})
    before = ids(overrides="network=of_lab")
    config = expand("f_i_curve", ["network=of_lab"]).config
    assert {"mylab.slow", "mylab.rates", "psst_core.model.kinetics"} <= set(deciding_modules(config))
    assert "psst_core.plugins.m_current" not in deciding_modules(config)
    write(packages, {"mylab/rates.py": "FACTOR = 3.4\n"})
    assert ids(overrides="network=of_lab") != before
    write(packages, {"mylab-1.0.dist-info/entry_points.txt": "[psst_core.plugins]\nslow = mylab.slowly\n"})
    forget()
    with pytest.raises(PsstError, match=r"plugin slow of the package mylab: .*No module named 'mylab\.slowly'"):
        make_plan("f_i_curve")
