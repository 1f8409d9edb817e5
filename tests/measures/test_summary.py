"""Summaries: measures of one's own, taken over from earlier summaries, undefined, wrong; their place in the cube."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import psst_core
from psst_core.attributes import measures_of, scalar_measures
from psst_core.errors import PsstError
from psst_core.measures.base import Dimension, Measure, Variable
from psst_core.registry import _CLASSES, setting
from psst_core.results.gather import gather
from psst_core.results.summary import summarise
from psst_core.store.dataset import checksum, read_whole
from psst_core.store.folder import Folder
from support.recordings import analysed, chunk_of, run_of, summary_of
from support.sweeps import TINY, run_sweep

TWO = {"pn": [[1.0, 2, 30], [5.0]], "ln": [[7.0]]}


@dataclass
class Counted(Measure):
    """Spikes of a population, and a note of each time that they are counted."""

    least: int = setting(0, minimum=0)
    variables: ClassVar = {"counted": Variable("spikes", low=0)}
    calls: ClassVar[list[str]] = []

    def of_population(self, run, population):
        self.calls.append(population)
        count = sum(map(len, run.trains(population, self.window)))
        return float(count) if count >= self.least else np.nan


@dataclass
class Profile(Measure):
    """Spikes in bins of time, for each pair of populations the product of their counts, and the spikes of each cell."""

    bin: float = setting(10.0, "ms", minimum=1)
    variables: ClassVar = {
        "profile": Variable("spikes", dims=("population", "time")),
        "product": Variable("product", dims=("population", "other")),
        "spikes": Variable("spikes of a cell", dims=("cell",)),
    }

    def edges(self):
        return np.arange(self.window[0], self.window[1] + self.bin / 2, self.bin)

    def coordinates(self, recordings):
        return {"time": Dimension(self.edges()[:-1], "begin of the bin", "ms")}

    def of_run(self, run):
        counts = np.array([np.histogram(np.concatenate(run.trains(name)), self.edges())[0] for name in run.populations])
        total = counts.sum(axis=1)
        cells = np.array([len(train) for train in run.trains(window=self.window)])
        return {"profile": counts, "product": np.outer(total, total), "spikes": cells}


@dataclass
class Wrong(Measure):
    """Mistakes that a measure may make."""

    how: str = "raises"
    variables: ClassVar = {"one": Variable("one", low=0, high=1), "two": Variable("two")}

    def of_run(self, run):
        good = np.zeros(len(run.populations))
        found = {
            "raises": lambda: {"one": good, "two": 1 / 0},
            "lacks": lambda: {"one": good},
            "adds": lambda: {"one": good, "two": good, "three": good},
            "alone": lambda: good,
            "shape": lambda: {"one": good, "two": np.zeros(5)},
            "infinite": lambda: {"one": good, "two": good + np.inf},
            "range": lambda: {"one": good + 1.1, "two": good},
            "complex": lambda: {"one": good, "two": good + 1j},
            "nothing": lambda: None,
            "exits": lambda: sys.exit("here"),
            "changes": lambda: run.spike_time.__isub__(1.0),
            "filters": lambda: run.mean_potential.values.__imul__(2.0),
            "words": lambda: {"one": good, "two": np.array(["a", "b"])},
        }
        return found[self.how]()


@pytest.fixture(autouse=True, scope="module")
def registered():
    """These classes are measures as long as the tests of this file run."""
    known = _CLASSES["measure"]
    own = {"counted": Counted, "profile": Profile, "wrong": Wrong, "ragged": Ragged}
    known.update(own)
    yield
    for name in own:
        del known[name]


def test_a_measure_of_one_population_a_run_or_many():
    found = summary_of(
        {"counted": None, "profile": {"bin": 250.0}}, [run_of(TWO), run_of({"pn": [[], []], "ln": [[]]})]
    )
    assert found["counted"].values.tolist() == [[4, 1], [0, 0]]
    assert found["profile"].dims == ("run", "population", "profile_time")
    assert found["profile"].values[0].tolist() == [[4, 0, 0, 0], [1, 0, 0, 0]]
    assert found["profile_time"].values.tolist() == [0, 250, 500, 750] and found["profile_time"].attrs["units"] == "ms"
    assert found["product"].dims == ("run", "population", "other")
    assert found["product"].values[0].tolist() == [[16, 4], [4, 1]]
    assert found["spikes"].values.tolist() == [[3, 1, 1], [0, 0, 0]]
    assert found["counted"].attrs["measure"] == "counted" and len(found["counted"].attrs["digest"]) == 16
    assert measures_of(found) == ["counted", "profile", "product", "spikes"]


def test_nothing_is_asked_of_a_run_that_is_not_ok():
    Counted.calls.clear()
    runs = [run_of(TWO), replace(run_of(TWO), status="diverged"), run_of(TWO)]
    found = summary_of({"counted": None, "profile": None}, runs)
    assert len(Counted.calls) == 4
    assert found["counted"].isnull().values.tolist() == [[False, False], [True, True], [False, False]]
    assert found["profile"].isnull().all(["population", "profile_time"]).values.tolist() == [False, True, False]
    lost = summary_of({"profile": None}, [replace(run_of(TWO), status="diverged")])
    assert lost["profile"].isnull().all() and lost["profile"].shape == (1, 2, 100)


def test_what_was_measured_is_not_measured_again():
    chunk = chunk_of([run_of(TWO)])
    before = summarise(chunk, analysed({"counted": None, "rates": None}))
    Counted.calls.clear()
    for measures in ({"counted": None}, {"rates": None, "counted": None, "profile": None}):
        found = summarise(chunk, analysed(measures), [before])
        assert not Counted.calls and found["counted"].identical(before["counted"])
    for others in ({"counted": {"least": 2}}, {"counted": {"window": [0.0, 2.0]}}, {"more": {"type": "counted"}}):
        summarise(chunk, analysed(others), [before])
        assert len(Counted.calls) == 2
        Counted.calls.clear()
    other = before.assign(run_id=before["run_id"].copy(data=["f" * 16]))
    summarise(chunk, analysed({"counted": None}), [other])
    assert len(Counted.calls) == 2


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            "raises",
            r"analysis.measures.wrong: its code raised ZeroDivisionError: division by zero \(.*test_summary.py, l",
        ),
        ("lacks", "analysis.measures.wrong.variables: came one; return one, two"),
        ("adds", "analysis.measures.wrong.variables: came one, two, three; return one, two"),
        ("alone", "analysis.measures.wrong.variables: came as ndarray; return a dict with one, two"),
        (
            "shape",
            r"analysis.measures.wrong.*two came with the shape \[1, 5\]; it must be \[run, population\] = \[1, 2\]",
        ),
        ("infinite", "analysis.measures.wrong.*two is inf in run 0000000000000000, outside its range .*return NaN"),
        ("range", "analysis.measures.wrong.*one is 1.1 in run 0000000000000000, outside its range from 0 to 1"),
        ("words", "analysis.measures.wrong.two came as str32; it must be real numbers"),
        ("complex", "analysis.measures.wrong.two came as complex128; it must be real numbers"),
        ("nothing", "analysis.measures.wrong.variables: came as None; return one, two"),
        ("exits", "analysis.measures.wrong: its code raised SystemExit: here"),
        ("changes", "analysis.measures.wrong: its code raised ValueError.*read-only"),
        ("filters", "analysis.measures.wrong: its code raised ValueError.*read-only"),
    ],
)
def test_a_measure_that_is_wrong_is_named(how, message):
    with pytest.raises(PsstError, match=message):
        summary_of({"wrong": {"how": how}}, [run_of(TWO)])


@dataclass
class Ragged(Measure):
    """Spike times, of which runs have different numbers, or a coordinate that is no number."""

    coordinate: bool = False
    variables: ClassVar = {"ragged": Variable("spikes", dims=("spike",))}

    def coordinates(self, recordings):
        return {"spike": Dimension(np.array([np.nan if self.coordinate else 0.0, 1.0]), "spike")}

    def of_run(self, run):
        return np.zeros(len(run.spike_time))


def test_dimensions_have_one_length_and_finite_coordinates():
    runs = [run_of(TWO), run_of({"pn": [[], [1.0]], "ln": [[]]})]
    with pytest.raises(PsstError, match=r"ragged.ragged: came with the shapes \[5\] and \[1\]; a dimension has"):
        summary_of({"ragged": None}, runs)
    with pytest.raises(PsstError, match=r"ragged.coordinates: those of spike must be finite numbers"):
        summary_of({"ragged": {"coordinate": True}}, runs[:1])


def test_a_measure_that_fails_is_told_when_what_is_finished_is_gathered(tmp_path):
    words = TINY + "network.size=8 network.coupling=1 solver=rk4 hardware.jobs=1 analysis.measures.wrong.type=wrong"
    with pytest.raises(PsstError):
        run_sweep(tmp_path, "locust_coupling", words)
    plan = (tmp_path / "sweep" / "planned").read_text().strip()
    with pytest.raises(PsstError, match=r"analysis\.measures\.wrong: its code raised Zero"):
        gather(tmp_path / "sweep", plan, partial=True)


def test_measures_of_a_sweep_enter_its_cube_and_no_run_is_made_again(tmp_path):
    words = TINY + "network.size=8,12 network.coupling=1 solver=rk4 hardware.jobs=1 "
    run_sweep(tmp_path, "locust_coupling", words)
    files = {file: checksum(file) for file in Folder(tmp_path).chunk_files()}
    Counted.calls.clear()
    own = "analysis.measures.counted.type=counted analysis.measures.profile.type=profile"
    results = run_sweep(tmp_path, "locust_coupling", words + own)
    assert {file: checksum(file) for file in Folder(tmp_path).chunk_files()} == files
    cube = results.cube
    assert cube["counted"].dims == cube["firing_rate"].dims and "counted" in scalar_measures(cube)
    assert not {"profile", "product", "spikes"} & set(scalar_measures(cube))
    assert cube["product"].sizes["other"] == 2 and cube["other"].values.tolist() == ["pn", "ln"]
    assert cube["profile"].sizes["profile_time"] == 2 and cube["profile_time"].values.tolist() == [0, 10]
    cells = cube["spikes"].squeeze(["coupling", "solver", "network"], drop=True)
    assert cells.sizes["cell"] == 12 and "cell_population" not in cube  # cell 6 is an LN of 8 and a PN of 12
    assert cells.sel(size=8).isnull().sum("cell").values.tolist() == [4, 4] and cells.sel(size=12).notnull().all()
    assert (cells.sum("cell") == cube["counted"].squeeze(["coupling", "solver", "network"]).sum("population")).all()
    assert len(Counted.calls) == 2 * cube["run_id"].size
    Counted.calls.clear()
    run_sweep(tmp_path, "locust_coupling", words + own + " analysis.measures.late.type=rates")
    assert not Counted.calls
    reopened = psst_core.open_sweep(tmp_path / "sweep").cube
    assert {"late_firing_rate", "counted", "firing_rate"} <= set(measures_of(reopened))


def test_cells_know_their_population_where_all_runs_have_the_same(tmp_path):
    words = (
        TINY
        + "network.size=8 network.coupling=0,1 solver=rk4 hardware.jobs=2 analysis.measures.cell_rates.type=cell_rates"
    )
    cube = run_sweep(tmp_path, "locust_coupling", words).cube
    assert cube["cell_population"].values.tolist() == [0] * 6 + [1] * 2
    assert cube["cell_population"].attrs["flag_meanings"] == "pn ln"
    mean = cube["cell_rate"].groupby("cell_population").mean().transpose(..., "cell_population")
    np.testing.assert_allclose(mean, cube["firing_rate"])


def test_a_damaged_earlier_summary_is_not_read(tmp_path):
    words = TINY + "network.size=8 network.coupling=1 solver=rk4 hardware.jobs=1 analysis.measures.counted.type=counted"
    run_sweep(tmp_path, "locust_coupling", words)
    (summary,) = Path(tmp_path).glob("chunks/*.summary.nc")
    summary.write_bytes(summary.read_bytes()[:3000])
    Counted.calls.clear()
    results = run_sweep(tmp_path, "locust_coupling", words + " analysis.measures.late.type=rates")
    assert Counted.calls
    for file in Path(tmp_path).glob("chunks/*.summary.nc"):
        if file != summary:
            with read_whole(file) as found:
                assert found["counted"].notnull().all()
    assert results.cube["counted"].notnull().all()
