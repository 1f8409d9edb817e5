# What a sweep ends with: its chunks, its cube, the records of its plan, and figures.


import contextlib
import os
import signal

import pandas
import psutil

from psst_core.attributes import STATUS
from psst_core.dataset import read
from psst_core.outcome import outcome, stopped, there


localrules:
    summarise,
    gather,
    estimate,
    draw,
    draw_more,
    tabulate,
    describe,


TARGETS = [
    again,
    chunk_files,
    summary_files,
    cube_file,
    record_files,
    estimate_files,
    figure_files,
    table_files,
    about_file,
]
SHORT = 40  # rows of a table that is shown at the end


def whereabouts(start):
    """Where the results lie, and what became of the runs; where no cube was asked for, how many are there."""
    if not cube_file().exists():
        return f"{start}: {there(plan(), RESULTS)}"
    figures = f" and {sweep_folder().figures}/" if figure_files() else ""
    with read(cube_file()) as cube:
        ok, said = (cube["status"] == STATUS["ok"]).any(), outcome(cube)
    where = f"{cube_file()}{figures}; where they come from: {about_file()}"
    return f"{start if ok else 'Made, without one run to use'}: {where}\n{plan().name}: {said}"


if workflow.is_main_process:
    TERMINAL.before, TERMINAL.nothing = told, lambda: whereabouts("Nothing to be done")


HELD = []  # the lock of the folder, until this process ends


def interrupt(number, frame):
    """Ask the running jobs to save and end, as Ctrl-C at a terminal does, also where Snakemake alone is told to."""
    for job in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(job.pid) == os.getpgrp():
                job.send_signal(signal.SIGINT)
    raise KeyboardInterrupt


def settle():
    """Claim the sweep, make room for its files, and say what moved."""
    said = claim(plan(), RESULTS)
    kept = keep_edited(sweep_folder().path, old())
    return said + [f"{file}: what was changed by hand is kept here" for file in kept]


onstart:
    signal.signal(signal.SIGINT, interrupt)
    try:
        HELD.append(FOLDER.lock())
        refuse_while_at_work(RESULTS, plan().manifests)
        said = [] if workflow.touch else settle()
    except PsstError as error:
        refuse(error)
    TERMINAL.say("\n".join([*said, told()]))
    TERMINAL.begin(progress().line)


onsuccess:
    TERMINAL.end()
    remove_stale(sweep_folder().path, [*figure_files(), *table_files()])
    for file in table_files():
        if len(table := pandas.read_csv(file)) <= SHORT:
            TERMINAL.say(table.to_string(index=False, float_format="{:.3g}".format))
    TERMINAL.say(whereabouts("Done"))


onerror:
    TERMINAL.end()
    failures = list(TERMINAL.failures.values())
    TERMINAL.say(stopped(plan(), failures, TERMINAL.asked, RESULTS))
