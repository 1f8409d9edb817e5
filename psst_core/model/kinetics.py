"""Rate functions of the voltage, finite and correct everywhere, in both precisions.

Arguments are in mV (or their ratio to a slope, without unit); rates are in 1/ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psst_core import tf
from psst_core.arrays import Number, Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True)
class _Precision:
    """The numbers with which e^x is computed in one precision.

    Attributes:
        series: the coefficients of (e^r − 1 − r)/r² on |r| ≤ ln 2/2, interpolated at as many Chebyshev nodes; the
            highest power first.
        ln2: ln 2 in two parts, the first with so few digits that its multiples are exact.
        range: outside it e^x stays at the value of the nearer end.
        mantissa, bias: the number of bits of the mantissa, and the bias of the exponent.
    """

    series: tuple[float, ...]
    ln2: tuple[float, float]
    range: tuple[float, float]
    mantissa: int
    bias: int


_DOUBLE = _Precision(
    (
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
    ),
    (0.6931471803691238, 1.9082149292705877e-10),
    (-708.0, 709.0),
    52,
    1023,
)
_SINGLE = _Precision(
    (0.00139261761199355789, 0.0083631730745137109, 0.041666554662050534, 0.166665770255979882, 0.5),
    (0.693359375, -2.12194440054690583e-4),
    (-87.0, 88.0),
    23,
    127,
)


def exp(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return eˣ, correct to 1.1 units in the last place.

    In double precision the compiler's own function needs a division and is less exact. Here x = n ln 2 + r with
    `|r| ≤ ln 2/2`. A polynomial in r gives eʳ, and n is added to its exponent bits (Cody & Waite 1980, Software Manual
    for the Elementary Functions, ch. 6). Outside [−708, 709] the result stays at the value of the nearer end.
    """
    if x.dtype != tf.float64:
        return tf.exp(x)
    n, part = _reduced(x, _DOUBLE)
    return tf.bitcast(
        tf.bitcast(1.0 + part, tf.int64) + tf.bitwise.left_shift(n, tf.constant(52, tf.int64)), tf.float64
    )


def expm1(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return eˣ − 1, also where it is small: 2ⁿ (eʳ − 1) + (2ⁿ − 1) with n and r as for eˣ."""
    numbers = _DOUBLE if x.dtype == tf.float64 else _SINGLE
    n, part = _reduced(x, numbers)
    power = tf.bitcast(tf.bitwise.left_shift(n + numbers.bias, tf.constant(numbers.mantissa, n.dtype)), x.dtype)
    return power * part + (power - 1.0)


def _reduced(x: Float[Tensor, "*shape"], numbers: _Precision) -> tuple[Int[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Return n, a whole number, and eʳ − 1 for x = n ln 2 + r, `|r| ≤ ln 2/2`."""
    x = tf.clip_by_value(x, *numbers.range)
    n = tf.round(x * (1.0 / math.log(2.0)))
    r = x - n * numbers.ln2[0] - n * numbers.ln2[1]
    series = numbers.series[0] * tf.ones_like(r)
    for coefficient in numbers.series[1:]:
        series = series * r + coefficient
    return tf.cast(n, tf.int64 if x.dtype == tf.float64 else tf.int32), r + r * r * series


def bernoulli(z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return z / (exp(z) − 1), with its limit 1 at z = 0."""
    return tf.where(z == 0.0, tf.ones_like(z), z / expm1(z))


def linoid(y: Float[Tensor, "*shape"], k: float) -> Float[Tensor, "*shape"]:
    """Return y / (exp(y/k) − 1), with its limit k at y = 0.

    Hodgkin & Huxley 1952 (doi:10.1113/jphysiol.1952.sp004764).
    """
    return k * bernoulli(y * (1.0 / k))


def exprel(z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return (exp(z) − 1) / z, with its limit 1 at z = 0."""
    return tf.where(z == 0.0, tf.ones_like(z), expm1(z) / z)


def exponential(y: Float[Tensor, "*shape"], k: float) -> Float[Tensor, "*shape"]:
    """Return exp(y/k)."""
    return exp(y * (1.0 / k))


def sigmoid(y: Float[Tensor, "*shape"], k: float) -> Float[Tensor, "*shape"]:
    """Return 1 / (1 + exp(−y/k)); for positive k it is 0 far below zero and 1 far above."""
    return 1.0 / (1.0 + exponential(y, -k))


def power(x: Float[Tensor, "*shape"], exponent: int) -> Float[Tensor, "*shape"]:
    """Multiply x by itself, `exponent` factors in all (exponent ≥ 1), by squaring."""
    if exponent == 1:
        return x
    half = power(x * x, exponent // 2)
    return half * x if exponent % 2 else half


def q10(factor: float, celsius: Number, reference: float) -> Number:
    """Return factor^((celsius − reference)/10): how much faster kinetics run than at the reference temperature."""
    return factor ** ((celsius - reference) / 10.0)
