"""What the terminal says of a sweep: progress, failures, what became of its runs, and of a command line gone wrong."""

import io
import logging
import shlex
from dataclasses import replace

import numpy as np
import pytest

from psst_core.errors import PsstError
from psst_core.logs import last_words, logged
from psst_core.plan.sweep_plan import make_plan
from psst_core.sweep.runs import Axis
from psst_core.terminal.outcome import Failure, outcome, stopped
from psst_core.terminal.progress import Progress
from psst_core.terminal.snakemake_output import Terminal
from psst_core.words import check_words, cores
from support.made_up import made_up_sweep
from support.sweeps import TINY, run_sweep

MISTAKES = {
    "experiment=locust_coupling overrides=network.size=60 network.coupling=0.5": (
        "network.coupling=0.5",
        "--config experiment=locust_coupling overrides='network.size=60 network.coupling=0.5'",
    ),
    "experiment=lorenz solver=euler name=x": (
        "solver=euler",
        "--config experiment=lorenz name=x overrides='solver=euler'",
    ),
    "overrides=network.size=60, 120 solver=rk4": ("120", "--config overrides='network.size=60,120 solver=rk4'"),
    "overrides=network.size = 60": ("=", "--config overrides='network.size=60'"),
    "experimnt=lorenz": ("experimnt=lorenz", "did you mean experiment?"),
    "name=": ("name=", "has no value"),
    "overrides=": ("overrides=", "has no value"),
    "name=a name=b": ("name=b", "name=a stands there too"),
    "name=a results/a/sweep.nc": ("results/a/sweep.nc", "a target of Snakemake's stands before --config"),
    "name=a --config overrides=solver=rk4": ("", "write it once: --config name=a overrides='solver=rk4'"),
    "name=a -n -C experiment=lorenz": ("", "is given 2 times"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_command_line_is_refused_with_the_words_to_write(mistake):
    """And the words that it tells to write are taken."""
    word, remedy = MISTAKES[mistake]
    with pytest.raises(PsstError) as refused:
        check_words(["--config", *shlex.split(mistake)])
    said = str(refused.value)
    assert said.startswith(f"--config {word}".rstrip() + ":") and remedy in said and "\n" not in said
    if remedy.startswith("--config") or "write it once" in remedy:
        check_words(shlex.split("--config" + remedy.partition("--config")[2]))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-n",
        "--config name=a",
        "-n -Cname=a --cores 2",
        "--config overrides='a.b=1 c=2' experiment=x -n",
        "a --config name=b",
    ],
)
def test_right_command_lines_are_taken(line):
    check_words(shlex.split(line))


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("-n", "all"),
        ("-j1", 1),
        ("-j 3 -n --config name=a", 3),
        ("--jobs=2", 2),
        ("-j", "all"),
        ("--profile slurm -j 50", "all"),
        ("-e slurm -j 50", "all"),
    ],
)
def test_jobs_on_this_machine_are_cores(line, number):
    assert cores(shlex.split(line)) == number


def test_a_missing_configfile_is_named():
    with pytest.raises(PsstError, match=r"--configfile nope\.yaml: no such file"):
        check_words(["--configfile", "nope.yaml", "--config", "name=a"])


def record(event="", text="", level=logging.INFO, **rest):
    return logging.makeLogRecord({"msg": text, "levelno": level, "event": event or None, **rest})


def job(number, rule, **rest):
    return record("job_error", f"Error in rule {rule}", logging.ERROR, rule_name=rule, jobid=number, **rest)


def test_jobs_are_not_told_but_their_failures_are_kept(tmp_path):
    """Until a second attempt ends well."""
    (tmp_path / "a.log").write_text("2026-11-27 10:00:00 failed: network.size=7: no such thing\n")
    terminal = Terminal(io.StringIO())
    assert terminal.filter(record(text="Unlocking working directory."))
    assert not terminal.filter(record("workflow_started"))
    for text in ("Select jobs to execute...", "Execute 1 jobs...", "Using shell: /usr/bin/bash"):
        assert not terminal.filter(record(text=text))
    assert terminal.filter(record(text="a warning of Snakemake's", level=logging.WARNING))
    assert not terminal.filter(record("error", "RuleException:\nCalledProcessError in file x", logging.ERROR))
    logs = {"output": ["results/chunks/a.nc"], "log": [f"{tmp_path / 'a.log'} (check log file(s) for error details)"]}
    assert not terminal.filter(job(3, "simulate", **logs))
    assert terminal.failures[3].why.startswith("network.size=7: no such thing (all of it: ")
    assert "simulate: a job failed" in terminal.stream.getvalue()
    assert not terminal.filter(record("job_finished", job_id=3)) and not terminal.failures
    assert not terminal.filter(
        record("error", "WorkflowError:\nAt least one job did not complete successfully.", logging.ERROR)
    )


def test_what_is_refused_is_told_alone():
    terminal = Terminal(io.StringIO(), refused="network.size=-4: must be more")
    assert not terminal.filter(
        record("error", 'WorkflowError in file "plan.smk", line 3:\nnetwork.size=-4', logging.ERROR)
    )
    assert terminal.stream.getvalue() == "network.size=-4: must be more\n"


def test_a_locked_folder_is_told_with_its_remedy():
    terminal = Terminal(io.StringIO())
    assert not terminal.filter(record("error", "LockException: …", logging.ERROR, exception="LockException"))
    assert "`snakemake --unlock` opens the folder" in terminal.stream.getvalue()


def test_a_dry_run_tells_the_plan_and_keeps_the_listing():
    terminal = Terminal(io.StringIO(), dry=True, before=lambda: "mine: 2 runs")
    assert not terminal.filter(record("workflow_started"))
    assert terminal.stream.getvalue() == "mine: 2 runs\n" and terminal.filter(record("run_info", "Job stats:"))


def test_progress_is_told_in_runs_and_time_and_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("psst_core.terminal.snakemake_output.EACH", 0.01)
    terminal = Terminal(io.StringIO())
    terminal.begin(Progress(tmp_path, {"a": 6, "b": 4}, {"a": 30.0, "b": 20.0}, 1).line)
    while "left" not in terminal.stream.getvalue():
        pass
    terminal.end()
    assert terminal.stream.getvalue().startswith("0 of 10 runs, 0 % of the work, 50 s left\n")


def test_progress_counts_what_is_made_and_reads_how_far_the_rest_is(tmp_path):
    progress = Progress(tmp_path, {"a": 6, "b": 4, "old": 5}, {"a": 60.0, "b": 60.0}, 1)
    assert progress.line() == "5 of 15 runs, 0 % of the work, 2 min left"
    for folder in ("chunks", "logs/simulate"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "chunks" / "a.nc").touch()
    (tmp_path / "logs" / "simulate" / "b.log").write_text("2026-11-27 10:00:00 chunk b (8 cells): 50 %, 3 s left\n")
    progress.started -= 180.0  # so that it takes twice as long as expected
    assert progress.line() == "11 of 15 runs, 75 % of the work, 60 s left"
    (tmp_path / "chunks" / "b.nc").touch()
    assert progress.line() == "15 of 15 runs"


def test_a_job_leaves_a_line_of_what_went_wrong(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, logged(str(tmp_path / "a.log")) as report:
        report("at work")
        raise PsstError("network.size=7:\n  cannot be")
    assert ended.value.code == 1 and last_words(tmp_path / "a.log") == "failed: network.size=7: cannot be"
    assert "Traceback" in (tmp_path / "a.log").read_text() and capsys.readouterr() == ("", "")
    with pytest.raises(SystemExit), logged(str(tmp_path / "b.log")):
        {}["x"]
    assert last_words(tmp_path / "b.log") == "failed: KeyError: 'x'" and last_words(tmp_path / "c.log") == ""


def test_a_stopped_sweep_tells_which_runs_failed_and_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = make_plan("locust_coupling", f"{TINY} network.size=8,12 network.coupling=0,0.5 solver=rk4 hardware.jobs=2")
    chunk = plan.places[0].chunk
    failure = Failure("simulate", (f"results/chunks/{chunk}.nc",), tmp_path / "x.log", "failed: of itself")
    said = stopped(plan, [failure, Failure("draw", ("a.png",), None, "")], False, tmp_path)
    assert "simulate of 4 runs (size=8, coupling=0, 0.5, solver=rk4): of itself" in said
    assert "draw of a.png: said nothing in its log" in said
    assert said.splitlines()[-1].startswith(
        "Stopped, as 2 jobs failed: 0 of 8 runs are there, to stay; mend what is named"
    )
    assert (
        stopped(plan, [], True, tmp_path)
        == "Stopped: 0 of 8 runs are there, to stay; the same command goes on from there."
    )
    halted = [replace(failure, said="stopped by SIGINT: its state is saved")]
    assert "; the state of 1 job at work is saved; the same command goes on" in stopped(plan, halted, True, tmp_path)
    assert ": stopped by SIGINT: its state is saved" in stopped(plan, halted, False, tmp_path)
    killed = replace(failure, said="chunk a: 12 %, 3 s left")
    assert "was ended from outside, as for want of memory" in killed.why


AXES = [
    Axis("network.coupling", "coupling", (0.0, 0.5, 1.0), "coupling"),
    Axis("solver", "solver", ("rk4", "euler"), "solver"),
]


def test_the_outcome_counts_runs_by_status_and_says_where(tmp_path):
    cube = made_up_sweep(tmp_path, AXES).cube.load()
    assert outcome(cube) == "12 of 12 runs ok"
    lost = (cube["coupling"] == 1.0) & (cube["solver"] == "rk4")
    some = cube.assign(status=cube["status"].where(~lost, 1), diverged_time=cube["diverged_time"].where(~lost, 6.0))
    first, remedy = outcome(some).splitlines()
    assert (
        first == "10 ok, 2 diverged (first at 6 ms, all in coupling=1, solver=rk4)"
        and "run.dt=0.001 in place of 0.01 ms" in remedy
    )
    every = cube.assign(status=cube["status"] * 0 + 1, diverged_time=cube["diverged_time"].fillna(6.0))
    assert outcome(every).startswith("12 of 12 runs diverged (first at 6 ms)\n")
    partial = cube.assign(status=cube["status"].where(cube["coupling"] < 1.0, 2))
    assert outcome(partial) == "8 ok, 4 not run (all in coupling=1)"


@pytest.mark.slow
def test_the_remedy_for_runs_that_diverge_works(tmp_path):
    """The example of issue 17."""
    words = "network.size=40 network.coupling=1 solver=rk4 run.duration=50 recorder.window=[0,50] sweep.networks=1 "
    words += "analysis.spectrum=[0,50] sweep.trials=2 stimulus.onset=0 run.dt="
    said = outcome(run_sweep(tmp_path, "locust_coupling", words + "0.5", "long").cube)
    assert said.startswith("2 of 2 runs diverged (first at ") and "try run.dt=0.01 in place of 0.5 ms" in said
    cube = run_sweep(tmp_path, "locust_coupling", words + "0.01", "short").cube
    assert outcome(cube) == "2 of 2 runs ok" and np.isfinite(cube["firing_rate"]).all()
