"""Numbers that differ between cells or synapses: distributions in place of a parameter.

`{distribution: normal, mean: 100, sd: 10, low: 0}` may stand in place of a number. Numbers are drawn through the
inverse of the cumulative probability, or of its complement above the median, cut off at `low` and `high`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
import scipy

from psst_core.arrays import Array
from psst_core.errors import PsstError
from psst_core.registry import base, build, register, setting

if TYPE_CHECKING:
    from jaxtyping import Float


KEY = "distribution"
LEAST = 1e-290  # the smallest probability in which double precision still tells numbers apart
Given: TypeAlias = float | Mapping[str, Any]  # a number, or the settings of a distribution in its place


@base("distribution")
@dataclass
class Distribution:
    """A distribution, cut off below `low` and above `high`."""

    low: float | None = None
    high: float | None = None

    def frozen(self) -> Any:
        """Return SciPy's distribution, before it is cut off."""
        raise NotImplementedError

    def whole(self) -> tuple[float, float]:
        """Return the smallest and the largest number before the cut; both are the same where all numbers are."""
        low, high = self.frozen().support()
        return float(low), float(high)

    def support(self) -> tuple[float, float]:
        """Return the smallest and the largest number that may be drawn."""
        low, high = self.whole()
        return low if self.low is None else max(low, self.low), high if self.high is None else min(high, self.high)

    def check(self) -> None:
        """Raise a PsstError if nothing can be drawn."""
        low, high = self.support()
        if not low <= high or (low < high and not self._probability(low, high) > LEAST):
            raise PsstError(
                f"low={self.low}, high={self.high}: nothing of the distribution lies between them, or too little to "
                "draw; set them nearer to its mean, the lower one as low"
            )

    def draws(self) -> bool:
        """Return whether the numbers are random; read no more than whether the parameters are 0."""
        return True

    def draw(self, count: int, random: np.random.Generator) -> Float[Array, " {count}"]:
        """Draw `count` numbers."""
        (low, high), share = self.support(), random.random(count)
        if low == high:
            return np.full(count, low)
        frozen = self.frozen()
        if self._above(low):
            first, last = frozen.sf((low, high))
            numbers = frozen.isf(first + (last - first) * share)
        else:
            first, last = frozen.cdf((low, high))
            numbers = frozen.ppf(first + (last - first) * share)
        # The inverse of a probability may lie beyond the ends by rounding, in the last digits.
        within: Array = np.clip(np.asarray(numbers, dtype=float), low, high)
        return within

    def _above(self, low: float) -> bool:
        """Return whether all numbers above `low` lie above the median.

        There the complement of the probability is exact.
        """
        return bool(self.frozen().cdf(low) > 0.5)

    def _probability(self, low: float, high: float) -> float:
        """Return the probability between two numbers."""
        frozen = self.frozen()
        if self._above(low):
            return float(frozen.sf(low) - frozen.sf(high))
        return float(frozen.cdf(high) - frozen.cdf(low))


@register(KEY, "normal")
@dataclass
class Normal(Distribution):
    """A normal distribution; mean and standard deviation are those before truncation."""

    mean: float = 0.0
    sd: float = setting(1.0, minimum=0)

    def frozen(self) -> Any:
        return scipy.stats.norm(self.mean, self.sd)

    def whole(self) -> tuple[float, float]:
        return super().whole() if self.sd else (self.mean, self.mean)

    def draws(self) -> bool:
        return self.sd != 0


@register(KEY, "log_normal")
@dataclass
class LogNormal(Distribution):
    """A log-normal distribution: positive, with this mean and coefficient of variation sd/mean.

    Both are those of the number itself, before truncation.
    """

    mean: float = setting(1.0, minimum=1e-300)
    cv: float = setting(0.25, minimum=0, maximum=1e100)

    def frozen(self) -> Any:
        sigma = math.sqrt(math.log1p(self.cv**2))
        return scipy.stats.lognorm(sigma, scale=self.mean * math.exp(-0.5 * sigma**2))

    def draws(self) -> bool:
        return self.cv != 0

    def whole(self) -> tuple[float, float]:
        return super().whole() if self.cv**2 else (self.mean, self.mean)


@register(KEY, "uniform")
@dataclass
class Uniform(Distribution):
    """A uniform distribution between low and high; where both are the same, that number."""

    low: float | None = 0.0
    high: float | None = 1.0

    def frozen(self) -> Any:
        low, high = self.whole()
        return scipy.stats.uniform(low, high - low)

    def whole(self) -> tuple[float, float]:
        if self.low is None or self.high is None:
            raise PsstError(f"low={self.low}, high={self.high}: lies between two numbers; give both")
        return self.low, self.high


@register(KEY, "evenly_spaced")
@dataclass
class EvenlySpaced(Uniform):
    """Numbers from low (the first cell) to high (the last) in equal steps; not random."""

    def draws(self) -> bool:
        return False

    def draw(self, count: int, random: np.random.Generator) -> Float[Array, " {count}"]:
        return np.linspace(*self.support(), count)


def is_distribution(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping) and KEY in value


def of(value: Mapping[str, object], key: str) -> Distribution:
    """Return the distribution that stands at `key` of a configuration."""
    made: Distribution = build(KEY, value, key, naming=KEY)
    return made


def values(value: Given, key: str, count: int, random: np.random.Generator) -> Float[Array, " {count}"]:
    """Return `count` numbers: drawn where a distribution stands, else all the same."""
    if is_distribution(value):
        return of(value, key).draw(count, random)
    return np.broadcast_to(np.asarray(value, dtype=float), (count,)).copy()
