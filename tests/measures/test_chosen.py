"""The choice of measures in a configuration: added, set, taken out, refused; names of variables and digests."""

from dataclasses import dataclass

import pytest

from psst_core.errors import PsstError
from psst_core.measures.base import Measure, Variable
from psst_core.measures.chosen import analysis_digest, described, measures_of, variable_name
from psst_core.registry import _CLASSES
from psst_core.sweep.expand import expand
from support.sweeps import TINY

USUAL = ["rates", "intervals", "synchrony", "oscillation"]
QUICK = (*TINY.split(), "network.size=8", "network.coupling=1", "solver=rk4")


def config(*words, experiment="locust_coupling"):
    keys = [word.partition("=")[0] for word in words]
    return expand(experiment, (*(word for word in QUICK if word.partition("=")[0] not in keys), *words)).config


def chosen(*words):
    return list(config(*words).analysis.measures)


def write(folder, analysis):
    (folder / "conf" / "experiment").mkdir(parents=True)
    (folder / "conf/experiment/mine.yaml").write_text(f"# @package _global_\nanalysis: {analysis}\n")


def test_measures_are_added_and_taken_out():
    assert chosen() == USUAL
    assert chosen("analysis.measures.late.type=rates") == [*USUAL, "late"]
    assert chosen("analysis.measures.rates=null") == USUAL[1:]
    late = config("analysis.measures.late.window=[10,20]", "analysis.measures.late.type=rates")
    assert late.analysis.measures["late"] == {"type": "rates", "window": [10.0, 20.0]}


def test_files_choose_measures(tmp_path, monkeypatch):
    write(tmp_path, "{measures: {oscillation: null, intervals: {least: 2}, late: {type: rates, window: [10, 20]}}}")
    monkeypatch.chdir(tmp_path)
    found = config(experiment="mine").analysis.measures
    assert list(found) == ["rates", "intervals", "synchrony", "late"]
    assert found["intervals"]["least"] == 2 and found["late"]["window"] == [10, 20]


def test_fields_that_are_not_given_are_those_of_the_shared_keys():
    made = measures_of(config("analysis.measures.late.type=rates", "analysis.measures.late.window=[10,20]"))
    assert made["rates"].span == (0, 20) and made["late"].span == (10, 20)
    assert made["oscillation"].span == (0, 20) and made["oscillation"].band == [10, 60]


def test_names_of_variables():
    assert variable_name("firing_rate", "rates", "rates") == "firing_rate"
    assert variable_name("firing_rate", "late", "rates") == "late_firing_rate"
    assert variable_name("synchrony", "chi", "synchrony") == "chi"
    found = described(config("analysis.measures.late.type=rates"))
    assert found["firing_rate"]["long_name"] == "firing rate" and found["firing_rate"]["measure"] == "rates"
    assert found["late_firing_rate"]["long_name"] == "firing rate, late" and found["firing_rate"]["window"] == [0, 20]
    assert found["firing_rate"]["range"] == [0, float("inf")] and found["firing_rate"]["dims"] == ["population"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("analysis.measures.x.type=rtaes", r"analysis.measures.x.type=rtaes: no such measure \(did you mean rates"),
        ("analysis.measures.rates=5", r"analysis.measures.rates=5: is a group of keys"),
        ("analysis.measures.rates.type=intervals", "a type cannot be overridden"),
        ("analysis.measures.nothing=null", "analysis.measures.nothing: no such key"),
        ("analysis.measures.late.window=[0,5]", "analysis.measures.late: no such key"),
        ("analysis.measures.kappa=kappa", "analysis.measures.kappa=kappa: write analysis.measures.kappa.type=kappa"),
        (
            "analysis.measures.rates=null analysis.measures.rates.window=[0,5]",
            "=null: takes it out, and .* sets it",
        ),
        ("analysis.measures.fano.bin=1e-9", "analysis.measures.fano.bin=1e-09 ms: is more than 1,000,000 times"),
        ("analysis.measures.kappa.share=1e300", r"analysis.measures.kappa.share=1e\+300: must be between"),
        ("analysis.measures.rates.bin=5", r"analysis.measures.rates.bin: no such key.*there are: window, type"),
        ("analysis.measures.rates.window=[5]", "analysis.measures.rates.window=.*must be two numbers"),
        ("analysis.measures.rates.window=[5,30]", "analysis.measures.rates.window=.*ends when the run is over"),
        ("analysis.measures.rates.window=[0.3,5]", "analysis.measures.rates.window=0.3 ms: must be a multiple of rec"),
        ("analysis.measures.oscillation.band=[60,10]", r"analysis.measures.oscillation.band=.*the first below the sec"),
        ("analysis.measures.oscillation.band=[10,6000]", r"oscillation.band=.*must lie above 0 and within"),
        ("analysis.measures.oscillation.background=6000", "oscillation.background=6000 Hz: .*set .*background=1000"),
        ("analysis.measures.synchrony.window=[5,20]", "analysis.measures.synchrony.*for recorder.window.*leave it out"),
        ("analysis.measures.intervals.least=1", "analysis.measures.intervals.least=1: must be at least 2"),
        ("analysis.measures.a-b.type=rates", "analysis.measures.a-b: cannot be the name of a measure"),
        ("analysis.measures.rates.window=[0,5],[0,6]", "cannot be an axis; it says how the same runs are measured"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_any_job(words, message):
    with pytest.raises(PsstError, match=message):
        config(*words.split())


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"variables": {"x": Variable("x")}}, "bare.type: Bare has none of the methods of_population, of_run, of_runs"),
        ({"of_run": lambda self, run: 1.0}, "bare.type: Bare has no variables; write variables"),
    ],
)
def test_a_class_that_measures_nothing_is_refused(members, message, monkeypatch):
    monkeypatch.setitem(_CLASSES["measure"], "bare", dataclass(type("Bare", (Measure,), members)))
    with pytest.raises(PsstError, match=message):
        config("analysis.measures.bare.type=bare")


def test_a_file_with_no_measure_is_refused(tmp_path, monkeypatch):
    write(tmp_path, "{measures: {late: 5}}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PsstError, match=r"analysis\.measures\.late=5: must be a measure's type and parameters"):
        config(experiment="mine")


def test_an_axis_gives_way_to_a_measure():
    """Both would be `synchrony` in the cube."""
    named = config("analysis.measures.size.type=synchrony")
    assert "size" in described(named)
    words = [word for word in QUICK if not word.startswith("network.size")]
    sweep = expand("locust_coupling", (*words, "network.size=8,12", "analysis.measures.size.type=synchrony"))
    assert "network_size" in {axis.name for axis in sweep.axes}


def test_a_digest_changes_with_what_decides_a_measure_and_with_nothing_else():
    plain = config()
    same = ["figures=[]", "analysis.measures.rates.window=null", "recorder.cells=[0]"]
    other = ["analysis.measures.rates.window=[0,10]", "analysis.band=[10,50]", "recorder.window=[0,10]"]
    assert {analysis_digest(config(word)) for word in same} == {analysis_digest(plain)}
    assert len({analysis_digest(config(word)) for word in other} | {analysis_digest(plain)}) == 4
    digests = {name: about["digest"] for name, about in described(plain).items()}
    found = {name: about["digest"] for name, about in described(config("analysis.band=[10,50]")).items()}
    assert {name for name in digests if digests[name] != found[name]} == {
        "dominant_frequency",
        "band_power",
        "band_ratio",
    }
