"""Measures of spike counts in bins, on trains whose values are known."""

import numpy as np
import pytest
from scipy import signal

from support.recordings import value_of

ON_EDGES = [0.0, 10.0, 20.0, 100.0]  # the begin of the window, two edges between bins, and its end


def poisson(random, cells, rate=40.0, duration=1000.0):
    return [np.sort(random.uniform(0, duration, random.poisson(rate * duration / 1e3))) for _ in range(cells)]


def test_a_clock_has_no_variance_and_a_cell_that_stops_has():
    assert value_of("fano", {"p": [np.arange(5, 1000, 10.0)]}, bin=50.0) == [0]
    # 2, 2, 0, 0 spikes: mean 1, variance 4/3
    assert value_of("fano", {"p": [[1, 2, 30, 40]]}, 100.0, bin=25.0) == pytest.approx(4 / 3)


def test_a_poisson_process_has_a_fano_factor_of_one():
    assert value_of("fano", {"p": poisson(np.random.default_rng(1), 400)}, bin=20.0) == pytest.approx(1, abs=0.02)


def test_the_fano_factor_is_a_mean_over_cells_that_fire():
    cells = [[1, 2, 30, 40], [], [10, 35, 60, 85]]
    assert value_of("fano", {"p": cells, "silent": [[]]}, 100.0, bin=25.0) == pytest.approx(
        [2 / 3, np.nan], nan_ok=True
    )


def test_a_spike_at_an_edge_belongs_to_the_bin_that_ends_there():
    """Of three, as the first one comes with the window's begin: in bins 1, 2 and 10 of 10."""
    counts = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 1])
    assert value_of("fano", {"p": [ON_EDGES]}, 100.0, bin=10.0) == pytest.approx(counts.var(ddof=1) / counts.mean())
    steps = np.arange(1, 1001) * 0.1  # sums of tenths, which floating-point numbers miss
    assert value_of("fano", {"p": [np.cumsum(np.full(1000, 0.1)), steps]}, 100.0, bin=0.1) == pytest.approx(
        0, abs=1e-12
    )


def test_what_follows_the_last_whole_bin_is_left_out():
    assert value_of("fano", {"p": [[10, 35, 65, 95, 96, 97]]}, 100.0, bin=30.0) == pytest.approx(0)
    assert np.isnan(value_of("fano", {"p": [[95.0]]}, 100.0, bin=30.0))


def test_cells_that_fire_together_are_correlated_and_by_turns_the_opposite():
    early, late = [10, 20, 30], [110, 120, 130]
    both = value_of("count_correlation", {"a": [early, early], "b": [late], "silent": [[], []]}, 200.0, bin=100.0)
    assert both[:2, :2] == pytest.approx(np.array([[1, -1], [-1, np.nan]]), nan_ok=True)
    assert np.isnan(both[2]).all() and np.isnan(both[:, 2]).all()


def test_the_correlation_of_counts_is_a_mean_over_pairs():
    random = np.random.default_rng(2)
    shared = poisson(random, 1)[0]
    cells = [np.concatenate([train, shared]) for train in poisson(random, 5)]
    found = value_of("count_correlation", {"a": [*cells[:3], []], "b": cells[3:]}, bin=20.0)
    counts = np.array([np.histogram(train, np.arange(0, 1001, 20))[0] for train in cells])
    rho = np.corrcoef(counts)
    assert found[0, 0] == pytest.approx(rho[np.triu_indices(3, 1)].mean())
    assert found[0, 1] == found[1, 0] == pytest.approx(rho[:3, 3:].mean())
    assert found[1, 1] == pytest.approx(rho[3, 4])


def test_a_cell_that_always_fires_alike_has_no_correlation():
    clock = np.arange(5, 1000, 10.0)
    assert np.isnan(value_of("count_correlation", {"p": [clock, clock, [3.0]]}, bin=20.0)).all()


def test_a_follower_is_seen_at_its_delay():
    lead = np.array([50.5, 250.5, 450.5, 650.5])
    found = value_of("cross_correlation", {"a": [lead], "b": [lead + 7]}, bin=1.0, longest=10.0)
    assert np.isnan(found[[0, 1], [0, 1]]).all(), "one cell alone has no pair"
    assert np.flatnonzero(found[0, 1]) == [17] and np.flatnonzero(found[1, 0]) == [3]
    assert found[0, 1, 17] == pytest.approx(4 / (4 * 4 * 993 / 1000**2))


def test_independent_cells_are_at_chance_at_every_lag_and_near_the_ends():
    random = np.random.default_rng(3)
    cells = {"a": poisson(random, 2000), "b": poisson(random, 1000)}
    found = value_of("cross_correlation", cells, bin=50.0, longest=800.0)
    assert found == pytest.approx(np.ones((2, 2, 33)), abs=0.03)


def test_a_cell_is_no_pair_with_itself():
    cells = {"p": [[10.5, 20.5], []], "q": [[10.5], [20.5]]}
    found = value_of("cross_correlation", cells, 100.0, bin=1.0, longest=10.0)
    assert np.isnan(found[0, 0]).all()
    assert np.flatnonzero(found[1, 1]).tolist() == [0, 20]


def test_lags_longer_than_the_window_are_undefined():
    found = value_of("cross_correlation", {"p": [[0.5], [1.5]]}, 4.0, bin=1.0, longest=5.0)
    assert np.isnan(found[0, 0]).tolist() == [True, True, *[False] * 7, True, True]
    found = value_of("autocorrelation", {"p": [[0.5]]}, 4.0, bin=1.0, longest=5.0)
    assert np.isnan(found[0]).tolist() == [False] * 4 + [True] * 2


def test_a_rhythm_returns_at_its_period():
    found = value_of("autocorrelation", {"p": [np.arange(5.5, 1000, 20.0)] * 3, "silent": [[]]}, bin=1.0, longest=50.0)
    assert found[0, 0] == 1 and found[0, 20] > 0.9 and found[0, 40] > 0.9 and found[0, 10] < 0
    assert np.isnan(found[1]).all()


def test_the_autocorrelation_is_scipys():
    trains = poisson(np.random.default_rng(4), 8)
    counts = np.histogram(np.concatenate(trains), np.arange(0, 1001, 2))[0]
    full = signal.correlate(counts - counts.mean(), counts - counts.mean())[499:550]
    assert value_of("autocorrelation", {"p": trains}, bin=2.0, longest=100.0)[0] == pytest.approx(full / full[0])


def test_equal_trains_are_coherent_and_trains_by_turns_are_not():
    train = np.arange(20, 1000, 30.0)
    assert value_of("kappa", {"p": [train, train, []]}) == pytest.approx(1)
    assert value_of("kappa", {"p": [train, train + 15]}) == pytest.approx(0)


def test_bins_are_a_share_of_the_mean_period_of_the_cells_that_fire():
    """Two cells fire every 40 ms, 3 ms apart; the first spikes at 42 and 45 ms. Bins of 4 ms, then of 1 ms."""
    first = np.arange(42, 1000, 40.0)[:25]
    cells = [first, first + 3, []]
    period = 1000 / len(first)
    counts = [np.unique(np.ceil(train / (0.1 * period)).astype(int)) for train in cells[:2]]
    shared = len(np.intersect1d(*counts)) / np.sqrt(len(counts[0]) * len(counts[1]))
    assert value_of("kappa", {"p": cells}) == pytest.approx(shared)
    assert value_of("kappa", {"p": cells}, bin=1.0) == pytest.approx(0)
    assert value_of("kappa", {"p": cells}, bin=50.0) > 0.5


def test_a_bin_with_two_spikes_counts_once():
    assert value_of("kappa", {"p": [[1, 2, 3], [1]]}, bin=10.0) == pytest.approx(1)
    assert value_of("kappa", {"p": [[5, 15], [5]]}, bin=10.0) == pytest.approx(1 / np.sqrt(2))


def test_coherence_needs_two_cells_that_fire():
    assert np.isnan(value_of("kappa", {"p": [[1.0, 5.0], []], "one": [[3.0]], "silent": [[], []]})).all()


def test_coherence_is_a_mean_over_pairs():
    trains = poisson(np.random.default_rng(5), 6)
    fires = np.array([np.histogram(train, np.arange(0, 1001, 5))[0] > 0 for train in trains])
    pairs = [(a & b).sum() / np.sqrt(a.sum() * b.sum()) for n, a in enumerate(fires) for b in fires[:n]]
    assert value_of("kappa", {"p": trains}, bin=5.0) == pytest.approx(np.mean(pairs))
