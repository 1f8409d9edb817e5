"""What stands before TensorFlow is imported, and what a job may use."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from psst_core.configuration import HardwareConfig
from psst_core.host.compiled import Programs
from psst_core.host.hardware import fits, prepare, variables_kept, vector_width
from psst_core.store.dataset import checksum
from support.sweeps import TINY

SCRIPT = """
import os
from psst_core.configuration import HardwareConfig
from psst_core.host.hardware import prepare
prepare({hardware})
import tensorflow as tf
print(os.environ["XLA_FLAGS"], tf.config.threading.get_intra_op_parallelism_threads())
"""


def prepared(hardware, **environment):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(hardware=hardware)],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_flags_from_the_configuration_and_from_outside():
    done = prepared(HardwareConfig(vector_width=128), XLA_FLAGS="--xla_cpu_enable_fast_math=false")
    first, *_, last, threads = done.stdout.split()
    assert (first, last, threads) == ("--xla_cpu_prefer_vector_width=128", "--xla_cpu_enable_fast_math=false", "1")


def test_a_gpu_that_is_not_there_is_a_clear_error():
    done = prepared(HardwareConfig(device="gpu"))
    assert done.returncode != 0
    assert "hardware.device=gpu: TensorFlow sees no GPU here" in done.stderr


def test_auto_takes_the_processor_where_no_gpu_is():
    done = prepared(HardwareConfig(device="auto"), CUDA_VISIBLE_DEVICES="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "1"


def test_a_process_is_set_up_in_one_way():
    same = HardwareConfig()
    flags = os.environ["XLA_FLAGS"]
    assert fits(same) and prepare(same) and os.environ["XLA_FLAGS"] == flags
    for other in ({"vector_width": 128}, {"xla_flags": "--xla_other"}, {"devices": 2}, {"device": "gpu"}):
        with pytest.raises(RuntimeError, match="imported already"):
            prepare(replace(same, **other))


def test_variables_that_jobs_set_can_be_kept_from_other_processes(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    with variables_kept():
        os.environ |= {"XLA_FLAGS": "--theirs", "TF_XLA_FLAGS": "--theirs"}
    assert os.environ["XLA_FLAGS"] == "--mine" and "TF_XLA_FLAGS" not in os.environ


COMPILING = """
import sys
from pathlib import Path
from psst_core.host.compiled import Programs
from psst_core.configuration import HardwareConfig
from psst_core.host.hardware import prepare
programs = Programs(Path(sys.argv[1]))
prepare(HardwareConfig(), programs)
import tensorflow as tf
print(tf.function(lambda x: tf.exp(x) + 1, jit_compile=True)(tf.constant([0.0])).numpy())
programs.seal()
"""


def test_jobs_share_compiled_programs_and_may_write_at_once(tmp_path):
    command = [sys.executable, "-c", COMPILING, str(tmp_path / "a folder")]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [job.communicate()[0] for job in jobs] == ["[2.]\n", "[2.]\n"]
    (compiled,) = tmp_path.rglob("*.pb")
    before = compiled.stat().st_mtime_ns
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[2.]\n"
    assert compiled.stat().st_mtime_ns == before
    sums = ["sha256sum", "--check", "--strict", f"{compiled.name}.sha256"]
    assert subprocess.run(sums, cwd=compiled.parent, capture_output=True, check=False).returncode == 0


SIMULATING = """
import sys
from pathlib import Path
from psst_core import make_plan
from psst_core.job.chunk import simulate_chunk
folder = Path(sys.argv[1])
plan = make_plan("locust_coupling", sys.argv[2], results=folder)
simulate_chunk(next(iter(plan.manifests.values())), folder / "chunks" / "job.nc", print)
"""


@pytest.mark.slow
def test_a_damaged_compiled_program_is_made_anew_in_the_same_start(tmp_path):
    """Bits flipped at random places, cut, emptied, or without its sum."""
    overrides = TINY + "network.size=8 network.coupling=0.1 solver=euler"
    command, random = [sys.executable, "-c", SIMULATING, str(tmp_path), overrides], np.random.default_rng(5)
    subprocess.run(command, capture_output=True, check=True)
    data = tmp_path / "chunks" / "job.nc"
    expected = checksum(data)
    (compiled,) = (tmp_path / "compiled").rglob("*.pb")
    whole = compiled.read_bytes()

    def flipped():
        content = bytearray(whole)
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        return bytes(content)

    for content in (flipped(), flipped(), whole[: len(whole) // 2], b""):
        compiled.write_bytes(content)
        data.unlink()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and checksum(data) == expected, done.stderr
        assert compiled.read_bytes() != content
        assert list((tmp_path / "compiled").rglob("*.pb")) == [compiled]


def test_programs_that_are_not_whole_are_removed(tmp_path):
    """Those that a job may still be writing, and other files, stay."""
    programs = Programs(tmp_path)
    flags = programs.open("kind")
    names = ["a.pb", "b.pb", "c.pb", "d.pb.123.tmp", "e.pb.123.tmp", "notes.txt"]
    for name in names:
        (tmp_path / "kind" / name).write_text(name)
    programs.seal()
    (tmp_path / "kind" / "b.pb").write_text("another")
    (tmp_path / "kind" / "c.pb.sha256").unlink()
    os.utime(tmp_path / "kind" / "d.pb.123.tmp", (0, 0))
    again = Programs(tmp_path)
    assert again.open("kind") == flags and str(tmp_path / "kind") in flags
    assert again.whole == {"a.pb"}
    left = {file.name for file in (tmp_path / "kind").iterdir()}
    assert left == {"a.pb", "a.pb.sha256", "b.pb.sha256", "e.pb.123.tmp", "notes.txt"}


def test_programs_in_a_folder_that_may_not_be_changed(tmp_path, monkeypatch):
    """They are read, while all are whole; else the job compiles for itself."""
    programs = Programs(tmp_path)
    programs.open("kind")
    (tmp_path / "kind" / "a.pb").write_text("a")
    programs.seal()
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr("pathlib.Path.unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError()))
    assert "read_only=true" in Programs(tmp_path).open("kind")
    (tmp_path / "kind" / "a.pb").write_text("b")
    assert Programs(tmp_path).open("kind") == ""


def test_vector_width():
    assert vector_width() in (256, 512)
