"""A running program, and the measurements of it."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from psst_core import PsstError

HERE = Path(__file__).parent
SCRIPTS = {name: f"{name}.py" for name in ("psst", "handwritten", "limit", "tutorial")} | {"numpy": "numpy_loop.py"}


@dataclass
class Row:
    """One program on one problem, with its measurements."""

    section: str
    program: str
    problem: str
    mode: str = "default"
    method: str = "rk4"
    precision: str = "double"
    runs: int = 1
    equations: int = 0
    cores: int = 1
    steps: int = 0
    threads: int = 1
    seconds: list[float] = field(default_factory=list)
    setup_seconds: float = np.nan
    peak_memory: float = np.nan
    spikes: int = -1
    version: str = ""


class Conversation:
    """A running program: it is asked with a line and answers with a line of JSON."""

    def __init__(self, row: Row, python: str, problem: Path, log: Path) -> None:
        model = row.section if row.section in ("cells", "coba", "product") else "locust"
        script = SCRIPTS.get(row.program, f"{row.program}_{model}.py")
        command = [python, str(HERE / script), str(problem), "--precision", row.precision, "--method", row.method]
        command += ["--mode", row.mode, "--threads", str(row.threads)]
        self.row, self.log = row, log
        with open(log, "w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
            )
        ready = self._answer()
        row.setup_seconds, row.version = ready["setup_seconds"], ready["version"]

    def pin(self, core: int) -> None:
        subprocess.run(["taskset", "-acp", str(core), str(self.process.pid)], check=True, stdout=subprocess.DEVNULL)

    def ask(self) -> None:
        """Ask for one integration; write its seconds and spikes into the row."""
        self._say("run")
        answer = self._answer()
        self.row.seconds.append(answer["seconds"])
        self.row.spikes = answer["total"]

    def leave(self) -> None:
        self._say("quit")
        self.row.peak_memory = self._answer()["peak_memory"]
        self.process.communicate(timeout=60)

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            last = self.log.read_text(encoding="utf-8").strip().splitlines()[-1:]
            raise PsstError(
                f"{self.row.program} {self.row.mode}: ended without an answer; {self.log}: {' '.join(last)}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer
