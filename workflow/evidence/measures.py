"""Measures beside Elephant, PySpike and SciPy: `make evidence PART=measures`.

It draws spike trains, asks `oracles.py`, which runs in an environment of its own, writes what it says to
tests/data/measures.json with the trains, and compares. A table says how far PSST is from each oracle, and what both
take for a run of 120 cells.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from psst_core.registry import names

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.oracles import difference, summary_in  # noqa: E402

FROZEN = ROOT / "tests" / "data" / "measures.json"
REPEATS = 4
RUNS = 20  # so many runs at once are timed
CLOSE = 1e-9

ALL = {
    "fano": {"bin": 50.0},
    "local_variation": {"least": 3},
    "count_correlation": {"bin": 20.0},
    "cross_correlation": {"bin": 2.0, "longest": 30.0},
    "autocorrelation": {"bin": 2.0, "longest": 60.0},
    "kappa": {"share": 0.1},
    "spike_distance": {},
    "van_rossum": {"tau": 10.0},
    "phase_locking": {"frequency": 23.0},
    "cell_rates": {},
    "spectrum": {"segment": 100.0, "background": 120.0},
    "spectrogram": {"segment": 100.0, "background": 120.0},
}
UNBINNED = ("local_variation", "spike_distance", "van_rossum", "phase_locking", "cell_rates")


def case(name: str, populations: dict[str, Any], seed: int, measures: dict[str, Any]) -> dict[str, Any]:
    """Return trains, with a noisy potential of each population, as JSON has them."""
    noise = np.random.default_rng(seed).standard_normal((len(populations), 1200)).cumsum(axis=1)
    trains = {key: [np.round(np.sort(train), 6).tolist() for train in cells] for key, cells in populations.items()}
    return {
        "name": name,
        "duration": 600.0,
        "interval": 0.5,
        "window": [100.0, 600.0],
        "populations": trains,
        "measures": measures,
        "potential": np.round(noise, 2).tolist() if "spectrum" in measures else [[0.0] * 1200] * len(populations),
    }


def correlated(seed: int, sizes: dict[str, int], rate: float = 40.0) -> dict[str, Any]:
    """Draw Poisson trains that share a third of their spikes, a little apart."""
    random = np.random.default_rng(seed)
    source = random.uniform(0, 600, round(0.6 * rate / 3))

    def train() -> np.ndarray:
        own = random.uniform(0, 600, random.poisson(0.6 * rate * 2 / 3))
        near = (source + random.normal(0, 2, len(source))).clip(0.001, 599.999)
        return np.concatenate([own, near])

    return {name: [train() for _ in range(size)] for name, size in sizes.items()}


def cases() -> Iterator[dict[str, Any]]:
    """Yield trains of all kinds; times on bin edges only for measures without bins, as Elephant's bins end before."""
    some = correlated(1, {"a": 8, "b": 5})
    some["a"] += [[], [333.3]]
    yield case("correlated trains, a silent cell, a single spike", some, 1, ALL)
    random = np.random.default_rng(2)
    grid = {"a": [random.integers(100, 601, 25) for _ in range(6)], "b": [random.choice(601, 12, False)] * 2}
    grid = {name: [np.unique(train).astype(float) for train in cells] for name, cells in grid.items()}
    yield case("a grid of 1 ms, so that many spikes coincide", grid, 2, {name: ALL[name] for name in UNBINNED})
    ends = [[], [100.0], [100.05], [600.0], [100.05, 600.0], [350.0], [120.0, 580.0], np.arange(100, 601, 25.0)]
    hostile = {"a": ends, "b": [[250.0], [], [100.0]]}
    yield case("spikes at the window's ends, and none", hostile, 3, {name: ALL[name] for name in UNBINNED})


def ask(python: str, problem: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the oracles say of cases."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "problem.json"), Path(folder, "answer.json")
        given.write_text(json.dumps(problem))
        subprocess.run([python, Path(__file__).with_name("oracles.py"), given, made], check=True)
        answer: list[dict[str, Any]] = json.loads(made.read_text())
        return answer


def timed(large: dict[str, Any], measure: str) -> float:
    """Return how long PSST takes for a run, s: what 1 + RUNS runs take longer than one, each at its fastest."""
    fastest = []
    for copies in (1, 1 + RUNS):
        taken = []
        for _ in range(REPEATS):
            begin = time.perf_counter()
            summary_in(large, measure, copies)
            taken.append(time.perf_counter() - begin)
        fastest.append(min(taken))
    return (fastest[1] - fastest[0]) / RUNS


def main(python: str) -> None:
    """Ask the oracles, freeze what they say, compare, and print the table."""
    small, large = list(cases()), case("large", correlated(4, {"a": 90, "b": 30}), 4, ALL)
    *answers, costs = ask(python, [*small, large])
    for each, answer in zip(small, answers, strict=True):
        each["numbers"] = {measure: found["numbers"] for measure, found in answer.items()}
        each["said_by"] = {measure: found["who"] for measure, found in answer.items()}
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in small)
    FROZEN.write_text(f"[\n{lines}\n]\n")
    print(f"{'measure':20}{'oracle':12}{'difference':>12}{'PSST, ms/run':>14}{'oracle, ms/run':>16}")
    wrong = []
    for measure in names("measure"):
        ours = 1e3 * timed(large, measure)
        if measure not in ALL:
            print(f"{measure:20}{'':12}{'':12}{ours:14.2f}", flush=True)
            continue
        apart = [
            difference(summary_in(each, measure), measure, answer[measure]["numbers"])
            for each, answer in zip([*small, large], [*answers, costs], strict=True)
            if measure in answer
        ]
        wrong += [measure] if max(apart) > CLOSE else []
        theirs = 1e3 * costs[measure]["seconds"]
        print(f"{measure:20}{costs[measure]['who']:12}{max(apart):12.1e}{ours:14.2f}{theirs:16.2f}", flush=True)
    if wrong:
        sys.exit(f"more than {CLOSE:g} apart: {', '.join(wrong)}")


if __name__ == "__main__":
    main(sys.argv[1])
