"""Counter-based random numbers: the published ones, and functions of key, cell and index alone."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from psst_core import tf
from psst_core.model.noise.poisson import count
from psst_core.model.streams import Stream, key, threefry

# Random123's known answers for Threefry-2x32 with 20 rounds: key, counter, result.
KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


def stream(runs, cells=50, dtype="float64", purpose="noise:hh.noise"):
    keys = np.stack([key(1, purpose, 0, trial) for trial in runs], axis=-1)
    return Stream(tf.constant(keys), cells, dtype)


@pytest.mark.parametrize("keys,counter,expected", KNOWN)
def test_threefry_gives_the_known_answers(keys, counter, expected):
    words = [tf.constant(word, tf.uint32) for word in counter]
    assert tuple(int(word) for word in threefry(tf.constant(keys, tf.uint32), *words)) == expected


def test_a_run_has_its_numbers_in_any_company():
    alone, together = stream([3]).uniform(7).numpy(), stream([0, 3, 5], cells=80).uniform(7).numpy()
    assert np.array_equal(alone[:, 0], together[:50, 1])


def test_numbers_differ_between_runs_cells_indices_and_purposes():
    drawn = [stream([0, 1]).uniform(0), stream([0, 1]).uniform(1), stream([0, 1], purpose="noise:pn.noise").uniform(0)]
    numbers = np.concatenate([numbers.numpy().ravel() for numbers in drawn])
    assert len(np.unique(numbers)) > 0.99 * len(numbers)


def test_both_precisions_see_the_same_numbers():
    single, double = (stream(range(20), 500, dtype) for dtype in ("float32", "float64"))
    assert np.array_equal(single.uniform(5).numpy(), double.uniform(5).numpy())
    np.testing.assert_allclose(single.normal(5).numpy(), double.normal(5).numpy(), rtol=2e-5, atol=2e-6)


def test_uniform_and_normal_numbers_are_such():
    source = stream(range(20), 500)
    assert stats.kstest(source.uniform(1).numpy().ravel(), "uniform").pvalue > 0.01
    assert stats.kstest(source.normal(2).numpy().ravel(), "norm").pvalue > 0.01
    successive = np.corrcoef(source.uniform(3).numpy().ravel(), source.uniform(4).numpy().ravel())[0, 1]
    assert abs(successive) < 0.03


@pytest.mark.parametrize("mean", [0.0, 1e-12, 5e-8, 0.01, 1.0, 9.9])
def test_counts_are_the_inverse_of_the_poisson_distribution(mean):
    drawn = stream(range(20), 500).complement(0).numpy()
    rare = np.geomspace(1e-18, 1.0, 400)[:-1, None]
    for complement in (drawn, rare, 1.0 - rare):
        exceeded = stats.poisson.sf(np.arange(60), mean) if mean else np.zeros(60)
        expected = (complement[..., None] < exceeded).sum(axis=-1)
        assert np.array_equal(count(tf.constant(complement), mean).numpy(), expected)


def test_what_is_rare_is_drawn_in_either_precision_from_the_same_bits():
    single, double = (stream(range(20), 500, dtype) for dtype in ("float32", "float64"))
    complement = double.complement(5).numpy()
    assert complement.dtype == np.float64 and np.array_equal(complement, single.complement(5).numpy())
    np.testing.assert_allclose(complement, 1.0 - double.uniform(5).numpy(), atol=2.0**-23)
    high, low = (word.numpy().ravel().tolist() for word in double._words(5))
    exact = [float(1 - Fraction(2 * (a * 2**32 + b) + 1, 2**65)) for a, b in zip(high, low, strict=True)]
    np.testing.assert_allclose(complement.ravel(), exact, rtol=2.0**-51)


@pytest.mark.slow
def test_a_spike_of_probability_5e_8_comes_as_often_as_that():
    """200 million draws: 10 are expected, none came of 23 bits."""
    source = stream([0], 1_000_000)
    spikes = tf.function(lambda index: tf.reduce_sum(count(source.complement(index), 5e-8)), jit_compile=True)
    assert 2 <= sum(float(spikes(tf.constant(index))) for index in range(200)) <= 22
