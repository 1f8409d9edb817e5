"""Files that plugins read: declared, they decide ids by their content; others are refused."""

import re

import numpy as np
import pytest

from psst_core import make_plan
from psst_core.errors import PsstError
from psst_core.job.chunk import simulate_chunk
from support.plugins import EXPERIMENT, KINDS, NETWORK, OWN, ids, write

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
