"""Numbers of Elephant, PySpike and SciPy for spike trains, each function by their definitions; needs no PSST.

`oracles.py problem.json answer.json` reads cases, and writes the numbers of each measure and how long each took.
"""

import itertools
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyspike
import quantities as pq
from elephant import conversion, spike_train_correlation, spike_train_dissimilarity, statistics
from neo import SpikeTrain
from scipy import signal


class Case:
    """Trains of populations in a window, after its begin and no later than its end, with potentials and parameters."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.begin, self.end = data["window"]
        self.interval = data["interval"]
        self.populations = [[self.cut(train) for train in cells] for cells in data["populations"].values()]
        self.measures = data["measures"]
        first, last = (round(time / self.interval) for time in data["window"])
        self.potential = np.array(data["potential"])[:, first:last]

    def cut(self, train: list[float]) -> np.ndarray:
        times = np.array(train, float)
        return times[(times > self.begin) & (times <= self.end)]

    def neo(self, train: np.ndarray) -> SpikeTrain:
        return SpikeTrain(train * pq.ms, t_start=self.begin * pq.ms, t_stop=self.end * pq.ms)

    def binned(self, cells: list[np.ndarray], width: float) -> conversion.BinnedSpikeTrain:
        return conversion.BinnedSpikeTrain([self.neo(train) for train in cells], bin_size=width * pq.ms)


def mean(values: Any) -> float:
    """Return the mean of the values that are defined; NaN without any."""
    defined = [value for value in np.ravel(values) if not np.isnan(value)]
    return float(np.mean(defined)) if defined else np.nan


def fano(case: Case, bin: float) -> Any:
    """Elephant's Fano factor of the pieces of a train; its variance is divided by their number, PSST's by one less."""
    edges = np.arange(case.begin, case.end + bin / 2, bin)
    found = []
    for cells in case.populations:
        pieces = [np.split(train, np.searchsorted(train, edges[1:-1])) for train in cells if len(train)]
        several = [statistics.fanofactor([piece * pq.ms for piece in each]) for each in pieces]
        found.append(mean(several) * (len(edges) - 1) / (len(edges) - 2))
    return found


def of_intervals(function: Callable[..., float]) -> Callable[..., Any]:
    def found(case: Case, least: int) -> Any:
        return [mean([function(np.diff(t)) for t in cells if len(t) > least]) for cells in case.populations]

    return found


def cell_rates(case: Case) -> Any:
    trains = [case.neo(train) for cells in case.populations for train in cells]
    return [statistics.mean_firing_rate(train).rescale("Hz").item() for train in trains]


def count_correlation(case: Case, bin: float) -> Any:
    cells = [train for cells in case.populations for train in cells]
    rho = np.full((len(cells), len(cells)), np.nan)
    fires = np.flatnonzero([len(train) for train in cells])
    rho[np.ix_(fires, fires)] = spike_train_correlation.correlation_coefficient(
        case.binned([cells[number] for number in fires], bin)
    )
    np.fill_diagonal(rho, np.nan)
    edges = np.cumsum([0, *map(len, case.populations)])
    parts = [slice(*pair) for pair in itertools.pairwise(edges)]
    return [[mean(rho[here, there]) for there in parts] for here in parts]


def cross_correlation(case: Case, bin: float, longest: float) -> Any:
    """Elephant's histograms of all pairs of different cells, over what the numbers of spikes give by chance."""
    most = round(longest / bin)
    bins = round((case.end - case.begin) / bin)
    binned = [[case.binned([train], bin) for train in cells] for cells in case.populations]
    pairs_by_lag = (bins - np.abs(np.arange(-most, most + 1))) / bins**2
    found = []
    for here, cells in enumerate(case.populations):
        found.append([])
        for there, others in enumerate(case.populations):
            total, pairs = np.zeros(2 * most + 1), 0
            for a, train in enumerate(cells):
                for b, other in enumerate(others):
                    if len(train) and len(other) and (here, a) != (there, b):
                        histogram, _ = spike_train_correlation.cross_correlation_histogram(
                            binned[here][a], binned[there][b], window=[-most, most]
                        )
                        total += histogram.magnitude.ravel()
                        pairs += len(train) * len(other)
            found[-1].append((total / (pairs * pairs_by_lag) if pairs else np.full(len(total), np.nan)).tolist())
    return found


def autocorrelation(case: Case, bin: float, longest: float) -> Any:
    found = []
    for cells in case.populations:
        counts = case.binned(cells, bin).to_array().sum(axis=0)
        full = signal.correlate(counts - counts.mean(), counts - counts.mean())[len(counts) - 1 :]
        found.append((full[: round(longest / bin) + 1] / full[0]).tolist())
    return found


def kappa(case: Case, share: float) -> Any:
    """Elephant's binary trains, pair by pair."""
    found = []
    for cells in case.populations:
        fire = [train for train in cells if len(train)]
        if len(fire) < 2:
            found.append(np.nan)
            continue
        width = share * (case.end - case.begin) * len(fire) / sum(map(len, fire))
        whole = int((case.end - case.begin) / width)
        cut = [case.neo(train[train <= case.begin + whole * width]) for train in fire]
        fires = conversion.BinnedSpikeTrain(cut, bin_size=width * pq.ms, n_bins=whole, t_start=case.begin * pq.ms)
        x = fires.to_bool_array()
        pairs = [(a & b).sum() / np.sqrt(a.sum() * b.sum()) for number, a in enumerate(x) for b in x[:number]]
        found.append(mean(pairs))
    return found


def spike_distance(case: Case) -> Any:
    edges = [case.begin, case.end]
    return [
        pyspike.spike_distance([pyspike.SpikeTrain(train, edges) for train in cells]) if len(cells) > 1 else np.nan
        for cells in case.populations
    ]


def van_rossum(case: Case, tau: float) -> Any:
    found = []
    for cells in case.populations:
        trains = [case.neo(train) for train in cells]
        distances = spike_train_dissimilarity.van_rossum_distance(trains, tau * pq.ms)
        found.append(mean(distances[np.triu_indices(len(trains), 1)]))
    return found


def vector_strength(case: Case, frequency: float) -> Any:
    return [locking(case, frequency, cells)[0] for cells in case.populations]


def mean_phase(case: Case, frequency: float) -> Any:
    return [locking(case, frequency, cells)[1] for cells in case.populations]


def locking(case: Case, frequency: float, cells: list[np.ndarray]) -> tuple[float, float]:
    strength, phase = signal.vectorstrength(np.concatenate(cells), 1e3 / frequency)
    return float(strength), float(phase)


def spectrum(case: Case, segment: float, background: float) -> Any:
    length = round(segment / case.interval)
    frequency, density = signal.welch(case.potential, 1e3 / case.interval, "hann", length, detrend="linear")
    return density[:, frequency <= background].tolist()


def spectrogram(case: Case, segment: float, background: float) -> Any:
    length = round(segment / case.interval)
    frequency, _, density = signal.spectrogram(
        case.potential, 1e3 / case.interval, "hann", length, length // 2, detrend="linear"
    )
    return density[:, frequency <= background].tolist()


def cv2(case: Case, least: int) -> Any:
    return of_intervals(statistics.cv2)(case, least)


def lv(case: Case, least: int) -> Any:
    return of_intervals(statistics.lv)(case, least)


# By measure, its variables, and who says them.
ORACLES: dict[str, tuple[str, list[Callable[..., Any]]]] = {
    "fano": ("Elephant", [fano]),
    "local_variation": ("Elephant", [cv2, lv]),
    "count_correlation": ("Elephant", [count_correlation]),
    "cross_correlation": ("Elephant", [cross_correlation]),
    "autocorrelation": ("SciPy", [autocorrelation]),
    "kappa": ("Elephant", [kappa]),
    "spike_distance": ("PySpike", [spike_distance]),
    "van_rossum": ("Elephant", [van_rossum]),
    "phase_locking": ("SciPy", [vector_strength, mean_phase]),
    "cell_rates": ("Elephant", [cell_rates]),
    "spectrum": ("SciPy", [spectrum]),
    "spectrogram": ("SciPy", [spectrogram]),
}


def plain(values: Any) -> Any:
    """Return numbers as JSON writes them: to twelve digits, null where there is none."""
    if isinstance(values, list):
        return [plain(value) for value in values]
    return None if np.isnan(values) else float(f"{values:.12g}")


def main(problem: Path, answer: Path) -> None:
    """Ask the oracles about every case."""
    warnings.simplefilter("ignore")
    answers = []
    for data in json.loads(problem.read_text()):
        case, found = Case(data), {}
        for measure, parameters in data["measures"].items():
            who, functions = ORACLES[measure]
            begin = time.perf_counter()
            numbers = {function.__name__: plain(function(case, **parameters)) for function in functions}
            found[measure] = {"who": who, "seconds": time.perf_counter() - begin, "numbers": numbers}
        answers.append(found)
    answer.write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
