# What a sweep ends with: its chunks, its cube, the records of its plan, and figures.


import pandas


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


HELD = []  # the lock of the folder, until this process ends


onstart:
    try:
        HELD.append(lock(RESULTS))
        refuse_while_at_work(RESULTS, plan().manifests)
        claim(plan(), RESULTS)
    except PsstError as error:
        raise WorkflowError(str(error)) from None
    print(describe(plan()), file=sys.stderr)


onsuccess:
    remove_stale(RESULTS / plan().name / "figures", figure_files())
    remove_stale(RESULTS / plan().name / "tables", table_files())
    for file in table_files():
        if len(table := pandas.read_csv(file)) <= SHORT:
            print(
                table.to_string(index=False, float_format="{:.3g}".format),
                file=sys.stderr,
            )
    figures = f" and {RESULTS / plan().name / 'figures'}/" if figure_files() else ""
    print(f"Done: {cube_file()}{figures}", file=sys.stderr)


onerror:
    print(
        "Stopped: what is finished stays; the same command goes on from there.",
        file=sys.stderr,
    )
