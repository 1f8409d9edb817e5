"""The shared part of the programs for a GPU: arguments, a problem of any width, and a line of JSON for each width."""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

REPEATS = 3
CHECKED_RUNS = 64
ERROR_LENGTH = 500


def arguments(description: str | None, kinds: Sequence[str] = (), with_problem: bool = True) -> argparse.Namespace:
    """Read [KIND] PRECISION STEPS [PROBLEM] WIDTH… from the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if kinds:
        parser.add_argument("kind", choices=kinds)
    parser.add_argument("precision", choices=["float32", "float64"])
    parser.add_argument("steps", type=int)
    if with_problem:
        parser.add_argument("problem", type=Path, help="an .npz written by problem.py locust")
    parser.add_argument("widths", type=int, nargs="+", help="runs at once")
    return parser.parse_args()


def problem_of(path: Path) -> dict[str, Any]:
    """Read the arrays of a problem."""
    with np.load(path) as file:
        return {name: file[name][()] for name in file.files}


def repeated(problem: Mapping[str, Any], array: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """Widen an array [cell, run] of the problem to `width` runs, by taking its runs again and again."""
    return array[:, np.arange(width) % int(problem["runs"])]


def median_seconds(integrate: Callable[[], object]) -> float:
    """Integrate a few times and return the median of the seconds."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        integrate()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def speed(seconds: float, steps: int, width: int) -> dict[str, float]:
    """Divide the seconds of an integration among its steps, and among its steps and runs."""
    return {"us_step": round(1e6 * seconds / steps, 2), "ns_step_run": round(1e9 * seconds / steps / width, 3)}


def report(options: argparse.Namespace, what: str, measure: Callable[[int], Mapping[str, Any]]) -> None:
    """Print the result of `measure` at each width.

    If a width fails, for example for lack of memory, print the error.
    """
    given = {"what": what, "kind": getattr(options, "kind", None), "precision": options.precision}
    for width in options.widths:
        try:
            found = measure(width)
        except Exception as error:
            found = {"error": repr(error)[:ERROR_LENGTH]}
        line = {name: value for name, value in given.items() if value is not None} | {"lanes": width} | dict(found)
        print(json.dumps(line), flush=True)
