"""A whole sweep in this process: its stages in their order, each only where its files are stale.

The files and their marks are those that Snakemake's jobs make, so either can go on where the other has stopped.
TensorFlow reads its settings once in a process. Chunks that need other settings than this process has are simulated by
another process, one chunk after the other.
"""

import contextlib
import io
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from psst_core.drawing import remove_stale, save, save_table
from psst_core.errors import PsstError
from psst_core.host.compiled import Programs
from psst_core.host.hardware import Settings, fits, settings, variables_kept
from psst_core.job.slurm import refuse_while_at_work
from psst_core.job.workers import PATIENCE, simulate, stop_with_input
from psst_core.logs import Report, last_words, logged, noted
from psst_core.outputs import SHOWING, Task, describe, settle, targets, tasks
from psst_core.plan.cost import CostModel, fit
from psst_core.plan.sweep_plan import EXPERIMENT, Plan, make_plan, unclaimed, work
from psst_core.results.error_estimate import estimate
from psst_core.results.gather import gather
from psst_core.results.summary import write_summary
from psst_core.results.sweep_results import Results, open_sweep
from psst_core.store.folder import RESULTS, Folder
from psst_core.terminal.forecast import as_text, expected
from psst_core.terminal.outcome import Failure, stopped, whereabouts
from psst_core.terminal.progress import Progress
from psst_core.terminal.snakemake_output import Terminal

MAKE: dict[str, Callable[[Task, Plan, Path], Any]] = {
    "summarise": lambda task, plan, folder: write_summary(task.read[0], task.files[0], plan.config),
    "gather": lambda task, plan, folder: gather(folder, plan.digest),
    "estimate": lambda task, plan, folder: estimate(folder, plan.digest),
    "draw": lambda task, plan, folder: save(task.name, open_sweep(folder, whole=True), task.files),
    "tabulate": lambda task, plan, folder: save_table(task.name, open_sweep(folder, whole=True), task.files[0]),
    "describe": lambda task, plan, folder: describe(open_sweep(folder), task),
}


def run_sweep(
    experiment: str = EXPERIMENT,
    overrides: str = "",
    name: str | None = None,
    *,
    results: Path | str = RESULTS,
    figures: bool = True,
    report: Report | None = None,
) -> Results:
    """Make a sweep, from its plan to its figures, and open it. What is there already stays.

    Args:
        experiment: a file in conf/experiment/, without its ending.
        overrides: `key=value` texts, separated by spaces.
        name: the folder in results/; by default the experiment's, with a digest behind it where there are overrides.
        results: the folder of all sweeps.
        figures: whether to make figures, their tables and the page about the sweep as well.
        report: called with each line for the user. By default lines are printed; on a terminal and in a notebook
            progress then stays in one line.

    Returns:
        The opened sweep.

    Raises:
        PsstError: where the sweep cannot be made, before any of it is; and where a stage fails.
        KeyboardInterrupt: when SIGINT asked to stop. What is finished stays, and a simulation saves how far it is. The
            same call goes on from there.
        SystemExit: when SIGTERM asked to stop, with the same effect.
    """
    results = Path(results)
    plan = make_plan(experiment, overrides, name, results)
    folder, whole = Folder(results).sweep(plan.name).path, tasks(plan, results)
    wanted = [task for task in whole if figures or task.stage not in SHOWING]
    terminal = Terminal(sys.stdout if report is None else Lines(report))
    if not unclaimed(plan, results) and not any(task.due(folder) for task in wanted):
        terminal.say(whereabouts(plan, results, "Nothing to be done"))
        return open_sweep(folder)
    with Folder(results).lock():
        refuse_while_at_work(results, plan.manifests)
        said = settle(plan, results, wanted)
        manifests = list(plan.manifests.values())
        costs = fit(results, manifests)
        terminal.say("\n".join([*said, as_text(plan, expected(plan, costs.judged(manifests), at_once=1))]))
        _make(plan, results, wanted, terminal, costs)
        if figures:
            files = targets(whole)
            remove_stale(folder, [*files["draw"], *files["tabulate"]])
    terminal.say(whereabouts(plan, results, "Done"))
    return open_sweep(folder)


class Lines(io.StringIO):
    """A stream that hands each of its lines to a function."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report

    def write(self, text: str) -> int:
        for line in text.splitlines() if text.strip() else ():
            self.report(line)
        return len(text)


def _make(plan: Plan, results: Path, wanted: Sequence[Task], terminal: Terminal, costs: CostModel) -> None:
    """Do the tasks that are due. Report how far they are, and at an error or a stop what became of them."""
    folder, failed = Folder(results).sweep(plan.name).path, list[Failure]()
    simulations = [task for task in wanted if task.stage == "simulate" and task.due(folder)]
    missing = {task.name: costs.seconds(plan.manifests[task.name]) for task in simulations}
    progress = Progress(results, Counter(place.chunk for place in set(plan.places)), missing, at_once=1)
    doing = "simulate"
    terminal.begin(lambda: progress.line() + ("" if doing == "simulate" else f"; {doing}"))
    try:
        _simulate(plan, results, simulations, failed)
        with _backend_kept():
            for task in (task for task in wanted if task.stage != "simulate" and task.due(folder)):
                doing = f"{task.stage} {task.name}"
                with _noted(task, plan, results, failed):
                    MAKE[task.stage](task, plan, folder)
    except (KeyboardInterrupt, SystemExit) as end:
        terminal.end()
        terminal.say(stopped(plan, failed, True, results))
        if isinstance(end, SystemExit) and end.code == 128 + signal.SIGINT:
            raise KeyboardInterrupt from None
        raise
    except Exception as error:
        if not failed:
            raise
        raise PsstError(stopped(plan, failed, False, results)) from error
    finally:
        terminal.end()


@contextlib.contextmanager
def _noted(task: Task, plan: Plan, results: Path, failed: list[Failure]) -> Iterator[Report]:
    """Keep the log of a task, as Snakemake's jobs do. A task that ends with an error is appended to `failed`."""
    log = _log(task, plan, results)
    try:
        with noted(str(log)) as report:
            yield report
    except BaseException:
        failed.append(_failure(task, log))
        raise


def _log(task: Task, plan: Plan, results: Path) -> Path:
    names = {"simulate": (task.name,), "summarise": (task.name, plan.analysis)}
    names |= dict.fromkeys(("draw", "tabulate"), (plan.name, task.name))
    return Folder(results).log(task.stage, *names.get(task.stage, (plan.name,)))


def _failure(task: Task, log: Path) -> Failure:
    return Failure(task.stage, tuple(map(str, task.files)), log, last_words(log))


def _simulate(plan: Plan, results: Path, simulations: Sequence[Task], failed: list[Failure]) -> None:
    """Make chunks, the largest first: in this process where TensorFlow can be set up for them, else in another one."""
    programs, elsewhere = Programs(Folder(results).compiled), dict[Settings, list[Task]]()
    in_main_thread = threading.current_thread() is threading.main_thread()  # signals reach only the main thread
    for task in sorted(simulations, key=lambda task: -work(plan.manifests[task.name])):
        hardware = plan.manifests[task.name].config.hardware
        if not in_main_thread or not (hardware.workers > 1 or fits(hardware, programs)):
            elsewhere.setdefault(settings(hardware), []).append(task)
            continue
        with _noted(task, plan, results, failed) as report, variables_kept():
            simulate(Folder(results).manifest_file(task.name), task.files[0], report, time.perf_counter())
    for group in elsewhere.values():
        _simulate_elsewhere(plan, results, group, failed)


def _simulate_elsewhere(plan: Plan, results: Path, group: Sequence[Task], failed: list[Failure]) -> None:
    """Make chunks in another process. It saves its state when this process is asked to stop, and ends with it."""
    command = [sys.executable, "-m", __name__, str(results), *(task.name for task in group)]
    # It has a session of its own, so that Ctrl-C reaches only this process. Its standard input tells it to stop.
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            code = process.wait()
        except BaseException:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                print("stop", file=process.stdin, flush=True)
                process.wait(PATIENCE)
            process.kill()
            failed += _unfinished(plan, results, group)
            raise
    if code:
        failed += _unfinished(plan, results, group)
        raise PsstError(f"the process that simulated ended with {code}")


def _unfinished(plan: Plan, results: Path, group: Sequence[Task]) -> list[Failure]:
    """Return the failure of the chunk at which another process ended."""
    missing = [task for task in group if not task.files[0].exists()]
    begun = [task for task in missing if _log(task, plan, results).exists()]
    return [_failure(task, _log(task, plan, results)) for task in (begun or missing)[:1]]


@contextlib.contextmanager
def _backend_kept() -> Iterator[None]:
    """Keep Matplotlib's way to show figures as it was, behind a block that draws figures into files."""
    import matplotlib

    before = matplotlib.get_backend()
    try:
        yield
    finally:
        matplotlib.use(before, force=False)


def main(arguments: Sequence[str]) -> None:
    """Make chunks: `python -m psst_core.in_process RESULTS CHUNK …`.

    The answer is what is written to their logs.
    """
    folder, chunks = Folder(Path(arguments[0])), arguments[1:]
    threading.Thread(target=stop_with_input, daemon=True).start()
    for number, chunk in enumerate(chunks):
        began = time.perf_counter() if number else None
        with logged(str(folder.log("simulate", chunk))) as report:
            simulate(folder.manifest_file(chunk), folder.chunk_file(chunk), report, began)


if __name__ == "__main__":
    main(sys.argv[1:])
