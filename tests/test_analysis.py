"""Measures on signals whose values are known."""

import numpy as np
import pytest

from psst_core.analysis import spectral_measures, spike_measures, synchrony

ANALYSIS = {"spectrum": [200.0, 600.0], "band": [10.0, 60.0], "background": 200.0}
TIME = np.arange(2000) * 0.5


def test_rates_and_intervals():
    time = np.array([10.0, 20, 30, 40, 15, 35])
    cell = np.array([0, 0, 0, 0, 3, 3])
    found = spike_measures(time, cell, 4, 500.0)
    assert found["firing_rate"] == pytest.approx(6 / 4 / 0.5)
    assert found["active_share"] == 0.5
    assert found["isi_count"] == 4
    assert found["isi_cv"] == pytest.approx(0, abs=1e-12)


def test_variation_is_that_of_each_cell_not_between_cells():
    """A clock of 10 ms and one of 50 ms: each is regular, however different they are."""
    fast, slow = np.arange(0, 500, 10.0), np.arange(0, 500, 50.0)
    cell = np.repeat([0, 1], [len(fast), len(slow)])
    found = spike_measures(np.concatenate([fast, slow]), cell, 2, 500.0)
    assert found["isi_cv"] == pytest.approx(0, abs=1e-12)
    assert found["isi_count"] == 49 + 9


def test_a_poisson_train_varies_by_one_and_a_clock_by_none():
    random = np.random.default_rng(1)
    train = np.cumsum(random.exponential(20.0, 20_000))
    assert spike_measures(train, np.zeros(20_000, int), 1, train[-1])["isi_cv"] == pytest.approx(1, abs=0.02)
    assert spike_measures(np.arange(100.0), np.zeros(100, int), 1, 100.0)["isi_cv"] == pytest.approx(0, abs=1e-12)


def test_silence_is_undefined_not_zero():
    found = spike_measures(np.zeros(0), np.zeros(0, int), 5, 500.0)
    assert found["firing_rate"] == found["active_share"] == found["isi_count"] == 0
    assert np.isnan(found["isi_cv"])
    assert spike_measures(np.zeros(0), np.zeros(0, int), 5, 0.0) == {}


def test_synchrony_is_one_together_and_one_over_root_n_apart():
    random = np.random.default_rng(1)
    together = np.tile(random.standard_normal(4000), (100, 1))
    apart = random.standard_normal((100, 4000))
    assert synchrony(together.mean(axis=0), together.var(axis=1)) == pytest.approx(1)
    assert synchrony(apart.mean(axis=0), apart.var(axis=1)) == pytest.approx(0.1, rel=0.1)
    assert np.isnan(synchrony(np.zeros(100), np.zeros(5)))


@pytest.mark.parametrize("frequency", [15.0, 30.0, 42.5])
def test_a_sine_on_a_trend_is_found_with_its_power(frequency):
    signal = -60 + 0.01 * TIME + 3 * np.sin(2 * np.pi * frequency * TIME / 1000)
    found = spectral_measures(signal, 0.5, ANALYSIS)
    assert found["dominant_frequency"] == pytest.approx(frequency, abs=2.5)
    assert found["band_power"] == pytest.approx(3**2 / 2, rel=0.02)
    assert found["band_ratio"] > 100


def test_noise_has_no_ridge():
    signal = np.random.default_rng(1).standard_normal(2000)
    assert spectral_measures(signal, 0.5, ANALYSIS)["band_ratio"] == pytest.approx(1, abs=0.5)


def test_too_short_or_flat():
    assert spectral_measures(np.zeros(400), 0.5, ANALYSIS) == {}
    flat = spectral_measures(np.full(2000, -60.0), 0.5, ANALYSIS)
    assert flat["band_power"] == pytest.approx(0, abs=1e-20) and "dominant_frequency" not in flat
    assert spectral_measures(np.arange(2000.0), 0.5, ANALYSIS | {"band": [11.0, 12.0]}) == {}
