"""A simulate job, by one process or by several workers together.

The job starts its workers itself, on the loopback network. Within a Slurm job, `srun` starts them on all its nodes,
one in each task.
"""

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

from psst_core.configuration import HardwareConfig
from psst_core.errors import PsstError
from psst_core.job.checkpoint import ECHO, SIGNALS
from psst_core.job.chunk import simulate_chunk
from psst_core.logs import Report
from psst_core.store.manifest import read_claim

POLL, PATIENCE = 0.1, 30.0  # s


def simulate(manifest: Path, target: Path, report: Report, began: float | None = None) -> None:
    """Make a chunk, with as many workers as its `hardware.workers` says.

    Args:
        manifest: the file of the chunk's manifest.
        target: the NetCDF file; it appears when everything is in it.
        report: takes a line of progress every five seconds.
        began: when the job began, on the clock of `time.perf_counter`; None stands for the start of this process.

    Raises:
        PsstError: also when a worker ends before the others; what was saved until then remains.
        SystemExit: when SIGTERM or SIGINT asked for it; the state is saved.
    """
    claim = read_claim(manifest)
    hardware = claim.config.hardware
    if hardware.workers == 1:
        simulate_chunk(claim, target, report, began=began)
        return
    command = [sys.executable, "-m", __name__, str(manifest), str(target)]
    job = Job(command, hardware, report)
    with job.listening():
        job.wait()


class Job:
    """Workers that start together and end together.

    Args:
        command: the command of each worker.
        hardware: the resolved `hardware` of a configuration.
        report: takes the lines that the first worker prints.
    """

    def __init__(self, command: Sequence[str], hardware: HardwareConfig, report: Report) -> None:
        workers = self.workers = hardware.workers
        self.report, self.asked = report, 0
        self.in_slurm = "SLURM_JOB_ID" in os.environ
        self.errors: list[IO[str]] = []
        self.processes: list[subprocess.Popen[str]] = []
        outside = dict(os.environ)
        if self.in_slurm:
            # This process may be a task of a step itself. The settings of that step must not reach the new one.
            kept = {name: value for name, value in outside.items() if not name.startswith(("SLURM_", "SRUN_"))}
            kept |= {"SLURM_JOB_ID": outside["SLURM_JOB_ID"]}
            step = [f"--ntasks={workers}", f"--cpus-per-task={hardware.cores // workers}"]
            step += ["--overlap", "--kill-on-bad-exit=1"]
            step += [f"--gpus-per-task={hardware.devices}"] if hardware.device != "cpu" else []
            self._start(["srun", *step, *command], kept)
            return
        cluster = {"worker": [f"127.0.0.1:{port}" for port in _free_ports(workers)]}
        for rank in range(workers):
            place = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": rank}})
            self._start(command, outside | {"TF_CONFIG": place})

    def _start(self, command: Sequence[str], environment: dict[str, str]) -> None:
        # In a session of its own, so that Ctrl-C reaches this process alone. The worker learns of it through its
        # standard input, because srun ends all tasks when it gets a signal itself.
        self.errors.append(tempfile.TemporaryFile("w+", errors="replace"))  # noqa: SIM115  (read after the end)
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors[-1],
            env=environment,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        threading.Thread(target=self._hear, args=(process,), daemon=True).start()

    def _hear(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            self.report(line.rstrip())

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT ask the first worker to stop within this block.

        A second, later signal ends all workers at once.
        """
        first = math.inf

        def ask(number: int, _: FrameType | None) -> None:
            nonlocal first
            if time.monotonic() > first + ECHO:
                self._end()
            if not self.asked:
                self.asked, first = number, time.monotonic()
                print("stop", file=self.processes[0].stdin, flush=True)

        handlers = {number: signal.signal(number, ask) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def wait(self) -> None:
        """Wait until the first worker has ended, or another one has failed.

        Raises:
            PsstError: naming the worker that failed.
            SystemExit: when the job was asked to stop.
        """
        try:
            leader = self.processes[0]
            while leader.poll() is None and not self._codes():
                time.sleep(POLL)
            if self.asked:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    leader.wait(PATIENCE)
            if self.asked and leader.poll() == 128 + signal.SIGTERM:
                raise SystemExit(128 + self.asked)
            if leader.poll() != 0:
                codes = self._codes()
                # A worker that loses another one fails or is aborted by TensorFlow; one that a signal ended was first.
                first = min(codes, key=lambda rank: (codes[rank] == -signal.SIGABRT, codes[rank] > 0))
                raise PsstError(self._failure(first, codes[first]))
        finally:
            self._end()

    def _codes(self) -> dict[int, int]:
        """Return the exit codes of the workers that failed, by rank."""
        return {rank: code for rank, process in enumerate(self.processes) if (code := process.poll())}

    def _failure(self, rank: int, code: int) -> str:
        self.errors[rank].seek(0)
        lines = [line for line in self.errors[rank].read().splitlines() if line.strip()]
        process = self.processes[rank]
        who = f"worker {rank} of {self.workers} (process {process.pid} on {socket.gethostname()})"
        if self.in_slurm:
            who, lines = "srun", [line for line in lines if line.startswith("srun: error")] or lines
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        said = f": {lines[-1]}" if lines and code > 0 else ""
        return f"{who} {how}{said}; all others were ended; start again, it goes on from the last saved state"

    def _end(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


def _free_ports(count: int) -> list[int]:
    """Return ports of the loopback network that no one listens at now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def stop_with_input() -> None:
    """Treat each line of standard input, which `srun` passes on, as a SIGTERM.

    When the input ends, the job has ended: exit.
    """
    for _ in sys.stdin:
        os.kill(os.getpid(), signal.SIGTERM)
    os._exit(1)


def main(arguments: Sequence[Any]) -> None:
    """Run a worker: `python -m psst_core.job.workers MANIFEST TARGET`."""
    manifest, target = map(Path, arguments)
    threading.Thread(target=stop_with_input, daemon=True).start()
    code = 0
    try:
        simulate_chunk(read_claim(manifest), target, lambda line: print(line, flush=True), alone=False)
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    except BaseException as error:
        code = 1
        print(error if isinstance(error, PsstError) else traceback.format_exc(), file=sys.stderr, flush=True)
    # At once, because TensorFlow's own way out aborts the workers that leave a cluster last.
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
