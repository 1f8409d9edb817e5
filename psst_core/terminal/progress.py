"""The progress of a sweep's simulations while they run, from the files and logs of their jobs."""

import re
import time
from collections.abc import Mapping
from pathlib import Path

from psst_core.logs import last_words
from psst_core.plan.machine import schedule
from psst_core.store.folder import Folder

SHARE = re.compile(r": (\d+) %")
TRUSTED = 0.05  # the share of the expected time that must be done before the speed so far is used


class Progress:
    """The runs of a sweep and the time that is left, determined anew at each call.

    Args:
        results: the results folder.
        runs: by chunk, how many runs of the sweep it holds.
        seconds: by chunk that is not made yet, the expected time of its job.
        at_once: how many jobs run at a time.
    """

    def __init__(self, results: Path, runs: Mapping[str, int], seconds: Mapping[str, float], at_once: int) -> None:
        self.results, self.runs, self.seconds, self.at_once = results, runs, seconds, at_once
        self.started, self.expected = time.monotonic(), schedule(list(seconds.values()), at_once)

    def line(self) -> str:
        """Return a line such as `312 of 1,296 runs, 24 % of the work, 2 min left`."""
        shares = self._shares()
        finished = sum(count for chunk, count in self.runs.items() if shares.get(chunk, 1.0) == 1.0)
        whole = sum(self.seconds.values())
        work = sum(shares[chunk] * seconds for chunk, seconds in self.seconds.items()) / whole if whole else 1.0
        start = f"{finished:,} of {sum(self.runs.values()):,} runs"
        if work == 1.0:
            return start
        return f"{start}, {100 * work:.0f} % of the work, {_rounded(self._left(shares))} left"

    def _left(self, shares: Mapping[str, float]) -> float:
        """Return the seconds until the last job ends: as expected, or by the speed so far once there is one."""
        left = schedule([(1.0 - shares[chunk]) * seconds for chunk, seconds in self.seconds.items()], self.at_once)
        done = self.expected - left
        return left * (time.monotonic() - self.started) / done if done > TRUSTED * self.expected else left

    def _shares(self) -> dict[str, float]:
        """Return the finished share of each chunk that was to be made, from 0 to 1."""
        folder = Folder(self.results)
        made, begun = _names(folder.chunks), _names(folder.logs("simulate"))
        shares = {}
        for chunk in self.seconds:
            log = folder.log("simulate", chunk)
            if folder.chunk_file(chunk).name in made:
                shares[chunk] = 1.0
            elif log.name in begun:
                said = SHARE.search(last_words(log))
                shares[chunk] = min(int(said[1]), 99) / 100 if said else 0.0
            else:
                shares[chunk] = 0.0
        return shares


def _names(folder: Path) -> set[str]:
    try:
        return {file.name for file in folder.iterdir()}
    except OSError:
        return set()


def _rounded(seconds: float) -> str:
    """Return a time as text with few digits, as an estimate deserves no more."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
