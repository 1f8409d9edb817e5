"""Names that people give: they work from the plan to the figure, or the plan refuses them with one that does."""

import contextlib
import csv
import io
import warnings

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from psst_core.commands.audit import audit
from psst_core.commands.blame import blame, find
from psst_core.commands.browse import Browser
from psst_core.drawing import draw_all
from psst_core.errors import PsstError
from psst_core.keys import get
from psst_core.names import CHOICE, PART, check_choice, check_part, check_word, legal
from psst_core.plan.sweep_plan import make_plan
from psst_core.results.about import page
from psst_core.sweep.expand import expand
from support.sweeps import run_sweep

EXPERIMENT = """\
# @package _global_
defaults: [override /network: mine, override /stimulus: none, override /sweep: single]
run: {{duration: 60.0, dt: 0.05}}
recorder: {{window: [0.0, 60.0], variables: {{{one}: [v, {channel}.m]}}}}
analysis: {{spectrum: [0.0, 60.0]}}
figures: [rate_map, coupling_curves, scatter, raster, spectra, connectivity, traces, potentials, phase_diagram]
"""
NETWORK = """\
size: 4
populations:
  {one}: &cells
    start: {{v: -65.0, {channel}: {{m: 0.1}}}}
    mechanisms:
      {leak}: {{type: leak, conductance: 0.1, reversal: -50.0}}
      {channel}: {{type: sodium, conductance: 100.0, reversal: 50.0}}
      {other}: {{type: delayed_rectifier, conductance: 10.0, reversal: -95.0}}
  {two}: *cells
synapses:
  {synapse}: {{type: exponential, tau: 5.0, reversal: 0.0}}
projections:
  {projection}:
    {{pre: {one}, post: {two}, synapse: {synapse}, conductance: 0.1, connectivity: {{type: all_to_all}}}}
"""
ROLES = ("one", "two", "leak", "channel", "other", "synapse", "projection")
USUAL = dict(zip(ROLES, ("pre", "post", "leak", "sodium", "potassium", "fast", "onto"), strict=True))
NASTY = dict(zip(ROLES, ("run", "trial", "starter", "start", "mechanisms", "populations", "synapses"), strict=True))
REFUSED = {
    "Kv3.1": "such as Kv3_1",
    "L2/3e": "such as L2_3e",
    "": "",
    "1": "such as mechanism_1",
    "_hidden": "such as hidden",
    "é α": "such as e_alpha",
    "=1+1": "such as mechanism_1_1",
    "-x": "such as x",
    "a b": "such as a_b",
    "a-b": "such as a_b",
    "a\nb": "such as a_b",
    "a\x07b": "such as a_b",
    "$x$": "such as x",
    "'quoted'": "such as quoted",
    "x" * 65: f"such as {'x' * 64}",
    "type": "a key of PSST's own; write mechanism_type",
    "v": "a variable of PSST's own; write mechanism_v",
    "true": "no word in YAML; write mechanism_true",
    "lambda": "a word of Python",
}


class Room:
    """A folder with a conf/ of one's own; called, it writes a network with these names into it."""

    def __init__(self, folder):
        self.folder = folder
        for group in ("experiment", "network", "stimulus"):
            (folder / "conf" / group).mkdir(parents=True)

    def __call__(self, **names):
        names = USUAL | names
        (self.folder / "conf/experiment/named.yaml").write_text(EXPERIMENT.format(**names))
        (self.folder / "conf/network/mine.yaml").write_text(NETWORK.format(**names))
        return names


@pytest.fixture
def room(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Room(tmp_path)


@pytest.fixture(scope="module")
def room_of_all(tmp_path_factory):
    """For a test of many examples."""
    folder = tmp_path_factory.mktemp("named")
    with contextlib.chdir(folder):
        yield Room(folder)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_a_name_is_refused_with_one_that_can(name):
    key = "network.populations.hh.mechanisms"
    with pytest.raises(PsstError) as error:
        check_part(name, "mechanism", key)
    text = str(error.value)
    assert text.startswith(f"{key}.") and REFUSED[name] in text and text.isprintable()


@pytest.mark.parametrize("role", ROLES)
def test_names_are_checked_wherever_a_network_has_them(room, role):
    rooms = dict.fromkeys(("one", "two"), "populations") | {"synapse": "synapses", "projection": "projections"}
    for name, instead in (("Kv3.1", "Kv3_1"), ("1", "_1"), ("=", "_1"), ("a b", "a_b")):
        room(**{role: name})
        with pytest.raises(PsstError, match=rf"network\.{rooms.get(role, 'populations')}\..*cannot be .*{instead}"):
            expand("named")


@given(st.text(max_size=80), st.sampled_from(["population", "mechanism", "synapse", "projection"]))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_the_name_that_a_message_proposes_is_accepted(name, kind):
    check_part(legal(name, kind), kind, "network")
    try:
        check_part(name, kind, "network")
    except PsstError as error:
        assert str(error).isprintable() and legal(name, kind) in str(error)
    else:
        assert legal(name, kind) == name


def is_legal(name):
    try:
        check_part(name, "part", "network")
    except PsstError:
        return False
    return True


@given(
    st.lists(st.from_regex(PART, fullmatch=True).filter(is_legal), min_size=7, max_size=7, unique=True),
    st.sampled_from(["populations", "mechanisms", "start", "stimulus", "network", "starters", "n", "E1", "e5", "nan"]),
    st.integers(0, 6),
)
@settings(deadline=None, derandomize=True, max_examples=8, phases=[Phase.generate])
def test_any_legal_names_are_planned(room_of_all, drawn, word, place):
    """Each part is swept by its key, is a word of constraints, and the manifest gives each run what was planned."""
    if word not in drawn:
        drawn[place] = word
    names = room_of_all(**dict(zip(ROLES, drawn, strict=True)))
    channel = f"network.populations.{names['one']}.mechanisms.{names['channel']}.conductance"
    other = f"network.populations.{names['two']}.mechanisms.{names['other']}.conductance"
    start = f"network.populations.{names['two']}.start.{names['channel']}.m"
    swept = {channel: [90, 100], other: [8, 10], start: [0.1, 0.2]}
    swept[f"network.synapses.{names['synapse']}.tau"] = [4, 5]
    swept[f"network.projections.{names['projection']}.conductance"] = [0.1, 0.2]
    texts = [f"{key}={','.join(map(str, values))}" for key, values in swept.items()]
    plan = make_plan("named", " ".join([*texts, f"sweep.where={channel}>10*{other}"]), "named", room_of_all.folder)
    assert len(plan.sweep.runs) == 16 and {axis.key for axis in plan.axes} == set(swept)
    for run in plan.sweep.runs:
        assert run.value(other) == 8
        assert all(get(run.config, key) == run.point[axis.name] for axis in plan.axes for key in [axis.key])
    header, *rows = csv.reader(io.StringIO(plan.table()))
    assert len(set(header)) == len(header) and len(rows) == 16


@pytest.mark.slow
def test_nasty_names_from_plan_to_figure(room):
    names = room(**NASTY)
    conductance = "network.populations.run.mechanisms.start.conductance"
    results = run_sweep(
        room.folder / "results",
        "named",
        f"{conductance}=90,100 network.synapses.populations.tau=interval(4,6) "
        "sweep.sample.points=4 sweep.trials=2 network.start_jitter=0.01",
        "named",
    )
    assert not audit(room.folder / "results", "named").findings
    assert (results.cube["status"] == 0).all() and list(results.cube["population"].values) == ["run", "trial"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        files = {file.name for file in draw_all(results.folder, lambda line: None)}
    assert {"raster.png", "traces.svg", "potentials.png", "scatter.csv", "spectra.csv"} <= files
    run = results.run(conductance=90, trial=1)
    assert list(run.populations) == [names["one"], names["two"]] and run.connections()["synapses"].all()
    assert set(run.traces.data_vars) == {"trace_run_v", "trace_run_start_m"}
    traces = results.traces(conductance=100)
    assert traces["trace_run_v"].attrs["variable"] == "run.v" and traces.sizes["run"] == 8
    known = blame(results, find(results, ["conductance=90", "trial=0"]))
    assert get(known["configuration"], conductance) == 90
    assert "starter" in page(results)
    assert "run start conductance" in results.cube["conductance"].attrs["long_name"]
    for data in (traces, results.cube):
        data.close()  # the NetCDF library reads no words of a file that is open twice
    browser = Browser(results.folder)
    for number in range(3):
        browser.pages.selected_index = number
        assert not browser.message.value


CHOICES = {
    "10_5": True,
    "001": True,
    "rk4.v2": True,
    "a-b": True,
    "L2 3e": False,
    "=x": False,
    "yes": True,
    "é": False,
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_is_usable_or_refused_with_its_file(room, name):
    room()
    (room.folder / "conf/stimulus" / f"{name}.yaml").write_text("type: constant\namplitude: 3.0\n")
    (room.folder / "conf/stimulus" / "zero.yaml").write_text("type: constant\namplitude: 0.0\n")
    experiment = room.folder / "conf/experiment/named.yaml"
    experiment.write_text(experiment.read_text() + f"sweep: {{axes: {{stimulus: ['{name}', zero]}}}}\n")
    if not CHOICES[name]:
        with pytest.raises(PsstError, match=r"conf/stimulus/.*: cannot be chosen by this name; rename the file"):
            expand("named")
        return
    sweep = expand("named")
    assert [run.point["stimulus"] for run in sweep.runs] == [name, "zero"]
    assert [run.value("stimulus.amplitude") for run in sweep.runs] == [3, 0]


@given(st.text(max_size=120))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_a_choice_is_a_word_of_tables_and_figures(name):
    try:
        check_choice("stimulus", name)
    except PsstError as error:
        assert str(error).isprintable()
    else:
        assert CHOICE.fullmatch(name)
        check_word(name, "stimulus")


@pytest.mark.parametrize("word", ["=1+1", "+1+1", "-x.nc", "@sum", "a\tb", "a\nb", " a", "x$y$.nc", ""])
def test_words_that_a_table_or_a_figure_would_take_for_more_are_refused(word):
    with pytest.raises(PsstError, match=r"axis stimulus\.path: ") as error:
        check_word(word, "stimulus.path")
    assert str(error.value).isprintable()
    check_word(f"./{word.strip().replace('$', '')}".translate({9: None, 10: None}), "stimulus.path")


def test_axes_of_one_name_in_the_cube_are_refused(room):
    room(one="a", two="a_mechanisms_b", leak="b_mechanisms_c", channel="sodium", other="c")
    keys = ["network.populations.a.mechanisms.b_mechanisms_c", "network.populations.a_mechanisms_b.mechanisms.c"]
    with pytest.raises(PsstError, match="would both be network_populations_a_mechanisms_b_mechanisms_c_conductance"):
        expand("named", [f"{key}.conductance=1,2" for key in keys])
