"""Looking at a results folder runs nothing that lies in it or beside it; a style is data."""

import importlib.util
import shutil
import subprocess
import sys

import matplotlib as mpl
import pytest

from psst_core import plugins
from psst_core.commands.audit import audit
from psst_core.commands.cli import main
from psst_core.drawing import draw_all
from psst_core.errors import PsstError
from psst_core.figures.chosen import available
from psst_core.figures.shared.look import settings_of
from psst_core.keys import put
from psst_core.plan.sweep_plan import make_plan
from psst_core.registry import NeedsPluginError
from psst_core.results.sweep_results import open_sweep
from support.plugins import ADAPTING, FILES, forget, write
from support.sweeps import run_sweep

MARK = "\nimport pathlib\npathlib.Path('executed').touch()\n"
KEPT = "run.duration=20 recorder.window=[0,20] analysis.spectrum=[0,20] recorder.variables.hh=[v] figures=[raster]"
LOOKING = [
    ["status", "mine"],
    ["audit", "mine"],
    ["blame", "mine", "conductance=0.1"],
    ["export", "mine", "--crate", "crate", "--chunks"],
    ["export", "mine", "--nwb", "run.nwb", "conductance=0.1"],
    ["clean"],
    ["gather", "mine", "--partial"],
]


@pytest.fixture
def made(project):
    """A sweep with a plugin, which now leaves a mark where it is imported; as in a new process."""
    run_sweep(project / "results", "f_i_curve", f"{ADAPTING} {KEPT}", "mine")
    write(project, {"plugins/m_current.py": FILES["plugins/m_current.py"] + MARK, "plugins/other.py": MARK})
    forget()
    return project


def test_looking_imports_no_plugin(made, capsys):
    for words in LOOKING:
        if "--nwb" in words and not importlib.util.find_spec("pynwb"):
            continue
        assert main(words) == 0, capsys.readouterr().err
    sweep = open_sweep("results/mine")
    run = sweep.run(conductance=0.1)
    assert len(sweep.traces(conductance=0.1)["run"]) == 1 and run.config
    with pytest.raises(NeedsPluginError, match=r"no such mechanism, and plugins.*plugins\.load\(\)"):
        run.connections()
    assert not plugins.loaded() and not (made / "executed").exists()
    make_plan("f_i_curve", ADAPTING)
    assert (made / "executed").exists()


def test_a_browser_imports_no_plugin(made):
    browse = pytest.importorskip("psst_core.commands.browse")
    browser = browse.Browser("results")
    for page in range(3):
        browser.pages.selected_index = page
    assert browser.message.value == "" and browser.raster.value and "m_current" in browser.origin.value
    assert not plugins.loaded() and not (made / "executed").exists()


def test_the_ids_of_runs_of_plugins_are_computed_again_from_their_text(made):
    """The mark is code, so the plugin is another one; without it, it is the one that made the runs."""
    found = audit(made / "results", "mine")
    assert not found.findings and any("made by other code" in note for note in found.notes)
    write(made, {"plugins/m_current.py": FILES["plugins/m_current.py"]})
    forget()
    found = audit(made / "results", "mine")
    assert not found.findings and not found.notes and not plugins.loaded()
    (made / "plugins" / "m_current.py").unlink()
    forget()
    found = audit(made / "results", "mine")
    assert not found.findings and any("m_current" in note and "ids not recomputed" in note for note in found.notes)


def test_drawing_wants_the_plugins_that_made_the_runs(made):
    with pytest.raises(
        PsstError, match=r"with the plugin psst_core\.plugins\.m_current, which is another one there now"
    ):
        draw_all(made / "results" / "mine", print)
    assert not (made / "executed").exists()
    write(made, {"plugins/m_current.py": FILES["plugins/m_current.py"]})
    (made / "plugins" / "other.py").unlink()
    forget()
    assert {file.name for file in draw_all(made / "results" / "mine", print)} == {"raster.png", "raster.svg"}


def test_nothing_beside_a_results_folder_elsewhere_is_imported(made, tmp_path_factory, monkeypatch):
    """Drawn from another folder, whose own plugins alone count."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setattr(plugins, "__path__", plugins.__path__[:1])
    forget()
    with pytest.raises(PsstError, match="m_current, which is not there now; start in the folder that has it"):
        draw_all(made / "results" / "mine", print)
    assert audit(made / "results", "mine").findings == []
    assert not (made / "executed").exists()


def test_settings_of_a_folder_change_no_figure(made, monkeypatch):
    """Matplotlib reads a `matplotlibrc` where one starts."""
    write(made, {"plugins/m_current.py": FILES["plugins/m_current.py"], "matplotlibrc": "text.usetex: True\n"})
    (made / "plugins" / "other.py").unlink()
    script = "from psst_core.drawing import draw_all; draw_all(__import__('pathlib').Path('results/mine'), print)"
    done = subprocess.run([sys.executable, "-P", "-c", script], cwd=made, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert shutil.which("latex") is None or b"usetex" not in done.stdout.encode()


STYLES = {
    "text.usetex: True": r"style=mine\.mplstyle, line 1: text\.usetex decides more than what figures look like",
    "axes.grid: True\ntext.latex.preamble: \\input{/etc/passwd}": r"line 2: text\.latex\.preamble decides more",
    "backend: module://evil": "backend decides more",
    "figure.hooks: evil:run": r"figure\.hooks decides more",
    "animation.ffmpeg_path: ./evil": "decides more",
    "savefig.directory: /": "decides more",
    "ps.usedistiller: xpdf": "decides more",
    "svg.image_inline: False": "decides more",
    "webagg.open_in_browser: True": "decides more",
    "axes.gird: True": r"no such setting \(did you mean axes\.grid\?\)",
    "lines.linewidth: thick": r"lines\.linewidth: 'thick' is no value for it; usual is 1\.5",
    "axes.prop_cycle: __import__('os').system('touch executed')": "is no value for it",
    "savefig.dpi: 1e9": "at most 1200",
    "lines.linewidth: 1\nlines.linewidth: 2": "line 2: lines.linewidth is given twice",
    "axes.grid": "write KEY: VALUE",
    "\x00": "holds no text",
}


@pytest.mark.parametrize("text", STYLES, ids=repr)
def test_a_style_is_data(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.mplstyle").write_text(text)
    config = make_plan("chain_of_three").config
    with pytest.raises(PsstError, match=STYLES[text]):
        available([], (), put(config, {"style": "mine.mplstyle"}))
    assert not list(tmp_path.rglob("executed"))


def test_a_style_means_what_matplotlib_reads(tmp_path):
    text = '# wide\nlines.linewidth : 3.0 # thick\naxes.facecolor: "#eeeeee"\naxes.titlesize: large\n\n'
    text += "axes.grid: True\naxes.prop_cycle: cycler('color', ['r', 'g'])\nsvg.fonttype: path\n"
    (tmp_path / "x.mplstyle").write_text(text)
    assert settings_of(str(tmp_path / "x.mplstyle")) == mpl.rc_params_from_file(tmp_path / "x.mplstyle", True, False)
    assert settings_of("ggplot")["axes.grid"] and settings_of("") is None
    with pytest.raises(PsstError, match="no such file, and no such style"):
        settings_of("os.path")
