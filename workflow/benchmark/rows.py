"""The benchmark's measurements: a row for each program on each problem, and ratios of their times."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

KEYS = ("section", "program", "mode", "method", "precision", "runs", "equations", "cores", "steps")
METHODS = {"rk4": "RK4", "exponential_euler": "exponential Euler", "implicit_euler": "implicit Euler"}
EQUATIONS = ("cells", "sine")  # sections whose size is a number of equations
WHOLE = ("cold", "cores")  # sections that measure whole jobs, in seconds


@dataclass(frozen=True, eq=False)
class Row:
    """The measurements of one program on one problem; `seconds` by repeat."""

    section: str
    program: str
    mode: str
    method: str
    precision: str
    runs: int
    equations: int
    cores: int
    steps: int
    seconds: np.ndarray
    setup_seconds: float
    peak_memory: float
    spikes: float
    version: str

    @property
    def name(self) -> str:
        return self.program if self.mode == "default" else f"{self.program} ({self.mode})"

    @property
    def scheme(self) -> str:
        return "–" if self.section == "product" else METHODS[self.method]

    @property
    def size(self) -> str:
        if self.section == "product":
            return f"{self.equations} × {self.equations}"
        return number_of(self.equations, "equation") if self.section in EQUATIONS else number_of(self.runs, "run")

    @property
    def solver(self) -> str:
        return f"{METHODS[self.method]}, {self.precision}"

    @property
    def unit(self) -> str:
        if self.section in WHOLE:
            return "s"
        if self.section == "product":
            return "µs per product"
        return "µs per step" if self.section in EQUATIONS else "µs per step and run"

    @property
    def cost(self) -> np.ndarray:
        """Time in `unit`, by repeat."""
        if self.section in WHOLE:
            return self.seconds
        return 1e6 * self.seconds / self.steps / (1 if self.section in EQUATIONS else self.runs)


def read(source: Path) -> tuple[list[Row], dict[str, Any]]:
    """Read the rows and the attributes of a file of measurements."""
    with xr.open_dataset(source) as data:
        columns = {name: data[name].values.tolist() for name in (*KEYS, "setup_seconds", "peak_memory", "version")}
        columns["spikes"] = data["spikes"].where(data["spikes"] >= 0).values.tolist()
        columns["seconds"] = list(data["seconds"].transpose("row", "repeat").values)
        rows = [Row(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
        return rows, dict(data.attrs)


def chosen(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(getattr(row, key) == value for key, value in wanted.items())]


def one(rows: Iterable[Row], **wanted: Any) -> Row | None:
    """Return the only row with these keys, or None if there is none.

    Raises:
        ValueError: when there are several.
    """
    found = chosen(rows, **wanted)
    if len(found) > 1:
        raise ValueError(f"{len(found)} rows for {wanted}")
    return found[0] if found else None


def fastest(rows: Iterable[Row]) -> Row | None:
    """Return the row with the smallest median; rows without a finite time do not count."""
    timed = [row for row in rows if np.isfinite(row.cost).any()]
    return min(timed, key=lambda row: np.nanmedian(row.cost), default=None)


def ratio(top: Row | None, bottom: Row | None) -> np.ndarray:
    """Return the ratios of two rows' times, by repeat; empty unless both were measured."""
    if top is None or bottom is None:
        return np.array([])
    return finite(top.cost / bottom.cost)


def finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def number_of(count: int, what: str) -> str:
    return f"{count} {what}{'s'[: count != 1]}"


def digits(value: float) -> str:
    """Return a number with three significant digits, without an exponent."""
    if not np.isfinite(value):
        return "–"
    rounded = float(f"{value:.3g}")
    return f"{value:.{max(0, 2 - int(np.floor(np.log10(abs(rounded)))))}f}" if value else "0"
