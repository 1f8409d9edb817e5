"""The usual measures on signals whose values are known, and all of a chunk's runs at once as one by one."""

import sys

import numpy as np
import pytest
import xarray as xr
from scipy import signal

from psst_core.attributes import STATUS, measures_of
from psst_core.config.compose import CONF
from psst_core.configuration import USUAL
from psst_core.errors import PsstError
from psst_core.figures.shared.style import label
from psst_core.measures.oscillation import Oscillation
from psst_core.measures.synchrony import synchrony
from psst_core.results.summary import PER_RUN, summarise
from psst_core.sweep.expand import expand
from support.recordings import analysed, run_of, summary_of
from support.sweeps import run_sweep

BAND = {"spectrum": [200.0, 600.0], "band": [10.0, 60.0], "background": 200.0}
LOCUST = Oscillation([200.0, 600.0], [10.0, 60.0], 200.0)
BROAD = Oscillation([200.0, 600.0], None, 200.0)
TIME = np.arange(2000) * 0.5
MEASURES = ("firing_rate", "active_share", "isi_cv", "isi_count", "synchrony")
MEASURES += ("dominant_frequency", "band_power", "band_ratio")


def usual(window=(0.0, 1000.0), duration=1000.0, **settings):
    return analysed(dict.fromkeys(USUAL), duration, window=window, **(BAND | settings))


def of_one(trains, duration=500.0):
    """The measures of one population in one run."""
    found = summary_of(dict.fromkeys(["rates", "intervals"]), [run_of({"p": trains}, duration)]).squeeze()
    return {name: found[name].item() for name in measures_of(found)}


def test_rates_and_intervals():
    found = of_one([[10.0, 20, 30, 40], [], [], [15, 35]])
    assert found["firing_rate"] == pytest.approx(6 / 4 / 0.5)
    assert found["active_share"] == 0.5
    assert found["isi_count"] == 4
    assert found["isi_cv"] == pytest.approx(0, abs=1e-12)


def test_variation_is_that_of_each_cell_not_between_cells():
    """A clock of 10 ms and one of 50 ms: each is regular, however different they are."""
    found = of_one([np.arange(1, 500, 10.0), np.arange(1, 500, 50.0)])
    assert found["isi_cv"] == pytest.approx(0, abs=1e-12)
    assert found["isi_count"] == 49 + 9


def test_a_poisson_train_varies_by_one_and_a_clock_by_none():
    random = np.random.default_rng(1)
    train = np.cumsum(random.exponential(2.0, 20_000))
    assert of_one([train], np.ceil(train[-1]))["isi_cv"] == pytest.approx(1, abs=0.02)
    assert of_one([np.arange(100.0)], 100.0)["isi_cv"] == pytest.approx(0, abs=1e-12)


def test_silence_is_undefined_not_zero():
    found = of_one([[]] * 5)
    assert found["firing_rate"] == found["active_share"] == found["isi_count"] == 0
    assert np.isnan(found["isi_cv"])


def test_synchrony_is_one_together_and_one_over_root_n_apart():
    random = np.random.default_rng(1)
    together = np.tile(random.standard_normal(4000), (100, 1))
    apart = random.standard_normal((100, 4000))
    assert synchrony(together.mean(axis=0), together.var(axis=1).mean()) == pytest.approx(1)
    assert synchrony(apart.mean(axis=0), apart.var(axis=1).mean()) == pytest.approx(0.1, rel=0.1)
    assert np.isnan(synchrony(np.zeros(100), np.zeros(())))


@pytest.mark.parametrize("frequency", [15.0, 30.0, 42.5])
def test_a_sine_on_a_trend_is_found_with_its_power(frequency):
    signal = -60 + 0.01 * TIME + 3 * np.sin(2 * np.pi * frequency * TIME / 1000)
    found = LOCUST.of_potential(signal, 0.5)
    assert found["dominant_frequency"] == pytest.approx(frequency, abs=2.5)
    assert found["band_power"] == pytest.approx(3**2 / 2, rel=0.02)
    assert found["band_ratio"] > 100


@pytest.mark.parametrize("frequency", [12.5, 42.5, 85.0, 120.0, 195.0])
def test_without_a_band_any_frequency_is_found(frequency):
    """From two periods in the stretch up to the background's end; no background is left outside."""
    signal = -60 + 0.01 * TIME + 3 * np.sin(2 * np.pi * frequency * TIME / 1000)
    found = BROAD.of_potential(signal, 0.5)
    assert found["dominant_frequency"] == pytest.approx(frequency, abs=1e-9)
    assert found["band_power"] == pytest.approx(3**2 / 2, rel=0.02) and np.isnan(found["band_ratio"])
    assert BROAD.limits(0.5) == (5.0, 200.0) and LOCUST.limits(0.5) == (10.0, 60.0)


@pytest.mark.parametrize("oscillation", [LOCUST, BROAD], ids=["10 to 60 Hz", "no band"])
@pytest.mark.parametrize("slope", ["falls", "rises"])
def test_a_slope_has_no_dominant_frequency(oscillation, slope):
    """It is largest at an end of whatever band is looked at; its power there is a number."""
    falling, rising = np.exp(-(TIME - 200) / 30), np.zeros(2000)
    rising[799:802] = 1, -2, 1
    found = oscillation.of_potential(falling if slope == "falls" else rising, 0.5)
    assert np.isnan(found["dominant_frequency"]) and found["band_power"] > 1e-9


def test_an_oscillation_outside_the_band_is_not_taken_for_its_edge():
    """The 32.5 Hz that a network at 85 Hz was said to have in the locust's band."""
    signal = -60 + 3 * np.sin(2 * np.pi * 70.0 * TIME / 1000)
    assert np.isnan(LOCUST.of_potential(signal, 0.5)["dominant_frequency"])


def test_a_stretch_too_short_for_two_periods_is_undefined():
    short = Oscillation([0.0, 8.0], None, 200.0)
    assert np.isnan(list(short.of_potential(np.sin(TIME), 0.5).values())).all()
    assert short.described(0.5)["band_power"].more == {}


def test_noise_has_no_ridge():
    signal = np.random.default_rng(1).standard_normal(2000)
    assert LOCUST.of_potential(signal, 0.5)["band_ratio"] == pytest.approx(1, abs=0.5)


def test_too_short_or_flat():
    assert np.isnan(list(LOCUST.of_potential(np.zeros(400), 0.5).values())).all()
    flat = LOCUST.of_potential(np.full(2000, -60.0), 0.5)
    assert flat["band_power"] == pytest.approx(0, abs=1e-20) and np.isnan(flat["dominant_frequency"])
    narrow = Oscillation([200.0, 600.0], [11.0, 12.0], 200.0).of_potential(np.arange(2000.0), 0.5)
    assert np.isnan(list(narrow.values())).all()


def made_up(runs, sizes, spikes, duration=1000.0, interval=0.5, seed=1):
    """A chunk's content: some runs silent, some flat, every seventh diverged."""
    random = np.random.default_rng(seed)
    cells, times = sum(sizes), np.arange(round(duration / interval)) * interval
    status = np.where(np.arange(runs) % 7 == 6, STATUS["diverged"], STATUS["ok"]).astype("i1")
    waves = 3 * np.sin(times * random.uniform(0.05, 0.4, (runs, len(sizes), 1))) + random.normal(
        size=(runs, len(sizes), len(times))
    )
    waves[::5] = -60.0
    waves[status > 0, :, len(times) // 2 :] = np.nan
    variance = random.uniform(1, 9, (runs, cells)) * (np.arange(runs) % 5 > 0)[:, None]
    variance[status > 0] = np.nan
    run = random.integers(0, runs, spikes)
    kept = run % 3 > 0
    label = np.arange(runs)
    return xr.Dataset(
        {
            "population_size": ("population", np.array(sizes)),
            "spike_time": ("spike", np.round(random.uniform(0, duration, spikes), 2)[kept]),
            "spike_cell": ("spike", random.integers(0, cells, spikes)[kept]),
            "spike_run": ("spike", run[kept]),
            "mean_potential": (("run", "population", "time"), waves.astype("f4")),
            "potential_variance": (("run", "cell"), variance),
            "status": ("run", status),
            "network": ("run", label),
            "trial": ("run", label),
        }
        | {name: ("run", label) for name in PER_RUN if name != "status"},
        {"time": times, "population": [f"p{i}" for i in range(len(sizes))]},
    )


def one_by_one(chunk, window):
    """What PSST computed before it took all runs at once."""
    sizes = chunk["population_size"].values
    edges = np.cumsum([0, *sizes])
    time, cell, run = (chunk[name].values for name in ("spike_time", "spike_cell", "spike_run"))
    inside = (time > window[0]) & (time <= window[1])
    sampled = (chunk["time"].values >= window[0]) & (chunk["time"].values < window[1])
    shape = (chunk.sizes["run"], len(sizes))
    values = {name: np.full(shape, np.nan) for name in MEASURES}
    for i, j in np.ndindex(shape):
        if chunk["status"].values[i] != STATUS["ok"]:
            continue
        mine = inside & (run == i) & (cell >= edges[j]) & (cell < edges[j + 1])
        trains = [np.sort(time[mine & (cell == number)]) for number in np.unique(cell[mine])]
        intervals = [np.diff(train) for train in trains]
        cvs = [np.std(train, ddof=1) / np.mean(train) for train in intervals if len(train) >= 3]
        values["firing_rate"][i, j] = mine.sum() / sizes[j] / (1e-3 * (window[1] - window[0]))
        values["active_share"][i, j] = len(trains) / sizes[j]
        values["isi_count"][i, j] = sum(map(len, intervals))
        values["isi_cv"][i, j] = np.mean(cvs) if cvs else np.nan
        potential = chunk["mean_potential"].values[i, j]
        variance = np.mean(chunk["potential_variance"].values[i, edges[j] : edges[j + 1]])
        if variance > 1e-6:
            values["synchrony"][i, j] = np.sqrt(np.var(potential[sampled].astype(float)) / variance)
        part = signal.detrend(potential[400:1200].astype(float))
        frequency, density = signal.periodogram(part, fs=2000.0, window="hann", detrend=False)
        band = (frequency >= 10) & (frequency <= 60)
        outside = ~band & (frequency > 0) & (frequency <= 200)
        values["band_power"][i, j] = power = density[band].sum() * frequency[1]
        if power > 1e-9:
            at = density[band].argmax()
            inner = 0 < at < band.sum() - 1
            values["dominant_frequency"][i, j] = frequency[band][at] if inner else np.nan
            values["band_ratio"][i, j] = density[band].mean() / density[outside].mean()
    return values


@pytest.mark.parametrize(("runs", "sizes"), [(1, [3]), (40, [6, 2]), (23, [1])])
def test_all_runs_at_once_are_as_one_by_one(runs, sizes, monkeypatch):
    monkeypatch.setattr("psst_core.measures.recordings.BLOCK", 2000 * 5)
    chunk = made_up(runs, sizes, 20 * runs * sum(sizes))
    found, expected = summarise(chunk, usual((100.0, 1000.0))), one_by_one(chunk, (100.0, 1000.0))
    for name in MEASURES:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-15, err_msg=name)
    assert list(found["population"].values) == [f"p{i}" for i in range(len(sizes))]


def test_a_measure_is_there_where_its_run_is_ok_and_it_means_something():
    found = summarise(made_up(70, [6, 2], 2000), usual((100.0, 600.0)))
    ok = found["status"] == STATUS["ok"]
    assert measures_of(found) == ["firing_rate", "active_share", "isi_cv", "isi_count", *MEASURES[4:]]
    for name in MEASURES:
        assert found[name].where(~ok).isnull().all(), name
    for name in ("firing_rate", "active_share", "isi_count", "band_power"):
        assert (found[name].notnull() == ok).all(), name
    assert (found["isi_cv"].isnull() & ok).any() and (found["dominant_frequency"].isnull() & ok).any()


def test_cells_that_fire_together_at_85_hz(tmp_path):
    """Seventeen spikes in 200 ms, as published: the band is the network's, in the cube's attributes and on axes."""
    overrides = "run.duration=500 recorder.window=[100,500] recorder.variables.hh=[] analysis.spectrum=[100,500] "
    results = run_sweep(tmp_path, "action_potential", overrides + "stimulus.amplitude=10 network.size=2")
    cube = results.cube.squeeze()
    assert cube["firing_rate"] == pytest.approx(85, abs=2.5)
    assert cube["dominant_frequency"] == pytest.approx(85, abs=2.5) and cube["band_power"] > 100
    assert [name for name in measures_of(cube) if cube[name].isnull()] == ["band_ratio"]
    assert label(cube["band_power"]) == "oscillation power, 5–200 Hz (mV²)"
    assert cube["dominant_frequency"].attrs["band"].tolist() == [5, 200]


def test_the_locusts_band_comes_with_its_network(tmp_path, monkeypatch):
    (tmp_path / "conf" / "network").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf/network/calm.yaml").write_text("defaults: [locust_al]\nach: 0.5\n")
    plain = (CONF / "network/locust_al.yaml").read_text().replace("band: [10.0, 60.0]", "band: null")
    (tmp_path / "conf/network/broad.yaml").write_text(plain)

    def found(experiment, *overrides):
        return expand(experiment, overrides).config["analysis"]["band"]

    for experiment in ("antennal_lobe", "locust_coupling", "locust_oscillation", "long_run"):
        assert found(experiment) == [10, 60]
    assert found("coba_hh", "network=locust_al", "run.dt=0.01") == found("antennal_lobe", "network=calm") == [10, 60]
    assert found("coba_hh") is found("noisy_cells") is found("long_run", "network=hodgkin_huxley") is None
    assert found("coba_hh", "analysis.band=[50,150]") == [50, 150]
    assert found("antennal_lobe", "analysis.band=null") is None
    with pytest.raises(PsstError, match=r"analysis.band: .* say None and \[10.0, 60.0\]; give one"):
        found("antennal_lobe", "network=calm,broad")
    assert found("antennal_lobe", "network=calm,broad", "analysis.band=[10,60]") == [10, 60]


def test_what_ends_after_the_run_is_undefined_and_not_cut_off():
    """Of 1000 ms; each of the two alone."""
    chunk = made_up(40, [6, 2], 4000)
    spectral = {"dominant_frequency", "band_power", "band_ratio"}
    whole = summarise(chunk, usual((100.0, 1000.0)))
    for window, stretch, lost in [
        ((100.0, 1000.5), [200.0, 600.0], {*MEASURES} - spectral),
        ((100.0, 1000.0), [200.0, 1000.5], spectral),
    ]:
        found = summarise(chunk, usual(window, spectrum=stretch))
        for name in MEASURES:
            if name in lost:
                assert found[name].isnull().all(), name
            else:
                np.testing.assert_array_equal(found[name], whole[name], err_msg=name)


def test_a_hundred_times_as_many_runs_take_no_more_calls():
    """All runs of a chunk are summarised together, by functions of arrays."""

    def calls(runs):
        chunk, counted = made_up(runs, [1], 10 * runs, duration=200.0), [0]
        config = usual((0.0, 200.0), 200.0, spectrum=[0.0, 200.0])

        def count(frame, event, argument):
            counted[0] += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            summarise(chunk, config)
        finally:
            sys.setprofile(None)
        return counted[0]

    calls(50)
    assert calls(5000) < 1.1 * calls(50)
