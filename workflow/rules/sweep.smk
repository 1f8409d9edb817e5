# What a sweep ends with: all files of its stages.


import contextlib
import os
import signal

import pandas
import psutil

from psst_core.terminal.outcome import stopped, whereabouts


localrules:
    summarise,
    gather,
    estimate,
    draw,
    draw_more,
    tabulate,
    describe,


TARGETS = [again, every_file]
SHORT = 40  # rows of a table that is shown at the end


def ended(start):
    return whereabouts(plan(), RESULTS, start)


if workflow.is_main_process:
    TERMINAL.before, TERMINAL.nothing = told, lambda: ended("Nothing to be done")


HELD = []  # the lock of the folder, until this process ends


def interrupt(number, frame):
    """Ask the running jobs to save and end, as Ctrl-C at a terminal does, also where Snakemake alone is told to."""
    for job in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(job.pid) == os.getpgrp():
                job.send_signal(signal.SIGINT)
    raise KeyboardInterrupt


onstart:
    signal.signal(signal.SIGINT, interrupt)
    try:
        HELD.append(FOLDER.lock())
        refuse_while_at_work(RESULTS, plan().manifests)
        said = (
            []
            if workflow.touch
            else settle(plan(), RESULTS, tasks(plan(), RESULTS))
        )
    except PsstError as error:
        refuse(error)
    TERMINAL.say("\n".join([*said, told()]))
    TERMINAL.begin(progress().line)


onsuccess:
    TERMINAL.end()
    remove_stale(
        FOLDER.sweep(plan().name).path, [*stages()["draw"], *stages()["tabulate"]]
    )
    for file in stages()["tabulate"]:
        if len(table := pandas.read_csv(file)) <= SHORT:
            TERMINAL.say(table.to_string(index=False, float_format="{:.3g}".format))
    TERMINAL.say(ended("Done"))


onerror:
    TERMINAL.end()
    failures = list(TERMINAL.failures.values())
    TERMINAL.say(stopped(plan(), failures, TERMINAL.asked, RESULTS))
