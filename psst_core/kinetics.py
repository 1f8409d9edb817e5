"""Rate functions of the voltage, finite and right everywhere, in both precisions.

Arguments are tensors of shape [cell, run] in mV (or their ratio to a slope, without unit); rates are in 1/ms.
"""

import math
from typing import Any

from psst_core import tf

Tensor = Any


# (exp r − 1 − r)/r² on |r| ≤ ln 2/2, interpolated at the ten Chebyshev nodes; highest power first.
_SERIES = (
    2.51003854955103191e-08,
    2.76200884454097482e-07,
    2.75572684599970648e-06,
    2.48015212959543751e-05,
    0.000198412698630536169,
    0.00138888889172137169,
    0.00833333333333006183,
    0.0416666666666241279,
    0.166666666666666675,
    0.500000000000000102,
)
_LN2 = (0.6931471803691238, 1.9082149292705877e-10)


def exp(x: Tensor) -> Tensor:
    """eˣ, right to 1.1 units in the last place.

    In double precision the compiler's own needs a division and is less exact. Here x = n ln 2 + r, |r| ≤ ln 2/2, and a
    polynomial in r has its exponent bits raised by n (Cody & Waite 1980, Software Manual for the Elementary Functions,
    ch. 6); outside [−708, 709] the result stays at that of the nearer end.
    """
    if x.dtype != tf.float64:
        return tf.exp(x)
    x = tf.clip_by_value(x, -708.0, 709.0)
    n = tf.round(x * (1.0 / math.log(2.0)))
    r = x - n * _LN2[0] - n * _LN2[1]
    series = _SERIES[0] * tf.ones_like(r)
    for coefficient in _SERIES[1:]:
        series = series * r + coefficient
    bits = tf.bitcast(1.0 + (r + r * r * series), tf.int64)
    return tf.bitcast(bits + tf.bitwise.left_shift(tf.cast(n, tf.int64), tf.constant(52, tf.int64)), tf.float64)


def bernoulli(z: Tensor) -> Tensor:
    """z / (exp(z) − 1), with its limit 1 at z = 0.

    Near zero the quotient is 0/0 and loses digits, so its series 1 − z/2 + z²/12 − z⁴/720 + z⁶/30240 stands in, where
    its first neglected term, z⁸/1209600, is below the rounding error (Abramowitz & Stegun 23.1.1).
    """
    near = tf.abs(z) < (0.05 if z.dtype == tf.float64 else 0.5)
    square = z * z
    series = 1.0 - 0.5 * z + square * (1.0 / 12.0 + square * (-1.0 / 720.0 + square * (1.0 / 30240.0)))
    safe = tf.where(near, tf.ones_like(z), z)
    return tf.where(near, series, safe / (exp(safe) - 1.0))


def linoid(y: Tensor, k: float) -> Tensor:
    """y / (exp(y/k) − 1), with its limit k at y = 0 (Hodgkin & Huxley 1952, doi:10.1113/jphysiol.1952.sp004764)."""
    return k * bernoulli(y * (1.0 / k))


def exprel(z: Tensor) -> Tensor:
    """(exp(z) − 1) / z, with its limit 1 at z = 0."""
    return 1.0 / bernoulli(z)


def exponential(y: Tensor, k: float) -> Tensor:
    """exp(y/k)."""
    return exp(y * (1.0 / k))


def sigmoid(y: Tensor, k: float) -> Tensor:
    """1 / (1 + exp(−y/k)): 0 far below zero, 1 far above for positive k."""
    return 1.0 / (1.0 + exponential(y, -k))


def power(x: Tensor, exponent: int) -> Tensor:
    """x multiplied `exponent` times (exponent ≥ 1), by squaring."""
    if exponent == 1:
        return x
    half = power(x * x, exponent // 2)
    return half * x if exponent % 2 else half


def q10(factor: float, celsius: Tensor, reference: float) -> Tensor:
    """factor^((celsius − reference)/10): how much faster kinetics run than at the reference temperature."""
    return factor ** ((celsius - reference) / 10.0)
