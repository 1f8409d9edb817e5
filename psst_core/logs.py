"""What a job says, on the terminal and in its log."""

import contextlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

STOPPED = "stopped by"  # what a job says last that was asked to end

Report = Callable[[str], None]


@contextlib.contextmanager
def logged(path: str) -> Iterator[Report]:
    """A function that writes a line to standard error and to the log.

    An error is logged on its way out, but not an exit that was asked for. Of a job that ends well no log stays, what it
    took is in its file.
    """
    with Path(path).open("w", encoding="utf-8") as log:

        def report(line: str) -> None:
            print(line, file=sys.stderr, flush=True)
            print(time.strftime("%Y-%m-%d %H:%M:%S"), line, file=log, flush=True)

        try:
            yield report
        except SystemExit:
            raise
        except BaseException:
            traceback.print_exc(file=log)
            raise
    Path(path).unlink()
