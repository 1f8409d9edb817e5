"""The axes that annotations state are those that arrays and tensors have."""

import os
import subprocess
import sys

import pytest

from support.paths import ROOT

pytest.importorskip("jaxtyping", reason="jaxtyping is in the extra `test`")
pytest.importorskip("beartype", reason="beartype is in the extra `test`")


def process(function):
    """The lines that a function of support/checked_axes.py prints in a process of its own, which must end well."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", f"from support import checked_axes; checked_axes.{function}()"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout.splitlines()


def test_every_annotation_has_a_meaning():
    assert int(process("read_all")[-1].split()[0]) > 150


def test_functions_receive_and_return_the_axes_that_their_annotations_state():
    assert int(process("integrate_one")[-1].split()[0]) > 100


def test_so_do_those_of_every_measure():
    assert [name for name in process("measure_all") if name] == []


@pytest.mark.slow
def test_so_do_those_of_other_solvers_and_of_a_sweep():
    called = process("integrate_all")
    for name in ("integrate.solvers.adaptive", "measures.oscillation.spectrum", "results.error_estimate.first_shifts"):
        assert any(line.startswith(f"psst_core.{name}") for line in called), name


def test_a_wrong_annotation_and_a_wrong_argument_are_found():
    wrong = process("spoil")
    assert len(wrong) == 3
    assert "return value of spoilt.synaptic_sum" in wrong[0]
    assert all("parameters of psst_core.model.mechanisms.crossed" in line for line in wrong[1:])
