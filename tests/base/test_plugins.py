"""Mechanisms and configurations of one's own, in a folder or an installed package, without touching PSST."""

import re

import numpy as np
import pytest
import xarray as xr

from psst_core import make_plan, registry
from psst_core.config.compose import groups
from psst_core.config.schema import units
from psst_core.errors import PsstError
from psst_core.job.chunk import simulate_chunk
from psst_core.model.network import Network
from psst_core.sweep.expand import expand
from psst_core.sweep.identity import deciding_modules
from support.commands import psst, snakemake
from support.paths import ROOT
from support.plugins import ADAPTING, COMMAND, FILES, GUIDE, SLOW, forget, write
from support.published import FI_COUNTS
from support.sweeps import run_sweep


def ids(experiment="f_i_curve", overrides=ADAPTING):
    forget()
    return [run.id for run in expand(experiment, overrides.split()).runs]


def test_the_worked_example_is_a_channel_in_twenty_lines():
    code = FILES["plugins/m_current.py"]
    assert set(FILES) == {"plugins/m_current.py", "conf/network/adapting.yaml"}
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_the_worked_example_is_swept(project):
    """The rate falls with the conductance of the own channel; without it the neurons are those of PSST."""
    results = run_sweep(project / "results", "f_i_curve", ADAPTING)
    rates = results.cube["firing_rate"].isel(network=0, trial=0, population=0)
    assert float(rates[0]) == pytest.approx(np.mean(FI_COUNTS) / 0.2)
    assert np.all(np.diff(rates) < 0)
    assert results.cube["conductance"].attrs["units"] == "mS/cm^2"
    assert results.run(conductance=0.1).connections() == {}


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


KINDS = {
    "system": ("psst_core.model.systems.exponential", "Exponential"),
    "stimulus": ("psst_core.model.stimuli.constant", "Constant"),
    "solver": ("psst_core.integrate.solvers.classical", "RK4"),
    "synapse": ("psst_core.model.synapses.exponential", "Exponential"),
    "connectivity": ("psst_core.model.connectivity", "AllToAll"),
    "distribution": ("psst_core.model.distributions", "Uniform"),
}
OWN = """
from dataclasses import dataclass
from {module} import {cls}
from psst_core.registry import register

@register("{kind}", "my_{kind}")
@dataclass
class Mine({cls}):
    pass
"""
NETWORK = """
size: 2
populations:
  a: {mechanisms: {leak: {type: leak}}, capacitance: {distribution: my_distribution, low: 1.0, high: 2.0}}
  b: {equations: {type: my_system}}
synapses: {s: {type: my_synapse}}
projections: {aa: {pre: a, post: a, synapse: s, conductance: 0.1, connectivity: {type: my_connectivity}}}
"""
EXPERIMENT = """# @package _global_
defaults: [override /network: mine, override /stimulus: mine, override /solver: mine]
run: {duration: 1.0}
recorder: {window: [0.0, 1.0]}
"""


def test_every_kind_may_be_ones_own_and_counts(project):
    for kind, (module, cls) in KINDS.items():
        write(project, {f"plugins/my_{kind}.py": OWN.format(kind=kind, module=module, cls=cls)})
    write(
        project,
        {
            "conf/network/mine.yaml": NETWORK,
            "conf/stimulus/mine.yaml": "type: my_stimulus\npopulations: [a]\n",
            "conf/solver/mine.yaml": "name: my_solver\n",
            "conf/experiment/mine.yaml": EXPERIMENT,
        },
    )
    assert {*KINDS, "mechanism"} == set(registry.KINDS)
    plan = make_plan("mine")
    assert {f"psst_core.plugins.my_{kind}" for kind in KINDS} <= set(deciding_modules(plan.config))
    results = run_sweep(project / "results", "mine")
    assert int(results.cube["status"].values.item()) == 0


DOPAMINE = """
from dataclasses import dataclass

from psst_core.registry import register
from psst_core.model.synapses.exponential import Exponential


@register("synapse", "dopaminergic")
@dataclass
class Dopaminergic(Exponential):
    transmitter = "dopamine"
"""
REWARDED = """
defaults: [coba_hh]
synapses: {excitation: {type: dopaminergic}}
"""


def test_a_transmitter_of_ones_own_has_a_factor(project):
    """It is 1 by default, may stand in the network's file, and scales its synapses alone."""
    write(project, {"plugins/reward.py": DOPAMINE, "conf/network/rewarded.yaml": REWARDED})
    forget()
    own = "network=rewarded network.size=10 "
    (plain,) = expand("coba_hh", own.split()).runs
    assert plain.config["network"]["dopamine"] == 1.0
    swept = expand("coba_hh", f"{own} network.dopamine=0.5,1".split()).runs
    assert [run.value("network.dopamine") for run in swept] == [0.5, 1.0] and swept[1].id == plain.id
    half, _ = (Network.from_config(run.config["network"]).projections for run in swept)
    assert half["exc_exc"].conductance == pytest.approx(0.015) and half["inh_exc"].conductance == 0.335
    for overrides, message in [
        ("network.dopamine=-1", r"network\.dopamine=-1: must be at least 0"),
        ("network.gaba=0.5", r"transmitter gaba; excitation has dopamine; inhibition has none"),
    ]:
        with pytest.raises(PsstError, match=message):
            expand("coba_hh", (own + overrides).split())
    with pytest.raises(PsstError, match=r"network\.dopamine=0\.5: no synapse of this network has the transmitter"):
        expand("chain_of_three", ["network.dopamine=0.5"])
    write(project, {"conf/network/rewarded.yaml": REWARDED + "dopamine: 0.25\n"})
    assert expand("coba_hh", own.split()).config["network"]["dopamine"] == 0.25


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('transmitter = "coupling"', r"network\.coupling means something else; give the transmitter another name"),
        ('transmitter = "5-HT"', r"must be letters, digits and underscores"),
        ('transmitter: str = "dopamine"', r"its transmitter is a parameter.*ClassVar"),
    ],
)
def test_a_transmitter_that_cannot_be_a_key_is_refused(project, line, message):
    write(project, {"plugins/reward.py": DOPAMINE.replace('transmitter = "dopamine"', line)})
    forget()
    with pytest.raises(PsstError, match=message):
        expand("lorenz")


READING = OWN.replace("    pass", "    source: str = data_file()").replace(
    "import register", "import data_file, register"
)
HIDDEN = """
import numpy as np
from dataclasses import dataclass
from psst_core.datafiles import read_variable
from psst_core.registry import data_file, register
from psst_core.model.stimuli.constant import Constant

@register("stimulus", "my_stimulus")
@dataclass
class Mine(Constant):
    source: str = {field}

    def amplitudes(self, n_targets):
        return np.full(n_targets, read_variable(self.source, "x", "stimulus.source").values[0])
"""


SMALL = """
size: 2
populations: {a: {mechanisms: {leak: {type: leak}}}, b: {mechanisms: {leak: {type: leak}}}}
synapses: {s: {type: alpha}}
projections: {p: {pre: a, post: b, synapse: s, conductance: 0.1, connectivity: {type: file, path: one.npz}}}
"""


def with_files(project, code):
    """A network of which every part is one's own, and reads a file of its own."""
    reads = ", source: {}.npz"
    network = NETWORK.replace("high: 2.0", f"high: 2.0{reads.format('distribution')}")
    for kind, (module, cls) in (KINDS | {"mechanism": ("psst_core.model.channels.leak", "Leak")}).items():
        text = (OWN if kind == "solver" else code).format(kind=kind, module=module, cls=cls)
        network = network.replace(f"type: my_{kind}}}", f"type: my_{kind}{reads.format(kind)}}}")
        write(project, {f"plugins/my_{kind}.py": text})
        np.savez(project / f"{kind}.npz", x=[1.0])
    network = network.replace("type: leak", f"type: my_mechanism{reads.format('mechanism')}")
    write(
        project,
        {
            "conf/network/mine.yaml": network,
            "conf/stimulus/mine.yaml": "type: my_stimulus\npopulations: [a]\nsource: stimulus.npz\n",
            "conf/solver/mine.yaml": "name: my_solver\n",
            "conf/experiment/mine.yaml": EXPERIMENT,
        },
    )


def test_files_of_every_kind_decide_ids_by_their_content(project):
    with_files(project, READING)
    known = ids("mine", "")
    (manifest,) = make_plan("mine").manifests.values()
    files = sorted({*KINDS, "mechanism"} - {"solver"})
    assert sorted(path for found in manifest.files.values() for path in found) == [f"{kind}.npz" for kind in files]
    for number, kind in enumerate(files):
        np.savez(project / f"{kind}.npz", x=[2.0 + number])
        (own,) = ids("mine", "")
        assert own not in known, kind
        known.append(own)
    with pytest.raises(PsstError, match=r"\.npz: the file has changed since the sweep was planned"):
        simulate_chunk(manifest, project / "chunk.nc", print)
    (project / "mechanism.npz").unlink()
    with pytest.raises(PsstError, match=r"^network.populations.a.mechanisms.leak.source=mechanism.npz: no such file"):
        make_plan("mine")


def test_a_job_checks_the_files_of_all_its_runs(project):
    for name, weight in {"one": 1.0, "two": 2.0}.items():
        np.savez(project / f"{name}.npz", weight=np.full((1, 1), weight))
    path = "network.projections.p.connectivity.path"
    small = EXPERIMENT.replace("stimulus: mine", "stimulus: constant").replace("solver: mine", "solver: rk4")
    write(project, {"conf/network/mine.yaml": SMALL, "conf/experiment/small.yaml": small})
    (manifest,) = make_plan("small", f"{path}=one.npz,two.npz").manifests.values()
    assert sorted(manifest.files[path]) == ["one.npz", "two.npz"]
    np.savez(project / "two.npz", weight=np.full((1, 1), 3.0))
    with pytest.raises(PsstError, match=rf"^{path}=two\.npz: the file has changed"):
        simulate_chunk(manifest, project / "chunk.nc", print)


@pytest.mark.parametrize("source,kind,wanted", [
    ("table.npz", "str", "str = data_file()"),
    ("table", "str", "str = data_file()"),
    ("[table.npz]", "list[str]", r"list\[str\] = data_file\(\[\]\)"),
    ("tables/", "str", r"list\[str\] = data_file\(\[\]\)` for the files"),
])  # fmt: skip
def test_a_file_that_no_field_declares_is_refused(project, source, kind, wanted):
    np.savez(project / "table.npz", x=[1.0])
    (project / "table").write_text("1\n")
    (project / "tables").mkdir()
    write(project, {"conf/stimulus/mine.yaml": f"type: my_stimulus\nsource: {source}\n"})
    field = "setting([])" if kind == "list[str]" else '""'
    hidden = HIDDEN.format(field=field).replace("source: str", f"source: {kind}")
    write(project, {"plugins/my_stimulus.py": hidden.replace("data_file,", "setting,")})
    text = re.escape(source.strip("[]"))
    with pytest.raises(PsstError, match=f"^stimulus.source={text}: is a f.*not declared.*write `source: {wanted}"):
        ids("f_i_curve", "stimulus=mine")


def test_a_file_that_a_field_declares_is_taken(project):
    """And a word that is no field of the plugin's own is no file, whatever lies there."""
    np.savez(project / "table.npz", x=[1.0])
    (project / "hh").write_text("")
    write(project, {"conf/stimulus/mine.yaml": "type: my_stimulus\nsource: table.npz\npopulations: [hh]\n"})
    write(project, {"plugins/my_stimulus.py": HIDDEN.format(field="data_file()")})
    assert len(ids("f_i_curve", "stimulus=mine")) == 1
