# What a sweep ends with: its chunks, its cube, the records of its plan, and figures.


localrules:
    summarise,
    gather,
    draw,


TARGETS = [chunk_files, cube_file, record_files, figure_files]


onstart:
    claim(plan(), RESULTS)
    print(describe(plan()), file=sys.stderr)


onsuccess:
    remove_stale(RESULTS / plan().name / "figures", figure_files())
    print(
        f"Done: {cube_file()} and the figures in {RESULTS / plan().name / 'figures'}/",
        file=sys.stderr,
    )


onerror:
    print(
        "Stopped: what is finished stays; the same command goes on from there.",
        file=sys.stderr,
    )
