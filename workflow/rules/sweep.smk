# What a sweep ends with: its chunks, its cube, the records of its plan, and figures.


import pandas

from psst_core.dataset import STATUS, read
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
    chunk_files,
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
    figures = f" and {RESULTS / plan().name / 'figures'}/" if figure_files() else ""
    with read(cube_file()) as cube:
        ok, said = (cube["status"] == STATUS["ok"]).any(), outcome(cube)
    where = f"{cube_file()}{figures}; where they come from: {about_file()}"
    return f"{start if ok else 'Made, without one run to use'}: {where}\n{plan().name}: {said}"


if workflow.is_main_process:
    TERMINAL.before, TERMINAL.nothing = told, lambda: whereabouts("Nothing to be done")


HELD = []  # the lock of the folder, until this process ends


onstart:
    try:
        HELD.append(lock(RESULTS))
        refuse_while_at_work(RESULTS, plan().manifests)
        claim(plan(), RESULTS)
    except PsstError as error:
        refuse(error)
    TERMINAL.say(told())
    TERMINAL.begin(progress().line)


onsuccess:
    TERMINAL.end()
    remove_stale(RESULTS / plan().name / "figures", figure_files())
    remove_stale(RESULTS / plan().name / "tables", table_files())
    for file in table_files():
        if len(table := pandas.read_csv(file)) <= SHORT:
            TERMINAL.say(table.to_string(index=False, float_format="{:.3g}".format))
    TERMINAL.say(whereabouts("Done"))


onerror:
    TERMINAL.end()
    failures = list(TERMINAL.failures.values())
    TERMINAL.say(stopped(plan(), failures, TERMINAL.asked, RESULTS))
