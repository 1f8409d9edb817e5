"""Rate functions at and near their removable singularities, in both precisions."""

import numpy as np
import pytest

from psst_core import tf
from psst_core.model import channels, kinetics, pools, synapses  # noqa: F401
from psst_core.model.mechanisms import Cell, Clock, KineticSynapse
from psst_core.registry import lookup, names

STEPS = np.concatenate([[0.0], *[[s * 10.0**e for s in (-1, 1)] for e in range(-15, 1)], np.linspace(-9, 9, 181)])
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
SINGULAR = (-37.0, -35.0, -10.0)


def quotient(z):
    """z/(exp(z) − 1) in NumPy's extended precision."""
    z = z.astype(np.longdouble)
    return np.where(z == 0, 1.0, z / np.where(z == 0, 1.0, np.expm1(z)))


@pytest.mark.parametrize(("precision", "range_end"), [("float64", 708.0), ("float32", 87.0)])
def test_exp_is_right_to_its_last_digits(precision, range_end):
    x = np.concatenate([np.linspace(-range_end, range_end, 200_001), np.linspace(-1, 1, 100_001)]).astype(precision)
    found = tf.function(kinetics.exp, jit_compile=True)(tf.constant(x)).numpy()
    expected = np.exp(x.astype(np.longdouble))
    units = np.abs(found - expected) / np.spacing(expected.astype(precision))
    assert units.max() < 1.1
    assert (found[x == 0] == 1).all()


@pytest.mark.parametrize(("precision", "range_end"), [("float64", 708.0), ("float32", 87.0)])
def test_expm1_is_right_to_its_last_digits_also_where_it_is_small(precision, range_end):
    small = np.geomspace(1e-30, 1, 20_001)
    x = np.concatenate([np.linspace(-range_end, range_end, 200_001), small, -small]).astype(precision)
    found = tf.function(kinetics.expm1, jit_compile=True)(tf.constant(x)).numpy()
    expected = np.expm1(x.astype(np.longdouble))
    units = np.abs(found - expected) / np.spacing(np.abs(expected).astype(precision))
    assert units.max() < 2.5


def test_exp_keeps_what_is_no_number_and_stays_in_range():
    x = tf.constant([np.nan, -np.inf, -1e9, np.inf, 1e9], tf.float64)
    found = tf.function(kinetics.exp, jit_compile=True)(x).numpy()
    assert np.isnan(found[0])
    assert np.all(found[1:3] < 1e-307) and np.all((found[3:] > 1e307) & np.isfinite(found[3:]))


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("k", [1.0, 4.0, 5.0])
def test_linoid_is_right_everywhere(precision, k):
    y = (k * STEPS).astype(precision)
    found = kinetics.linoid(tf.constant(y), k).numpy()
    assert found.dtype == precision
    np.testing.assert_allclose(found, (k * quotient(y / np.longdouble(k))).astype(float), rtol=TOLERANCE[precision])


@pytest.mark.parametrize("precision", TOLERANCE)
def test_exprel_is_right_everywhere(precision):
    z = STEPS.astype(precision)
    expected = (1 / quotient(z)).astype(float)
    np.testing.assert_allclose(kinetics.exprel(tf.constant(z)).numpy(), expected, rtol=TOLERANCE[precision])


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("kind,name", [(k, n) for k in ("mechanism", "synapse") for n in names(k)])
def test_every_mechanism_is_finite_and_continuous(kind, name, precision):
    """At each singularity the kinetics lie between those a little below and above, and nothing is infinite."""
    mechanism = lookup(kind, name, kind)()
    near = [v + step for v in SINGULAR for step in (-1e-3, 0.0, 1e-3)]
    v = tf.constant(np.array([*near, *np.linspace(-120, 80, 401)])[:, None], precision)
    one = tf.ones_like(v)
    cell = Cell(v, {"calcium": 1e-3 * one}, {"calcium": one})
    x, held = (dict.fromkeys(names, 0.5 * one) for names in (mechanism.states, mechanism.held))
    if isinstance(mechanism, KineticSynapse):
        found = mechanism.kinetics(x, cell, held, Clock(one[0, 0], one[0, 0], 0.01))
    else:
        found = mechanism.relaxations(x, cell)
    assert set(found) == set(mechanism.states)
    for relaxation in found.values():
        for part in (relaxation.source, relaxation.decay):
            values = (part * one).numpy()[:, 0]
            assert np.isfinite(values).all()
            for below, at, above in values[: len(near)].reshape(-1, 3):
                assert at == pytest.approx((below + above) / 2, rel=1e-5)


def test_known_rates_of_sodium():
    """Hand-calculated at v = −37 mV (u = 13), where α_m is 0.32·4·φ."""
    phi = 3 ** ((22 - 36) / 10)
    found = lookup("mechanism", "sodium", "")().relaxations({}, Cell(tf.constant([[-37.0]], tf.float64)))
    alpha, beta = 0.32 * 4 * phi, 0.28 * phi * -27 / (np.exp(-27 / 5) - 1)
    assert float(found["m"].source[0, 0]) == pytest.approx(alpha, rel=1e-14)
    assert float(found["m"].decay[0, 0]) == pytest.approx(alpha + beta, rel=1e-14)
    assert float(found["h"].source[0, 0]) == pytest.approx(0.128 * phi * np.exp(4 / 18), rel=1e-14)


def test_powers():
    x = tf.constant([2.0], tf.float64)
    assert [float(kinetics.power(x, n)[0]) for n in range(1, 9)] == [2.0**n for n in range(1, 9)]
