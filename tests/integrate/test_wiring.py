"""The synaptic sum: one order of terms in every layout, so the same bits."""

import numpy as np
import pytest

from psst_core import tf
from psst_core.integrate.wiring import UNROLLED, synaptic_sum, wire
from psst_core.model.connectivity import Connections, Probability
from psst_core.seeds import generator


def drawn(n_pre, n_post, probability, number=0):
    return Probability(probability).connect(n_pre, n_post, False, generator(1, "connectivity:test", number))


def total(connections, open_fraction, n_post, n_pre, spikes=False):
    arrays = wire(connections, n_post, n_pre, spikes)
    wiring = {
        name: tf.constant(array, open_fraction.dtype if array.dtype == np.float64 else None)
        for name, array in arrays.items()
    }
    return tf.function(synaptic_sum, jit_compile=True)(wiring, tf.constant(open_fraction)).numpy()


def in_order(connections, open_fraction, n_post):
    """The sum as defined, term by term, in extended precision."""
    result = np.zeros((n_post, open_fraction.shape[1]), dtype=np.longdouble)
    np.add.at(result, connections.post, connections.weight[:, None] * open_fraction[connections.pre])
    return result


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n_pre", "n_post", "probability"), [(90, 30, 0.5), (31, 90, 0.5), (400, 50, 0.02), (3, 2, 0)])
def test_the_sum_is_right_and_its_bits_do_not_depend_on_the_width(n_pre, n_post, probability, dtype):
    connections = drawn(n_pre, n_post, probability)
    open_fraction = np.random.default_rng(0).random((n_pre, 48)).astype(dtype)
    wide = total([connections] * 48, open_fraction, n_post, n_pre)
    np.testing.assert_allclose(wide, in_order(connections, open_fraction, n_post), rtol=60 * np.finfo(dtype).eps)
    for width in (1, 8, 17):
        assert np.array_equal(total([connections] * width, open_fraction[:, :width], n_post, n_pre), wide[:, :width])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("probability", [0.5, 0.02])
def test_each_run_may_have_a_network_of_its_own(probability, dtype):
    several = [drawn(200, 40, probability, number) for number in range(16)]
    open_fraction = np.random.default_rng(0).random((200, 16)).astype(dtype)
    together = total(several, open_fraction, 40, 200)
    for run, connections in enumerate(several):
        alone = total([connections], open_fraction[:, [run]], 40, 200)
        assert np.array_equal(together[:, run], alone[:, 0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("networks", [1, 16])
def test_spikes_are_summed_to_the_same_bits_over_the_cells_that_fire_alone(networks, dtype):
    drawings = [drawn(200, 40, 0.3, number) for number in range(networks)]
    weights = np.random.default_rng(1).random(200 * 40)
    several = [connections.scaled(weights[: len(connections.post)]) for connections in drawings] * (16 // networks)
    spikes = (np.random.default_rng(0).random((200, 16)) < np.linspace(0, 0.3, 16)).astype(dtype)
    together = total(several, spikes, 40, 200, spikes=True)
    assert np.array_equal(together, total(several, spikes, 40, 200))
    alone = total(several[-1:], spikes[:, -1:], 40, 200, spikes=True)
    assert np.array_equal(together[:, -1:], alone)
    assert not together[:, 0].any() and together[:, -1].all()


def test_memory_is_linear_in_the_synapses():
    sizes = {}
    for cells in (1000, 4000):
        connections = drawn(cells, cells, 20 / cells)
        sizes[cells] = sum(array.nbytes for array in wire([connections], cells, cells).values())
        assert sizes[cells] < 20 * len(connections.post)
    assert sizes[4000] < 6 * sizes[1000]


def test_weights_that_are_no_small_integers_stay_exact():
    connections = Connections.of([0, 0, 1], [0, 1, 2], [0.3, 200.0, 1.5])
    for several in ([connections], [connections, Connections.of([0], [0], [0.1])]):
        weight = wire(several, 2, 3)["weight"]
        assert weight.dtype == np.float64
        assert np.array_equal(weight[:3, :, 0].T, connections.matrix(2, 3))
        assert len(weight) % UNROLLED == 0


def test_connections_named_twice_add_up():
    twice = Connections.of([1, 0, 1], [2, 1, 2], [1.0, 1.0, 2.0])
    assert twice.post.tolist() == [0, 1]
    assert twice.weight.tolist() == [1.0, 3.0]
