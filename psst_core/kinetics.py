"""Rate functions of the voltage, finite and right everywhere, in both precisions.

Arguments are tensors of shape [cell, run] in mV (or their ratio to a slope, without unit); rates are in 1/ms.
"""

from typing import Any

from psst_core import tf

Tensor = Any


def bernoulli(z: Tensor) -> Tensor:
    """z / (exp(z) − 1), with its limit 1 at z = 0.

    Near zero the quotient is 0/0 and loses digits, so its series 1 − z/2 + z²/12 − z⁴/720 + z⁶/30240 stands in, where
    its first neglected term, z⁸/1209600, is below the rounding error (Abramowitz & Stegun 23.1.1).
    """
    near = tf.abs(z) < (0.05 if z.dtype == tf.float64 else 0.5)
    square = z * z
    series = 1.0 - 0.5 * z + square * (1.0 / 12.0 + square * (-1.0 / 720.0 + square * (1.0 / 30240.0)))
    safe = tf.where(near, tf.ones_like(z), z)
    return tf.where(near, series, safe / (tf.exp(safe) - 1.0))


def linoid(y: Tensor, k: float) -> Tensor:
    """y / (exp(y/k) − 1), with its limit k at y = 0 (Hodgkin & Huxley 1952, doi:10.1113/jphysiol.1952.sp004764)."""
    return k * bernoulli(y * (1.0 / k))


def exprel(z: Tensor) -> Tensor:
    """(exp(z) − 1) / z, with its limit 1 at z = 0."""
    return 1.0 / bernoulli(z)


def exponential(y: Tensor, k: float) -> Tensor:
    """exp(y/k)."""
    return tf.exp(y * (1.0 / k))


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
