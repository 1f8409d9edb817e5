"""Every registered measure, with its default parameters, on runs of all kinds."""

from dataclasses import MISSING, fields, replace

import numpy as np
import pytest

from psst_core import measures
from psst_core.attributes import measures_of
from psst_core.config.checks import check
from psst_core.configuration import USUAL
from psst_core.errors import PsstError
from psst_core.registry import lookup, names
from support.configurations import configuration
from support.recordings import analysed, run_of, summary_of
from support.sweeps import run_sweep

assert measures
EVERY = names("measure")


def example(populations, **changes):
    """A run with a noisy potential."""
    run = run_of(populations)
    noise = np.random.default_rng(1).standard_normal(run.mean_potential.shape)
    return replace(run, mean_potential=run.mean_potential + noise, **changes)


def trains(seed, cells, number=30):
    random = np.random.default_rng(seed)
    return [np.round(np.sort(random.uniform(0, 1000, number)), 2) for _ in range(cells)]


RUNS = {
    "fires": {"a": trains(1, 4), "b": trains(2, 2)},
    "one population silent": {"a": trains(3, 4), "b": [[], []]},
    "silent": {"a": [[]] * 4, "b": [[]] * 2},
    "one spike": {"a": [[], [500.0], [], []], "b": [[], []]},
    "all at once": {"a": [[100.0, 500.0]] * 4, "b": [[500.0]] * 2},
    "at the ends": {"a": [[0.0, 1000.0]] * 4, "b": [[1000.0], [0.0]]},
    "one cell twice at once": {"a": [[5.0, 5.0, 5.0, 5.0], *trains(4, 3)], "b": [[7.0, 7.0], [7.0]]},
    "diverged": {"a": trains(5, 4), "b": trains(6, 2)},
}


@pytest.mark.parametrize("name", EVERY)
def test_a_summary_of_runs_of_all_kinds_is_valid(name):
    """Ranges and shapes are checked by the summary itself, and warnings are errors."""
    runs = [example(run, status="diverged" if kind == "diverged" else "ok") for kind, run in RUNS.items()]
    found = summary_of({name: None}, runs)
    places = list(RUNS)
    for variable in (found[each] for each in measures_of(found)):
        assert variable.isel(run=places.index("diverged")).isnull().all()
        assert variable.isel(run=places.index("fires")).notnull().any()
        assert variable.attrs["long_name"] and variable.attrs["units"]
        for dim in {*variable.dims} - {"run", "population", "other", "cell"}:
            assert dim.startswith(f"{name}_") and found[dim].attrs["units"] in ("ms", "Hz")


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("cells", [trains(7, 1), [[]], [[3.0]]], ids=["fires", "silent", "one spike"])
def test_a_summary_of_one_cell_is_valid(name, cells):
    assert measures_of(summary_of({name: None}, [example({"alone": cells})]))


@pytest.mark.parametrize("name", EVERY)
def test_a_chunk_without_any_run_that_is_ok_is_undefined(name):
    found = summary_of({name: None}, [example(RUNS["fires"], status="diverged")] * 2)
    assert all(found[each].isnull().all() for each in measures_of(found))


@pytest.mark.parametrize("name", EVERY)
def test_a_run_is_measured_alike_in_any_company(name):
    runs = [example(run) for run in RUNS.values()]
    together = summary_of({name: None}, runs)
    for number in (0, 1, 4):
        alone = summary_of({name: None}, [runs[number]])
        for each in measures_of(alone):
            np.testing.assert_allclose(alone[each][0], together[each][number], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_every_measure_says_what_it_is(name):
    """In its docstring, which has a DOI or is plain, and in each of its variables; its fields have units."""
    cls = lookup("measure", name, "type")
    assert "doi:" in cls.__doc__ or name in ("rates", "intervals", "oscillation")
    for field in fields(cls):
        assert "unit" in field.metadata, field.name
        assert field.default is not MISSING or field.default_factory is not MISSING
        assert field.name == "window" or f"        {field.name}: " in cls.__doc__ or name == "intervals"


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ({"type": "fano", "bin": 300.0}, r"count.bin=300 ms: must fit 2 times into the window from 100 to 600 ms"),
        ({"type": "fano", "bin": 0.0}, r"count.bin=0 ms: must be at least"),
        ({"type": "count_correlation", "bin": 251.0}, r"count.bin=251 ms: must fit 2 times"),
        ({"type": "cross_correlation", "longest": 501.0}, r"count.longest=501 ms: must fit into the window"),
        ({"type": "autocorrelation", "longest": 501.0}, r"count.longest=501 ms: must fit into the window"),
        ({"type": "kappa", "bin": 501.0}, r"count.bin=501 ms: must fit into the window"),
        ({"type": "spectrum", "segment": 401.0}, r"count.segment=401 ms: must fit into the window from 200 to 600"),
        ({"type": "spectrum", "segment": 100.2}, r"count.segment=100.2 ms: must be a multiple of recorder.interval"),
        ({"type": "spectrogram", "segment": 1.0}, r"count.segment=1 ms: must be .* with 4 samples or more"),
        ({"type": "latency", "onset": 600.0}, r"count.onset=600 ms: must lie before the window's end"),
        ({"type": "phase_locking", "band": [60.0, 10.0]}, r"count.band=\[60.0, 10.0\]: must be two numbers"),
        ({"type": "bursts", "least": 1}, r"count.least=1: must be at least 2"),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_parameters_without_a_meaning_are_refused(measure, message):
    config = configuration()
    config["analysis"]["measures"] = {"count": {**defaults(measure["type"]), **measure}}
    with pytest.raises(PsstError, match=message):
        check(config)


def test_a_phase_needs_a_frequency_or_a_band():
    config = configuration(experiment="coba_hh")
    config["analysis"]["measures"] = {"locking": {"type": "phase_locking", **defaults("phase_locking")}}
    with pytest.raises(PsstError, match=r"locking.frequency=null: must be a number; or else give band"):
        check(config)


def test_all_measures_can_be_chosen_together():
    config = configuration()
    config["analysis"]["measures"] = {name: {"type": name, **defaults(name)} for name in EVERY}
    check(config)
    assert len(analysed(dict.fromkeys(EVERY)).analysis.measures) == len(EVERY) > 15


def test_all_measures_stand_in_the_cube_of_a_sweep(tmp_path):
    """Over two sizes of a network: dimensions of measures have coordinates, smaller networks lack some cells."""
    chosen = " ".join(f"analysis.measures.{name}.type={name}" for name in EVERY if name not in USUAL)
    times = "run.duration=300 recorder.window=[50,300] analysis.spectrum=[50,300] sweep=single"
    cube = run_sweep(tmp_path, "locust_coupling", f"{times} network.size=8,12 {chosen}").cube
    assert {*measures_of(cube)} >= {"kappa", "fano", "cross_correlation", "cell_rate", "spectrogram", "lv"}
    assert cube["population"].values.tolist() == cube["other"].values.tolist() == ["pn", "ln"]
    assert cube["count_correlation"].dims[-2:] == ("population", "other")
    assert cube["cross_correlation_lag"].values[[0, -1]].tolist() == [-50, 50]
    assert cube["spectrogram_time"].values.tolist() == [100, 150, 200, 250]
    rates = cube["cell_rate"].squeeze()
    assert rates.notnull().sum("cell").values.tolist() == [8, 12] and float(rates.max()) > 0
    pairs = cube["cross_correlation"].squeeze()
    mirrored = pairs.sel(population="ln", other="pn").values[:, ::-1]
    np.testing.assert_allclose(pairs.sel(population="pn", other="ln"), mirrored)
    assert pairs.notnull().any()


def defaults(name):
    return {field.name: field.default for field in fields(lookup("measure", name, "type"))}
