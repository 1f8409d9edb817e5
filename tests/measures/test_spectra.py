"""Measures of the mean potential's spectrum and phase, on potentials whose values are known."""

import numpy as np
import pytest
from scipy import signal

from psst_core.attributes import measures_of
from psst_core.results.summary import summarise
from support.recordings import analysed, chunk_of, run_of, summary_of

TIME = np.arange(2000) * 0.5


def run_with(potentials, trains):
    """A run of one population for each potential, with these spikes."""
    run = run_of({f"p{number}": cells for number, cells in enumerate(trains)})
    run.mean_potential.values[:] = potentials
    return run


def wave(frequency, phase=0.0):
    return -60 + 3 * np.cos(2 * np.pi * frequency * TIME / 1000 + phase)


def test_the_spectrum_is_scipys_and_its_sum_the_variance():
    potential = wave(45.0) + np.random.default_rng(1).standard_normal(2000)
    run = run_with([potential], [[[]]])
    found = summary_of({"spectrum": {"segment": 200.0, "window": [100.0, 1000.0]}}, [run])
    frequency, density = signal.welch(potential[200:], 2000.0, "hann", 400, detrend="linear")
    kept = frequency <= 200
    np.testing.assert_allclose(found["spectrum_frequency"], frequency[kept])
    np.testing.assert_allclose(found["spectrum"][0, 0], density[kept], rtol=1e-9)
    assert found["spectrum_frequency"].attrs["units"] == "Hz" and found["spectrum"].attrs["units"] == "mV^2/Hz"
    assert frequency[density.argmax()] == 45
    whole = summary_of({"spectrum": {"segment": 200.0, "background": 1000.0}}, [run])["spectrum"][0, 0]
    assert whole.sum() * 5 == pytest.approx(np.var(potential[400:1200]), rel=0.1)


def test_the_spectrogram_is_scipys_and_its_mean_the_spectrum():
    chirp = signal.chirp(TIME / 1000, 20.0, 1.0, 120.0)
    measures = {"spectrogram": {"segment": 101.0, "window": [0.0, 990.0]}}
    found = summary_of(measures | {"spectrum": measures["spectrogram"]}, [run_with([chirp], [[[]]])])
    frequency, time, density = signal.spectrogram(chirp[:1980], 2000.0, "hann", 202, 101, detrend="linear")
    kept = frequency <= 200
    np.testing.assert_allclose(found["spectrogram_time"], 1000 * time)
    np.testing.assert_allclose(found["spectrogram"][0, 0], density[kept], rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(found["spectrogram"].mean("spectrogram_time")[0, 0], found["spectrum"][0, 0])
    peaks = frequency[kept][found["spectrogram"][0, 0].argmax("spectrogram_frequency")]
    assert np.abs(peaks - (20 + time * 100)).max() < 10


def test_a_flat_potential_has_no_power():
    found = summary_of({"spectrum": {}, "spectrogram": {}}, [run_with([np.full(2000, -60.0)], [[[5.0]]])])
    assert float(abs(found["spectrum"]).max()) < 1e-20 and float(abs(found["spectrogram"]).max()) < 1e-20


@pytest.mark.parametrize("name", ["spectrum", "spectrogram"])
def test_a_segment_longer_than_the_window_is_undefined(name):
    found = summary_of({name: {"segment": 200.0, "window": [0.0, 150.0]}}, [run_with([wave(45.0)], [[[5.0]]])])
    assert found[name].isnull().all()


def locking(run, **parameters):
    found = summary_of({"phase_locking": {"window": [0.0, 1000.0]} | parameters}, [run]).isel(run=0)
    return found["vector_strength"].values, found["mean_phase"].values


def test_spikes_at_one_phase_of_a_frequency():
    clock, half = np.arange(5, 1000, 25.0), np.arange(5, 1000, 12.5)
    strength, phase = locking(run_with(np.zeros((3, 2000)), [[clock, clock], [half], [[]]]), frequency=40.0)
    assert strength == pytest.approx([1, 0, np.nan], nan_ok=True, abs=1e-9)
    assert phase[0] == pytest.approx(2 * np.pi * 5 / 25) and np.isnan(phase[2])


def test_the_vector_strength_is_scipys():
    cells = [np.random.default_rng(number).uniform(0, 1000, 9) for number in range(3)]
    strength, phase = locking(run_with(np.zeros((1, 2000)), [cells]), frequency=7.0)
    expected = signal.vectorstrength(np.concatenate(cells), 1000 / 7.0)
    assert strength == pytest.approx(expected[0]) and phase == pytest.approx(expected[1])


@pytest.mark.parametrize("shift", [0.0, 1.0, -2.0])
def test_spikes_follow_the_phase_of_their_own_potential(shift):
    """Fast noise outside the band and a trend do not count; spikes lie between samples."""
    potential = wave(25.0, shift) + 0.01 * TIME + 5 * np.cos(2 * np.pi * 90 * TIME / 1000)
    spikes = np.arange(200.2, 800, 40.0)
    run = run_with([potential, np.zeros(2000)], [[spikes], [spikes]])
    strength, phase = locking(run, band=[15.0, 40.0])
    assert strength[0] == pytest.approx(1, abs=1e-3) and np.isnan(strength[1]) and np.isnan(phase[1])
    assert phase[0] == pytest.approx(shift + 2 * np.pi * 0.2 / 40, abs=0.05)


def test_the_phase_is_that_of_scipys_analytic_signal():
    random = np.random.default_rng(4)
    potential, spikes = random.standard_normal(2000).cumsum(), np.sort(random.integers(1, 1999, 30)) * 0.5
    strength, phase = locking(run_with([potential], [[spikes]]), band=[10.0, 60.0])
    spectrum, frequency = np.fft.rfft(signal.detrend(potential)), np.fft.rfftfreq(2000, 0.0005)
    band = np.fft.irfft(spectrum * ((frequency >= 10) & (frequency <= 60)))
    mean = np.exp(1j * np.angle(signal.hilbert(band)[np.round(spikes / 0.5).astype(int)])).mean()
    assert strength == pytest.approx(abs(mean)) and phase == pytest.approx(np.angle(mean))


def test_a_spike_after_the_last_sample_has_the_phase_there():
    strength, _ = locking(run_with([wave(25.0)], [[[999.9], [1000.0]]]), band=[15.0, 40.0])
    assert strength == pytest.approx(1)


def test_without_frequency_and_band_it_has_no_phase():
    found = summarise(chunk_of([run_with([wave(25.0)], [[[5.0]]])]), analysed({"phase_locking": {}}, band=None))
    assert all(found[name].isnull().all() for name in measures_of(found))
