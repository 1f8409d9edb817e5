"""The output on the terminal while Snakemake runs a sweep: runs and time in place of jobs, and failures in their words.

Snakemake writes its messages with Python's `logging`. A filter on its stream receives each message and hides most of
them. Snakemake's own log file keeps them all.
"""

import contextlib
import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from psst_core.logs import last_words
from psst_core.terminal.outcome import Failure

LOGGER = "snakemake.logging"
CLEAR = "\r\x1b[K"
EACH, OFTEN, SELDOM = 1.0, 10.0, 60.0  # s between lines: on a terminal; in a file in its first minute; there later
NOTHING = "Nothing to be done"
CHATTER = ("Assuming unrestricted shared filesystem", "Building DAG of jobs")
RETOLD = {
    "LockException": "Another snakemake works in this folder, or one was killed in it. Where none does, `snakemake "
    "--unlock` opens the folder, and the same command goes on from there."
}
KEPT = (NOTHING, "Report created")
STOPPING = {
    "Will exit after": "stops when the jobs at work have ended",
    "Terminating processes": "stops now; jobs at work save how far they are",
}
REPEATED = ("Exiting because a job execution failed", "At least one job did not complete successfully")
AGAIN = "Trying to restart job"


def replaces(stream: TextIO) -> bool:
    """Return whether a new line can replace the last one: on a terminal, and in a notebook."""
    return stream.isatty() or type(stream).__module__.startswith("ipykernel.")


@dataclass(eq=False)
class Terminal(logging.Filter):
    """The filter on the stream of Snakemake's messages, and the messages that it writes in their place.

    Attributes:
        stream: the stream to write to.
        dry: whether Snakemake only lists jobs; its list is then shown as it is.
        silent: whether progress is not wanted.
        before: gives the message about a sweep whose jobs are only listed.
        nothing: gives the message when nothing is to be done.
        refused: an error that was found before any job; it is shown without Snakemake's words around it.
        failures: the failed jobs by their number, without those that succeeded when tried again.
        asked: whether the sweep was asked to stop.
    """

    stream: TextIO
    dry: bool = False
    silent: bool = False
    before: Callable[[], str] = str
    nothing: Callable[[], str] = str
    refused: str = ""
    failures: dict[int, Failure] = field(default_factory=dict)
    asked: bool = False
    _running: bool = False
    _rules: dict[int, str] = field(default_factory=dict)
    _left: dict[str, int] = field(default_factory=dict)
    _progress: Callable[[], str] | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _lock: Any = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def attached(cls, **settings: Any) -> "Terminal":
        """Return a filter on Snakemake's own stream.

        It is attached to none if another logger has replaced Snakemake's.
        """
        streams = [
            handler for handler in logging.getLogger(LOGGER).handlers if type(handler).__name__.startswith("Col")
        ]
        terminal = cls(getattr(streams[0], "stream", sys.stderr) if streams else sys.stderr, **settings)
        for handler in streams:
            handler.filters.insert(0, terminal)
        return terminal

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether Snakemake's message is shown as it is."""
        event, text = str(getattr(record, "event", None) or ""), str(record.msg or "")
        if event == "workflow_started":
            self._running = not self.dry
        if told := self._in_its_place(event, text, record):
            self.say(told)
        if told or event == "workflow_started" or text.startswith(CHATTER):
            return False
        if not self._running:
            return True
        self._note(event, record)
        if text.startswith(AGAIN):
            self.say("it is tried again, with more memory and time where a cluster runs it")
        shown = text.startswith(KEPT) if record.levelno < logging.WARNING else self._new(event, text)
        for start, told in STOPPING.items():
            if text.startswith(start) and not self.asked:
                self.asked = True
                self.say(told)
        if shown:
            self._wipe()
        return shown

    def _in_its_place(self, event: str, text: str, record: logging.LogRecord) -> str:
        """Return what PSST says in place of a message of Snakemake's; empty where it says nothing."""
        if event == "error":
            return self.refused or RETOLD.get(str(getattr(record, "exception", "")), "")
        if event == "workflow_started":
            return self.before() if self.dry else ""
        return self.nothing() if text.startswith(NOTHING) else ""

    def say(self, text: str) -> None:
        """Write a message of PSST, in place of a line of progress."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            self._wipe()
            print(text, file=self.stream, flush=True)

    def interrupted(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Replace `sys.excepthook`, which shows a traceback if Ctrl-C comes before any job."""
        if issubclass(kind, KeyboardInterrupt):
            self.say("Stopped: what is finished stays; the same command goes on from there.")
        else:
            sys.__excepthook__(kind, error, trace)

    def begin(self, progress: Callable[[], str]) -> None:
        """Write progress from now on, until `end`."""
        self._progress = progress
        if not self.silent:
            self._thread = threading.Thread(target=self._follow, daemon=True)
            self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._wipe()

    def _new(self, event: str, text: str) -> bool:
        """Return whether a warning or an error is new: not one that PSST writes itself, and no repetition."""
        told = event in ("job_error", "group_error") or "CalledProcessError" in text
        return not told and not any(words in text for words in REPEATED)

    def _note(self, event: str, record: logging.LogRecord) -> None:
        """Count jobs by their rules, and keep those that fail."""
        seen = vars(record)
        if event == "run_info":
            self._left = {rule: int(count) for rule, count in seen["stats"].items() if rule not in ("total", "all")}
        elif event == "job_info":
            self._rules[seen["jobid"]] = seen["rule_name"]
        elif event == "job_finished":
            rule = self._rules.get(seen["job_id"], "")
            self._left[rule] = max(0, self._left.get(rule, 0) - 1)
            self.failures.pop(seen["job_id"], None)
        elif event == "job_error":
            log = Path(seen["log"][0].split(" (")[0]) if seen["log"] else None
            said = last_words(log) if log else ""
            failure = Failure(seen["rule_name"], tuple(map(str, seen["output"])), log, said)
            again = seen["jobid"] in self.failures
            self.failures[seen["jobid"]] = failure
            if not self.asked and not again:
                self.say(f"{failure.rule}: a job failed")

    def _follow(self) -> None:
        """Write a line of progress now and then; on a terminal, always in the same line."""
        tty, started, last, told = replaces(self.stream), time.monotonic(), 0.0, ""
        while not self._ended.wait(EACH):
            now = time.monotonic()
            each = EACH if tty else OFTEN if now - started < SELDOM else SELDOM
            if now - last < each:
                continue
            line, last = self._line(), now
            if line == told:
                continue
            told = line
            with self._lock, contextlib.suppress(BrokenPipeError):
                if tty:
                    self.stream.write(CLEAR + line[: shutil.get_terminal_size().columns - 1])
                    self.stream.flush()
                else:
                    print(line, file=self.stream, flush=True)

    def _line(self) -> str:
        """Return the progress of the runs; once they are made, also that of what follows."""
        assert self._progress is not None
        line, left = self._progress(), {rule: count for rule, count in self._left.items() if count}
        if left.keys() & {"simulate", "measure", "compare"} or not left:
            return line
        drawing = sum(left.get(rule, 0) for rule in ("draw", "draw_more", "tabulate"))
        if left.keys() & {"summarise", "gather", "estimate"}:
            return f"{line}; measuring and gathering"
        return f"{line}; {drawing} of the figures and tables left to make" if drawing else line

    def _wipe(self) -> None:
        if replaces(self.stream) and self._thread is not None:
            with self._lock:
                self.stream.write(CLEAR)
                self.stream.flush()
