"""Figures of one's own, and the options of all figures."""

import re

import pytest
from PIL import Image

import psst_core
from psst_core.configuration import HardwareConfig
from psst_core.errors import PsstError
from psst_core.figures.chosen import available, figure_of, undrawn
from psst_core.host.hardware import prepare
from psst_core.keys import put
from psst_core.plan.sweep_plan import make_plan
from psst_core.sweep.expand import expand
from support.configurations import configuration
from support.plugins import FILES, forget, write

CODE = FILES["plugins/histogram.py"]
WORDS = "run.duration=20 recorder.window=[0,20] analysis.spectrum=[0,20] figures=[histogram,fine,raster,scatter] "
WORDS += "figure_options.fine.type=histogram figure_options.fine.bins=3 figure_options.histogram.bins=7"


def drawn(folder):
    """The contents of the figures after a sweep, and what the terminal was told."""
    prepare(HardwareConfig())
    said = []
    psst_core.run_sweep("f_i_curve", WORDS, "own", results=folder / "results", report=said.append)
    files = (folder / "results" / "own" / "figures").iterdir()
    return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in files}, "\n".join(said)


def test_the_figure_of_the_guide_is_drawn_with_its_options_and_alone_when_it_changes(project):
    assert len([line for line in CODE.splitlines() if line.strip()]) <= 25
    before, said = drawn(project)
    assert set(before) == {f"{name}.{ending}" for name in ("histogram", "fine", "raster") for ending in ("png", "svg")}
    assert "not drawn: scatter, as no axis of several numbers lies along run" in said
    assert before["fine.png"][1] != before["histogram.png"][1]
    text = Image.open(project / "results" / "own" / "figures" / "fine.png").text
    assert text["Title"] == "fine" and text["Description"].startswith("How many runs have which firing rate")
    assert "How many runs have which firing rate" in before["histogram.svg"][1].decode()
    assert drawn(project)[0] == before
    write(project, {"plugins/histogram.py": CODE.replace('"runs"', '"number of runs"')})
    forget()
    after, _ = drawn(project)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {f"{name}.{ending}" for name in ("histogram", "fine") for ending in ("png", "svg")}
    assert b"number of runs" in after["fine.svg"][1]


MISTAKES = {
    "figures=[histogran]": "figures holds histogran: no such figure (did you mean histogram?)",
    "figures=[fine] figure_options.fine.bins=3": "figure_options.fine: no such key (did you mean lines?); a figure",
    "figure_options.fine.type=histogran": "figure_options.fine.type=histogran: no such figure (did you mean",
    "figure_options.histogram.bin=3": "figure_options.histogram.bin: no such key (did you mean bins?)",
    "figure_options.histogram.bins=0": "figure_options.histogram.bins=0: must be at least 1",
    "figure_options.histogram.bins=few": "figure_options.histogram.bins=few: must be a whole number",
    "figure_options.histogram.bins=3,4": "figure_options.histogram.bins: cannot be an axis",
    "figures=[map] figure_options.map.measure=kapa": "figure_options.map.measure=kapa: no measure of analysis.measures",
    "figures=[effects] figure_options.effects.measures=[isi_vc]": "figure_options.effects.measures=isi_vc: no measure",
    "figures=[effects] figure_options.effects.measures=[]": "figure_options.effects.measures=[]: name one or more",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes_are_named_by_their_key(words, project):
    with pytest.raises(PsstError, match=re.escape(MISTAKES[words])):
        make_plan("f_i_curve", words)


def test_options_come_from_files_and_from_the_command_line(project):
    text = "# @package _global_\nfigure_options:\n  cv_map: {type: map, measure: isi_cv}\n  histogram: {bins: 4}\n"
    write(project, {"conf/experiment/mine.yaml": text + "figures: [cv_map, histogram, rate_map]\n"})
    words = ["figure_options.histogram.bins=5", "figure_options.rate_map.measure=synchrony"]
    config = expand("mine", words).config
    assert figure_of("cv_map", config).measure == "isi_cv" and figure_of("histogram", config).bins == 5
    assert [figure_of(name, config).measure for name in ("rate_map", "power_map")] == ["synchrony", "band_power"]
    assert "figure_options" not in next(iter(make_plan("mine").manifests.values())).config
    config = expand("mine", ["figure_options.histogram=null"]).config
    assert figure_of("histogram", config).bins == 10


def test_a_figure_says_why_it_cannot_be_drawn(project):
    expand("f_i_curve")
    without = undrawn(["traces", "rate_map", "phase_diagram", "raster", "memory"], (), configuration())
    assert without == {
        "traces": "recorder.variables keeps no traces",
        "rate_map": "no axis of the grid takes several numbers",
        "phase_diagram": "not two axes of the grid take several numbers",
        "memory": "run.duration is no axis of several values",
    }
    sweep = expand("locust_coupling", ["analysis.measures.rates=null", "figures=[rate_map,power_map,coupling_curves]"])
    without = undrawn(sweep.config.figures, sweep.axes, sweep.config)
    assert without == {"rate_map": "no measure of analysis.measures gives firing_rate"}
    assert available(["raster", "raster"], (), put(configuration(), {"figures": []})) == ["raster"]
    write(project, {"plugins/broken.py": CODE.replace("histogram", "broken").replace("def draw", "def lacking")})
    forget()
    with pytest.raises(PsstError, match=re.escape("figure_options.broken: its code raised TypeError")):
        undrawn(["broken"], (), expand("f_i_curve").config)


def test_a_measure_with_dimensions_of_its_own_is_refused(project):
    spectrum = """
from dataclasses import dataclass
from psst_core.measures.base import Measure, Variable
from psst_core.registry import register

@register("measure", "per_cell")
@dataclass
class PerCell(Measure):
    variables = {"fired": Variable("spikes of a cell", dims=("cell",))}

    def of_run(self, run):
        return [len(train) for train in run.trains()]
"""
    write(project, {"plugins/per_cell.py": spectrum})
    forget()
    words = "analysis.measures.per_cell.type=per_cell figures=[map] figure_options.map.measure=fired"
    with pytest.raises(
        PsstError, match=r"figure_options\.map\.measure=fired: has cell, and here a measure must be one number"
    ):
        expand("f_i_curve", words.split())
