"""The log of a job: how far the job is, and its last line."""

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from psst_core.errors import PsstError

ALOUD = "PSST_ALOUD"  # a variable that is set in a process that runs a job for a cluster
STOPPED = "stopped by"  # begins the last line of a job that was asked to end
FAILED = "failed: "
STAMP = "%Y-%m-%d %H:%M:%S"

Report = Callable[[str], None]


@contextlib.contextmanager
def logged(path: str, aloud: bool = False) -> Iterator[Report]:
    """Keep a log as `noted` does, in a process that only does this job.

    An error ends the process with 1, Ctrl-C with 130.
    """
    try:
        with noted(path, aloud) as report:
            yield report
    except SystemExit:
        raise
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BaseException:
        raise SystemExit(1) from None


@contextlib.contextmanager
def noted(path: str, aloud: bool = False) -> Iterator[Report]:
    """Keep the log of a job in this block, and yield a function that writes a line to it.

    From the logs the terminal tells how far all jobs are. After an error the log holds the traceback, and behind it
    the one line that people read. An exit that was asked for is no error. The log of a job that ends well is removed,
    as the job's file says what it took. A log that cannot be written, or that is removed meanwhile, ends no job.

    Args:
        path: of the log.
        aloud: whether lines also go to standard error, for where no one reads the log. They always do in a job of a
            cluster, whose standard error is a log that stays.
    """
    aloud = aloud or ALOUD in os.environ
    _add(path, "", "w")

    def report(line: str) -> None:
        if aloud:
            print(line, file=sys.stderr, flush=True)
        _add(path, f"{time.strftime(STAMP)} {line}\n")

    try:
        yield report
    except SystemExit:
        raise
    except KeyboardInterrupt:
        report(f"{STOPPED} SIGINT")
        raise
    except BaseException as error:
        _add(path, traceback.format_exc())
        report(FAILED + _in_a_line(error))
        raise
    with contextlib.suppress(OSError):
        Path(path).unlink()


def _add(path: str, text: str, mode: str = "a") -> None:
    with contextlib.suppress(OSError):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, mode, encoding="utf-8") as log:
            log.write(text)


def last_words(path: Path) -> str:
    """Return the last line of a log without its date; empty where there is none."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    last = lines[-1] if lines else ""
    try:
        time.strptime(last[:19], STAMP)
    except ValueError:
        return last
    return last[20:]


def _in_a_line(error: BaseException) -> str:
    """Write an error's message in one line, with its kind before it unless it is a `PsstError`."""
    said = " ".join(str(error).split())
    return said if isinstance(error, PsstError) else f"{type(error).__name__}: {said}" if said else type(error).__name__
