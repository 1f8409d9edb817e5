"""Measures of the trains of single cells, on trains whose values are known."""

import numpy as np
import pytest

from support.recordings import value_of


def test_successive_intervals():
    """10, 20 and 10 ms: both changes are a third of their sum."""
    found = value_of("local_variation", {"p": [[10, 20, 40, 50]]})
    assert found["cv2"] == pytest.approx(2 / 3) and found["lv"] == pytest.approx(1 / 3)


def test_a_clock_does_not_vary_and_a_poisson_process_does_by_one():
    clock = value_of("local_variation", {"p": [np.arange(5, 1000, 10.0)]})
    assert clock["cv2"] == pytest.approx(0, abs=1e-9) and clock["lv"] == pytest.approx(0, abs=1e-9)
    train = np.cumsum(np.random.default_rng(1).exponential(1.0, 20_000))
    found = value_of("local_variation", {"p": [train]}, np.ceil(train[-1]))
    assert found["cv2"] == pytest.approx(1, abs=0.02) and found["lv"] == pytest.approx(1, abs=0.03)


def test_a_slow_change_of_the_rate_is_no_local_variation():
    train = np.cumsum(np.linspace(5, 50, 30))
    found = value_of("local_variation", {"p": [train]})
    assert found["cv2"] < 0.1 and value_of("intervals", {"p": [train]})["isi_cv"] > 0.4


@pytest.mark.parametrize("train", [[], [5.0], [5.0, 8.0], [5.0, 8.0, 9.0]])
def test_too_few_intervals(train):
    """At most two; those of the second cell do not follow on those of the first one."""
    found = value_of("local_variation", {"p": [train, train]}, least=3)
    assert np.isnan(found["cv2"]).all() and np.isnan(found["lv"]).all()
    two = value_of("local_variation", {"p": [train, train]}, least=2)
    assert np.isnan(two["cv2"]).all() == (len(train) < 3)


def test_spikes_at_one_time_have_no_interval_that_could_vary():
    found = value_of("local_variation", {"p": [[5.0, 5.0, 5.0, 5.0]]})
    assert found["cv2"] == found["lv"] == 0


def one_by_one(train, gap, least):
    """The bursts of a train, spike by spike."""
    bursts, now = [], []
    for time in train:
        if now and time - now[-1] > gap:
            bursts.append(now)
            now = []
        now.append(time)
    return [burst for burst in [*bursts, now] if len(burst) >= least]


def test_bursts():
    """Three spikes in 8 ms and four in 9 ms; a pair and a single spike are none; 10 ms are within the gap."""
    train = [10, 14, 18, 100, 105, 200, 300, 303, 306, 309, 319]
    found = value_of("bursts", {"p": [train, []]}, gap=10.0, least=3)
    assert found["burst_rate"] == pytest.approx(1)
    assert found["burst_spikes"] == pytest.approx(4) and found["burst_duration"] == pytest.approx((8 + 19) / 2)
    assert found["burst_share"] == pytest.approx(8 / 11)


@pytest.mark.parametrize("trains", [[[]], [[5.0]], [[5.0], [6.0], [7.0]], [[1, 100, 200]]])
def test_without_bursts(trains):
    """Spikes of three cells are no burst."""
    found = value_of("bursts", {"p": trains})
    assert found["burst_rate"] == 0
    assert np.isnan(found["burst_spikes"]).all() and np.isnan(found["burst_duration"]).all()
    assert found["burst_share"] == pytest.approx(0 if any(map(len, trains)) else np.nan, nan_ok=True)


def test_a_window_cuts_a_burst():
    found = value_of("bursts", {"p": [[8.0, 9.0, 10.0, 11.0, 12.0]]}, window=[9.0, 11.0], least=2)
    assert found["burst_spikes"] == 2 and found["burst_duration"] == 1 and found["burst_share"] == 1


def test_bursts_are_those_found_spike_by_spike():
    random = np.random.default_rng(6)
    trains = [np.round(np.sort(random.uniform(0, 1000, 80)), 1) for _ in range(7)]
    found = value_of("bursts", {"a": trains[:4], "b": trains[4:]}, gap=8.0, least=3)
    for place, part in enumerate((trains[:4], trains[4:])):
        bursts = [burst for train in part for burst in one_by_one(train, 8.0 + 1e-9, 3)]
        assert found["burst_rate"][place] == pytest.approx(len(bursts) / len(part))
        assert found["burst_spikes"][place] == pytest.approx(np.mean([len(burst) for burst in bursts]))
        assert found["burst_duration"][place] == pytest.approx(np.mean([burst[-1] - burst[0] for burst in bursts]))
        assert found["burst_share"][place] == pytest.approx(sum(map(len, bursts)) / sum(map(len, part)))


def test_first_spikes():
    found = value_of("latency", {"p": [[50.0, 130.0, 140.0], [150.0], [20.0], []], "silent": [[]]}, onset=100.0)
    assert found["latency"] == pytest.approx([40, np.nan], nan_ok=True)
    assert found["shortest_latency"] == pytest.approx([30, np.nan], nan_ok=True)


def test_a_spike_at_the_onset_is_none_after_it_and_one_at_the_end_is():
    found = value_of("latency", {"p": [[10.0, 90.0]]}, 100.0, window=[10.0, 90.0])
    assert found["latency"] == found["shortest_latency"] == 80
    assert np.isnan(value_of("latency", {"p": [[10.0]]}, 100.0, window=[10.0, 90.0])["latency"]).all()


def test_rates_of_cells():
    found = value_of("cell_rates", {"a": [[1.0, 2.0], []], "b": [[3.0, 500.0, 600.0]]}, window=[1.0, 501.0])
    assert found == pytest.approx([2, 0, 4])


def test_the_population_vector_points_to_the_bump():
    ring = [[]] * 8
    one = ring.copy()
    one[2] = [1.0, 2.0]
    found = value_of("population_vector", {"a": one, "silent": ring, "b": [[5.0]] * 8, "alone": [[1.0]]})
    assert found["vector_length"] == pytest.approx([1, np.nan, 0, 1], nan_ok=True, abs=1e-12)
    assert found["vector_angle"][[0, 3]] == pytest.approx([np.pi / 2, 0]) and np.isnan(found["vector_angle"][1])


def test_the_population_vector_is_a_sum_over_cells():
    random = np.random.default_rng(7)
    trains = [random.uniform(0, 1000, number) for number in random.integers(0, 9, 12)]
    found = value_of("population_vector", {"other": [[4.0]] * 3, "p": trains})
    rates = np.array([len(train) for train in trains])
    vector = (rates * np.exp(2j * np.pi * np.arange(12) / 12)).sum() / rates.sum()
    assert found["vector_length"][1] == pytest.approx(abs(vector))
    assert found["vector_angle"][1] == pytest.approx(np.angle(vector))
