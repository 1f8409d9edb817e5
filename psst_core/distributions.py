"""Numbers that differ between cells or synapses: distributions in place of a parameter.

`{distribution: normal, mean: 100, sd: 10, low: 0}` stands where one number could. All are drawn through the inverse of
the cumulative probability, cut off at `low` and `high`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from psst_core.errors import PsstError
from psst_core.registry import build, register, setting

KEY = "distribution"
Array = npt.NDArray[np.float64]


@dataclass
class Distribution:
    """A distribution, cut off below `low` and above `high`."""

    low: float | None = None
    high: float | None = None

    def frozen(self) -> Any:
        """SciPy's, before it is cut off."""
        raise NotImplementedError

    def support(self) -> tuple[float, float]:
        """The smallest and the largest number that may be drawn."""
        low, high = self.frozen().support()
        return (
            float(low) if self.low is None else max(low, self.low),
            float(high) if self.high is None else min(high, self.high),
        )

    def check(self) -> None:
        """Raise a PsstError where nothing can be drawn."""
        low, high = self.support()
        cumulative = self.frozen().cdf
        if not low <= high or (low < high and not cumulative(high) > cumulative(low)):
            raise PsstError(f"low={self.low}, high={self.high}: nothing of the distribution lies between them")

    def draws(self) -> bool:
        """Whether its numbers are random; it may look at whether its own are 0, no more."""
        return True

    def draw(self, count: int, random: np.random.Generator) -> Array:
        """So many numbers."""
        frozen = self.frozen()
        first, last = frozen.cdf(self.support())
        numbers: Array = np.asarray(frozen.ppf(first + (last - first) * random.random(count)), dtype=float)
        return numbers


@register(KEY, "normal")
@dataclass
class Normal(Distribution):
    """Mean and standard deviation before truncation."""

    mean: float = 0.0
    sd: float = setting(1.0, minimum=0)

    def frozen(self) -> Any:
        return stats.norm(self.mean, self.sd or 1e-300)

    def draws(self) -> bool:
        return self.sd != 0


@register(KEY, "log_normal")
@dataclass
class LogNormal(Distribution):
    """Positive, with this mean and coefficient of variation sd/mean (both of the number itself, before truncation)."""

    mean: float = setting(1.0, minimum=1e-300)
    cv: float = setting(0.25, minimum=0)

    def frozen(self) -> Any:
        sigma = math.sqrt(math.log1p(self.cv**2)) or 1e-12
        return stats.lognorm(sigma, scale=self.mean * math.exp(-0.5 * sigma**2))

    def draws(self) -> bool:
        return self.cv != 0


@register(KEY, "uniform")
@dataclass
class Uniform(Distribution):
    """Equally likely between low and high."""

    low: float | None = 0.0
    high: float | None = 1.0

    def frozen(self) -> Any:
        low, high = self.low or 0.0, self.high or 0.0
        return stats.uniform(low, high - low)


@register(KEY, "evenly_spaced")
@dataclass
class EvenlySpaced(Uniform):
    """From low (the first cell) to high (the last) in equal steps; not random."""

    def draws(self) -> bool:
        return False

    def draw(self, count: int, random: np.random.Generator) -> Array:
        return np.linspace(*self.support(), count)


def is_distribution(value: Any) -> bool:
    return isinstance(value, Mapping) and KEY in value


def of(value: Mapping[str, Any], key: str) -> Distribution:
    """The distribution that stands at `key` of a configuration."""
    made: Distribution = build(KEY, value, key, naming=KEY)
    return made


def values(value: Any, key: str, count: int, random: np.random.Generator) -> Array:
    """So many numbers: drawn where a distribution stands, else all the same."""
    if is_distribution(value):
        return of(value, key).draw(count, random)
    return np.broadcast_to(np.asarray(value, dtype=float), (count,)).copy()
