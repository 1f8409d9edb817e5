"""A folder like a clone of PSST, in which workflows are started and watched."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from psst_core.store.dataset import checksum
from psst_core.store.folder import Folder
from support.paths import ROOT

BIN = Path(sys.executable).parent
PARTITIONS = "partitions:\n  cpu: {max_runtime: 60}\n  gpu: {max_runtime: 60, max_gpu: 2}\n"
QUICK = "--slurm-init-seconds-before-status-checks 2 --latency-wait 10 --slurm-partition-config partitions.yaml"
QUICK += " --slurm-keep-successful-logs"


class Clone:
    """A folder in which a person may type, as in a clone, and the workflow that was last started there."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        for name in ("workflow", "slurm"):
            (folder / name).symlink_to(ROOT / name)
        (folder / "partitions.yaml").write_text(PARTITIONS)
        self.workflow: subprocess.Popen[str] | None = None

    def start(self, *arguments: str) -> None:
        with (self.folder / "stderr").open("w") as output:
            self.workflow = subprocess.Popen(
                [BIN / "snakemake", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
                preexec_fn=_heed_interrupts,
            )

    def on_cluster(self, words: list[str], *arguments: str) -> None:
        self.start("--profile", "slurm", *QUICK.split(), *arguments, "--config", *words)

    def stop(self) -> None:
        if self.workflow and self.workflow.poll() is None:
            self.workflow.kill()
            self.workflow.wait()

    def said(self) -> str:
        """Return the output of the last workflow."""
        return (self.folder / "stderr").read_text()

    def done(self, seconds: float = 400) -> None:
        """Wait for the workflow, which must end well."""
        assert self.workflow.wait(seconds) == 0, self.said()

    def eventually(self, happened: Callable[[], object], what: str) -> None:
        """Wait until something has happened while the workflow runs."""

        def happened_in_time() -> object:
            assert self.workflow.poll() is None, f"{what}: the workflow ended before\n{self.said()}"
            return happened()

        self.until(happened_in_time, what)

    def until(self, happened: Callable[[], object], what: str, seconds: float = 120) -> None:
        """Wait until something has happened."""
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, f"{what}: not within {seconds:g} s\n{self.said()}"
            time.sleep(0.2)

    def kept(self) -> str:
        """Return the text of all of Slurm's logs; those of jobs that ended well are kept too."""
        return "".join(log.read_text() for log in self.folder.glob("results/logs/slurm/**/*.log"))

    def psst(self, *arguments: str) -> str:
        done = subprocess.run(
            [BIN / "psst", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def data(self) -> dict[str, str]:
        """By file, the checksums of chunks and cubes."""
        results = self.folder / "results"
        files = [*Folder(results).chunk_files(), *results.glob("*/sweep.nc")]
        return {str(file.relative_to(results)): checksum(file) for file in sorted(files)}


def _heed_interrupts() -> None:
    """Let a process hear SIGINT, which a shell makes background processes, and all that they start, ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
