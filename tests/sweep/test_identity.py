"""What an id stands for: it changes with what a run asks for, and with nothing else."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import psst_core
from psst_core import PsstError
from psst_core.digest import digest
from psst_core.job.chunk import simulate_chunk
from psst_core.plan.sweep_plan import make_plan
from psst_core.sweep.expand import expand
from psst_core.sweep.identity import Identity, making_code
from support.sweeps import TINY

PACKAGE = Path(psst_core.__file__).parent
QUICK = TINY.replace("trials=2", "trials=1") + "network.size=8 network.coupling=0.5"
ASK = f"""
from psst_core.sweep.identity import making_code
from psst_core.sweep.expand import expand
for solver in ("rk4", "exponential_euler"):
    (run,) = expand("locust_coupling", [*{QUICK.split()!r}, f"solver={{solver}}"]).runs
    print(run.id, making_code("tensorflow"))
"""

pytestmark = pytest.mark.usefixtures("no_results")


def test_ids_of_the_default_experiment_are_what_they_were():
    """All but the code, which may change every number, by a digest that was written down on 27 November 2026."""
    runs = expand("locust_coupling").runs
    identities = {id(run.base): Identity(run.base, code="") for run in runs}
    found = [identities[id(run.base)].run_id(run.values, *run.drawn) for run in runs]
    assert len(set(found)) == 432
    assert digest(found) == "6d3f28c0e81cd798"


def ids(overrides=""):
    return [run.id for run in expand("locust_coupling", [*QUICK.split(), *overrides.split()]).runs]


class Copy:
    """The package somewhere else, to be changed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(PACKAGE, folder / "psst_core", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(PACKAGE.parent / "conf", folder / "conf")

    def edit(self, pattern: str, new: str, *files: str) -> None:
        """Put a text in place of a pattern, in these files or in all; it must be there."""
        count = 0
        for file in map(self.folder.joinpath, files) if files else self.folder.rglob("*.py"):
            text, found = re.subn(pattern, new, file.read_text(encoding="utf-8"))
            file.write_text(text, encoding="utf-8")
            count += found
        assert count

    def move(self, room: str, module: str, to: str) -> None:
        """Move a module from its room into another one, and tell all that import it."""
        (self.folder / "psst_core" / to).mkdir(exist_ok=True)
        (self.folder / "psst_core" / to / "__init__.py").touch()
        shutil.move(self.folder / f"psst_core/{room}/{module}.py", self.folder / f"psst_core/{to}/{module}.py")
        self.edit(rf"\bpsst_core\.{room}\.{module}\b", f"psst_core.{to}.{module}")

    def answer(self) -> tuple[list[str], str]:
        """The ids of its runs, and the digest of the code that integrates them."""
        command = [sys.executable, "-c", ASK]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        ids, code = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
        return list(ids), code[0]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return Copy(tmp_path_factory.mktemp("here")).answer()


def test_a_copy_has_the_ids_of_the_original(here):
    assert here == (ids("solver=rk4") + ids("solver=exponential_euler"), making_code("tensorflow"))


def test_a_module_may_move(here, tmp_path):
    copy = Copy(tmp_path)
    moves = {
        "kinetics": "model",
        "wiring": "integrate",
        "network": "model",
        "program": "integrate",
        "chunk_file": "store",
    }
    for module, room in moves.items():
        copy.move(room, module, "elsewhere")
    assert copy.answer() == here


def test_an_error_may_be_reworded(here, tmp_path):
    copy = Copy(tmp_path)
    copy.edit(r"lies between steps of", "is between the steps of", "psst_core/model/mechanisms.py")
    copy.edit(r'wanted = f"at least ', 'wanted = f"no less than ', "psst_core/registry.py")
    copy.edit(r"it must be a Relaxation", "write a Relaxation", "psst_core/model/returned.py")
    copy.edit(r"must be a multiple of run\.dt", "is no multiple of run.dt", "psst_core/model/mechanisms.py")
    assert copy.answer() == here


def test_types_may_change(here, tmp_path):
    copy = Copy(tmp_path)
    sodium = "psst_core/model/channels/sodium.py"
    copy.edit(r"x: States, v: Tensor\) -> Tensor:", "x: Any, v: Number) -> float:", sodium)
    copy.edit(
        r"import Tensor\n",
        "import Number\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os\n",
        sodium,
    )
    copy.edit(r"from typing import ClassVar\n", "from typing import Any, ClassVar\n", sodium)
    assert copy.answer() == here


@pytest.mark.parametrize(
    "file",
    [
        "job/chunk",
        "job/checkpoint",
        "results/gather",
        "commands/cli",
        "figures/raster",
        "figures/shared/style",
        "job/team",
    ],
)
def test_jobs_figures_and_commands_may_change(here, tmp_path, file):
    copy = Copy(tmp_path)
    copy.edit(r"\Z", "\nNEW = 1.5\n", f"psst_core/{file}.py")
    assert copy.answer() == here


def test_a_changed_constant_is_another_run(here, tmp_path):
    copy = Copy(tmp_path)
    copy.edit(r"0\.32 \* phi", "0.33 * phi", "psst_core/model/channels/sodium.py")
    found, code = copy.answer()
    assert not set(found) & set(here[0]) and code == here[1]


def test_a_changed_stage_is_another_run_of_that_solver_alone(here, tmp_path):
    copy = Copy(tmp_path)
    copy.edit(
        r"b=\(1 / 6, 1 / 3, 1 / 3, 1 / 6\)",
        "b=(1 / 6, 1 / 6, 1 / 2, 1 / 6)",
        "psst_core/integrate/solvers/classical.py",
    )
    found, code = copy.answer()
    assert found[0] != here[0][0] and found[1] == here[0][1] and code == here[1]


def test_another_way_of_integrating_is_another_maker_of_the_same_runs(here, tmp_path):
    copy = Copy(tmp_path)
    copy.edit(r"SEGMENT_SAMPLES = 200", "SEGMENT_SAMPLES = 100", "psst_core/integrate/backend.py")
    found, code = copy.answer()
    assert found == here[0] and code != here[1]


def test_a_name_that_comes_from_elsewhere_is_another_name(here, tmp_path):
    copy = Copy(tmp_path)
    copy.edit(
        r"import exponential, linoid", "import sigmoid as exponential, linoid", "psst_core/model/channels/sodium.py"
    )
    assert not set(copy.answer()[0]) & set(here[0])


def test_flags_of_ones_own_decide_ids_and_those_that_write_files_do_not(monkeypatch):
    plain = ids()
    fast = ids("hardware.xla_flags='--xla_cpu_enable_fast_math=true'")
    assert not set(fast) & set(plain)
    before = os.environ.get("XLA_FLAGS", "")
    monkeypatch.setenv("XLA_FLAGS", f"{before} --xla_cpu_enable_fast_math=true --xla_dump_to=/tmp/nowhere")
    assert ids() == fast
    monkeypatch.setenv("XLA_FLAGS", f"{before} --xla_dump_to=/tmp/nowhere")
    assert ids() == plain


def test_a_job_refuses_flags_that_the_plan_did_not_have(monkeypatch, tmp_path):
    (manifest,) = make_plan("locust_coupling", f"{QUICK} solver=rk4").manifests.values()
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    with pytest.raises(PsstError, match=r"XLA_FLAGS: gives the flags --xla_cpu_enable_fast_math=true, .* with none"):
        simulate_chunk(manifest, tmp_path / "chunks" / "x.nc", print)


def test_what_another_maker_made_is_made_again(monkeypatch, tmp_path):
    plan = make_plan("locust_coupling", f"{QUICK} solver=rk4", results=tmp_path)
    psst_core.plan.sweep_plan.claim(plan, tmp_path)
    for chunk in plan.manifests:
        (tmp_path / "chunks" / f"{chunk}.nc").touch()
    assert make_plan("locust_coupling", f"{QUICK} solver=rk4", results=tmp_path).finished == set(plan.manifests)
    monkeypatch.setattr("psst_core.sweep.identity.RECORDING", set())
    other = make_plan("locust_coupling", f"{QUICK} solver=rk4", results=tmp_path)
    assert not other.finished and not other.manifests.keys() & plan.manifests.keys()
    assert [run.id for run in other.sweep.runs] == [run.id for run in plan.sweep.runs]
