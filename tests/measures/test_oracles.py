"""Measures are those of Elephant, PySpike and SciPy, on frozen trains. `make evidence PART=measures` asks them anew."""

import json

import pytest

from support.oracles import difference, summary_in
from support.paths import ROOT

CASES = json.loads((ROOT / "tests" / "data" / "measures.json").read_text())


@pytest.mark.parametrize(
    ("case", "measure"),
    [pytest.param(case, measure, id=f"{measure} of {case['name']}") for case in CASES for measure in case["numbers"]],
)
def test_a_measure_is_that_of_another_program(case, measure):
    assert difference(summary_in(case, measure), measure, case["numbers"][measure]) < 1e-9


def test_a_wrong_number_would_be_seen():
    case = CASES[0]
    numbers = {"fano": [value * (1 + 1e-6) for value in case["numbers"]["fano"]["fano"]]}
    assert difference(summary_in(case, "fano"), "fano", numbers) > 1e-7
    assert difference(summary_in(case, "fano"), "fano", {"fano": [None, 1.0]}) == float("inf")
