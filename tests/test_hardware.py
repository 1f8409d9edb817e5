"""What stands before TensorFlow is imported, and what a job may use."""

import subprocess
import sys

import pytest
from conftest import TINY

from psst_core.hardware import prepare, vector_width

SCRIPT = """
import os
from psst_core.hardware import prepare
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
    done = prepared(
        {"device": "cpu", "vector_width": 128, "xla_flags": ""}, XLA_FLAGS="--xla_cpu_enable_fast_math=false"
    )
    first, *_, last, threads = done.stdout.split()
    assert (first, last, threads) == ("--xla_cpu_prefer_vector_width=128", "--xla_cpu_enable_fast_math=false", "1")


def test_a_gpu_that_is_not_there_is_a_clear_error():
    done = prepared({"device": "gpu", "vector_width": 0, "xla_flags": ""})
    assert done.returncode != 0
    assert "hardware.device=gpu: TensorFlow sees no GPU here" in done.stderr


def test_auto_takes_the_processor_where_no_gpu_is():
    done = prepared({"device": "auto", "vector_width": 0, "xla_flags": ""}, CUDA_VISIBLE_DEVICES="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "1"


def test_too_late_is_an_error():
    with pytest.raises(RuntimeError, match="imported already"):
        prepare({"device": "cpu", "vector_width": 0, "xla_flags": ""})


COMPILING = """
import sys
from pathlib import Path
from psst_core.hardware import prepare
prepare({"device": "cpu", "vector_width": 0, "xla_flags": ""}, Path(sys.argv[1]))
import tensorflow as tf
print(tf.function(lambda x: tf.exp(x) + 1, jit_compile=True)(tf.constant([0.0])).numpy())
"""


def test_jobs_share_compiled_programs_and_may_write_at_once(tmp_path):
    command = [sys.executable, "-c", COMPILING, str(tmp_path / "a folder")]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [job.communicate()[0] for job in jobs] == ["[2.]\n", "[2.]\n"]
    (compiled,) = tmp_path.rglob("*.pb")
    before = compiled.stat().st_mtime_ns
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[2.]\n"
    assert compiled.stat().st_mtime_ns == before
    compiled.write_bytes(compiled.read_bytes()[:100])
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


SIMULATING = """
import sys
from pathlib import Path
from psst_core import make_plan
from psst_core.chunk import simulate_chunk
folder = Path(sys.argv[1])
plan = make_plan("locust_coupling", sys.argv[2], results=folder)
simulate_chunk(next(iter(plan.manifests.values())), folder / "chunks" / "job.nc", print)
"""


@pytest.mark.slow
def test_a_damaged_compiled_program_is_named_and_removed(tmp_path):
    overrides = TINY + "network.size=8 network.coupling=0.1 solver=euler"
    command = [sys.executable, "-c", SIMULATING, str(tmp_path), overrides]
    subprocess.run(command, capture_output=True, check=True)
    (compiled,) = (tmp_path / "compiled").rglob("*.pb")
    compiled.write_bytes(compiled.read_bytes()[:100])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "a compiled program was damaged" in done.stderr
    assert not (tmp_path / "compiled").exists()
    subprocess.run(command, capture_output=True, check=True)


def test_vector_width():
    assert vector_width() in (256, 512)
