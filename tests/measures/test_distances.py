"""Distances of spike trains whose values are known."""

import numpy as np
import pytest

from support.recordings import value_of

DISTANCES = ("spike_distance", "van_rossum")


@pytest.mark.parametrize("name", DISTANCES)
def test_equal_trains_are_at_no_distance(name):
    train = [10.0, 30.0, 35.0, 99.0, 100.0]
    assert value_of(name, {"p": [train] * 3}, 100.0) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", DISTANCES)
def test_one_cell_and_silence_have_no_distance(name):
    assert np.isnan(value_of(name, {"one": [[5.0]], "silent": [[], []]})).all()


def test_one_spike_more_is_a_van_rossum_distance_of_one():
    assert value_of("van_rossum", {"p": [[50.0], []]}) == pytest.approx(1)
    assert value_of("van_rossum", {"p": [[50.0, 400.0], [50.0]]}) == pytest.approx(1)
    assert value_of("van_rossum", {"p": [[50.0], [57.0]]}, tau=10.0) == pytest.approx(np.sqrt(2 - 2 * np.exp(-0.7)))


def test_the_van_rossum_distance_is_that_of_filtered_trains():
    """Integrated on a fine grid."""
    random, tau, step = np.random.default_rng(1), 12.0, 0.01
    trains = [np.sort(random.integers(1, 20_000, number)) * step for number in (4, 9, 0)]
    grid = np.arange(0, 500, step)
    filtered = [sum([(grid >= t) * np.exp(-(grid - t) / tau) for t in train], np.zeros(len(grid))) for train in trains]
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = [np.sqrt(2 / tau * step * ((filtered[a] - filtered[b]) ** 2).sum()) for a, b in pairs]
    assert value_of("van_rossum", {"p": trains}, 200.0, tau=tau) == pytest.approx(np.mean(expected), rel=1e-3)


def test_the_spike_distance_of_two_spikes():
    """At 40 and 60 of 100 ms. S is constant in each of three parts: intervals of 40 and 60, 60 and 60, 60 and 40 ms."""
    outer = 2 * (20 * 60 + 20 * 40) / 100**2
    inner = 2 * (20 * 60 + 20 * 60) / 120**2
    expected = 0.4 * outer + 0.2 * inner + 0.4 * outer
    assert value_of("spike_distance", {"p": [[40.0], [60.0]]}, 100.0) == pytest.approx(expected)


def test_the_spike_distance_sees_only_the_window():
    cells = [[40.0], [60.0]]
    later = {"p": [np.array(train) + 500 for train in cells]}
    found = value_of("spike_distance", later, 1000.0, window=[500.0, 600.0])
    assert found == pytest.approx(value_of("spike_distance", {"p": cells}, 100.0))


def test_the_spike_distance_does_not_change_with_the_scale_of_time():
    random = np.random.default_rng(2)
    cells = [np.sort(random.uniform(0, 100, 8)) for _ in range(4)]
    found = value_of("spike_distance", {"p": cells}, 100.0)
    assert value_of("spike_distance", {"p": [7 * train for train in cells]}, 700.0) == pytest.approx(found)


def test_poisson_trains_are_about_03_apart():
    random = np.random.default_rng(3)
    cells = [np.sort(random.uniform(0, 1000, 200)) for _ in range(12)]
    assert value_of("spike_distance", {"p": cells}) == pytest.approx(0.295, abs=0.01)
