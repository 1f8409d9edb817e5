"""Lists as values of axes: written in each way, swept, selected, and beside their texts in the cube."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from psst_core.commands.audit import audit
from psst_core.commands.blame import blame, find
from psst_core.drawing import save
from psst_core.errors import PsstError
from psst_core.plan.sweep_plan import make_plan
from psst_core.sweep import lists
from psst_core.sweep.expand import expand
from psst_core.written import shown
from support.sweeps import run_sweep

PAIRS = "network.projections.excitation.connectivity.pairs"
PULSES = [[100.0, 300.0, 500.0], [110.0, 310.0, 510.0]]
TEXTS = ("[100,300,500]", "[110,310,510]")
ZIP = "sweep.zip=[stimulus.onsets,stimulus.offsets,stimulus.levels]"


def swept(*overrides, key="stimulus.onsets"):
    """The texts of an axis, and the lists of its runs."""
    sweep = expand("chain_of_three", overrides)
    (axis,) = (axis for axis in sweep.axes if axis.key == key)
    return axis.values, [run.value(key) for run in sweep.runs]


@pytest.mark.parametrize("text", [",".join(TEXTS), f"[{','.join(TEXTS)}]", f"choice({','.join(TEXTS)})"])
def test_several_lists_are_an_axis_on_the_command_line(text):
    assert swept(f"stimulus.onsets={text}") == (TEXTS, PULSES)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("[[100,300,500],[110,310,510]]", PULSES),
        ("[[100, 300, 500], [110.0, 310, 510]]", PULSES),
        ("'[100,300,500],[110,310,510]'", PULSES),
        ("['[100,300,500]', '[110,310,510]']", PULSES),
        ("[100,300,500]", PULSES[:1]),
        ("'[100,300,500]'", PULSES[:1]),
    ],
)
def test_in_a_file_one_list_is_a_setting_and_several_an_axis(content, values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(f"axes: {{stimulus.onsets: {content}}}\n")
    assert swept("sweep=mine.yaml")[1] == values


def test_in_a_table_a_cell_is_a_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [
        "stimulus.onsets,stimulus.offsets,stimulus.levels",
        '"[100,300]","[110, 310]","[1,2]"',
        "[100],[150],[3.5]",
    ]
    (tmp_path / "points.csv").write_text("\n".join(lines) + "\n")
    assert swept("sweep.table=points.csv") == (("[100,300]", "[100]"), [[100.0, 300.0], [100.0]])
    assert swept("sweep.table=points.csv", key="stimulus.offsets")[0] == ("[110,310]", "[150]")


def test_lists_of_lists_and_of_words_and_empty_ones():
    assert swept(f"{PAIRS}=[[0,1]],[[1,0]]", key=PAIRS) == (("[[0,1]]", "[[1,0]]"), [[[0, 1]], [[1, 0]]])
    assert swept(f"{PAIRS}=[],[[0,1],[0,2]]", key=PAIRS)[1] == [[], [[0, 1], [0, 2]]]
    assert swept("stimulus.cells=[],[0],[0,1]", key="stimulus.cells")[1] == [[], [0], [0, 1]]
    assert expand("chain_of_three", [f"{PAIRS}=[[0,1],[0,2]]"]).axes == ()
    words = expand("coba_hh", ["stimulus=steps", "stimulus.cells=[]", "stimulus.populations=[exc],[exc,inh]"])
    assert [run.value("stimulus.populations") for run in words.runs] == [["exc"], ["exc", "inh"]]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("stimulus.onsets=100,200", "stimulus.onsets=100: must be a list, such as stimulus.onsets=[100]"),
        ("stimulus.onsets=100", "must be a list, such as stimulus.onsets=[100]"),
        (f"{PAIRS}=[0,1],[1,0]", f"pairs=[0,1]: must be a list of lists, such as {PAIRS}=[[0,1]]"),
        ("network.size=[3],[6]", "network.size=[3]: is a list where one number belongs"),
        ("stimulus.onsets=[1,300,500],[1.0,300,500]", "axis stimulus.onsets: holds [1.0,300,500] twice"),
        ("stimulus.onsets=[100,300],[110,310]", "have 2, 3 and 3 numbers"),
        ("stimulus.onsets=[100,300,500],[210,310,510]", "must come after its onset"),
        ("stimulus.onsets=[100,300,500],[110,310,510] sweep.where=onsets>3", "is no number"),
        (
            "stimulus.onsets=[100,300,500],[110,310,510] sweep.where=onsets==[1]",
            "[1] is no value of an axis; the lists among them are: [100,300,500], [110,310,510]",
        ),
        ("stimulus.onsets=[100,300,500],[110,310,510] recorder.variables.hh=[v] recorder.runs.onsets=[[1]]", "[1]"),
    ],
    ids=lambda text: text[:60],
)
def test_what_is_no_such_list_is_refused(overrides, message):
    with pytest.raises(PsstError) as error:
        make_plan("chain_of_three", overrides)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_constraints_and_recorded_runs_name_a_list():
    both = f"stimulus.onsets={','.join(TEXTS)}"
    assert swept(both, "sweep.where=onsets!=[100,300,500]") == (TEXTS[1:], PULSES[1:])
    for text in ("[[110,310,510]]", "[110.0,310,510]"):
        plan = make_plan("chain_of_three", f"{both} recorder.runs.stimulus.onsets={text}")
        assert sorted(run.traced for m in plan.manifests.values() for run in m.runs) == [False, True]


def test_a_sweep_over_pulse_times(tmp_path):
    """The second list is shorter; the potential answers to the pulses."""
    axes = "stimulus.onsets=[2,6],[4] stimulus.offsets=[3,7],[5] stimulus.levels=[40,40],[40] "
    times = "run.duration=10 run.dt=0.05 recorder.window=[0,10] analysis.spectrum=[0,10] recorder.interval=0.5 "
    results = run_sweep(tmp_path, "chain_of_three", axes + ZIP + " figures=[] " + times)
    assert audit(tmp_path, "sweep").findings == []
    with xr.open_dataset(tmp_path / "sweep" / "sweep.nc", decode_timedelta=False) as cube:
        assert cube["onsets"].values.tolist() == ["[2,6]", "[4]"] and "units" not in cube["onsets"].attrs
        np.testing.assert_array_equal(cube["onsets_values"], [[2, 6], [4, np.nan]])
        assert cube["onsets_values"].dims == ("run", "onsets_item") and cube["onsets_values"].attrs["units"] == "ms"
        assert cube["levels_values"].attrs["units"] == "uA/cm^2"
    one, other = results.run(onsets=[2, 6]), results.run(onsets="[4]")
    assert one.config["stimulus"]["onsets"] == [2.0, 6.0] and one.point["onsets"] == "[2,6]"
    for asked in ([2.0, 6.0], (2, 6), np.array([2, 6]), "[2, 6]"):
        np.testing.assert_array_equal(results.run(onsets=asked).mean_potential, one.mean_potential)
    with pytest.raises(PsstError, match=r"onsets=\[5\]: not in the sweep; there are: \[2,6\], \[4\]"):
        results.run(onsets=[5])
    rises = [np.flatnonzero(np.diff(run.traces["trace_hh_v"].values[0]) > 1.5) * 0.5 for run in (one, other)]
    assert [int(rise.min()) for rise in rises] == [2, 4]
    known = blame(results, find(results, ["stimulus.onsets=[4]"]))
    assert known["configuration"]["stimulus"]["offsets"] == [5.0] and known["point"]["levels"] == "[40]"
    assert results.record["axes"][0]["lists"] == {"[2,6]": [2.0, 6.0], "[4]": [4.0]}


def test_lists_on_a_grid_are_words_to_figures(tmp_path):
    axes = "stimulus.cells=[0],[0,1] stimulus.amplitude=1,2 figures=[] "
    times = "run.duration=5 run.dt=0.05 recorder.window=[0,5] analysis.spectrum=[0,5] stimulus=constant"
    results = run_sweep(tmp_path, "chain_of_three", axes + times)
    assert results.cube["cells_values"].dims == ("cells", "cells_item")
    assert not results.axes["cells"].numeric
    rates = results.cube["firing_rate"].sel(cells="[0,1]", amplitude=2.0)
    assert rates.shape == (1, 1, 1)
    for figure in ("raster", "traces", "coupling_curves"):
        save(figure, results, [tmp_path / f"{figure}.png"])


def test_padding():
    assert lists.padded([["pn"], ["ln"]]) is None
    np.testing.assert_array_equal(
        lists.padded([[[0, 1]], [[1, 0], [2, 1]], []]),
        [[[0, 1], [np.nan] * 2], [[1, 0], [2, 1]], np.full((2, 2), np.nan)],
    )


NUMBERS = st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: x + 0.0))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.recursive(st.lists(NUMBERS, max_size=4), lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=6))
def test_a_list_is_its_text(value):
    assert lists.read_list(shown(value)) == value
    assert lists.text_of(value, {shown(value): value}) == shown(value)
