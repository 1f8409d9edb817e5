# Figures and their tables, made again when their code, their caption or the cube changes, and the page that shows them
# and says where a sweep comes from.


include: "captions.smk"


rule draw:
    input:
        FOLDER.sweep("{name}").cube,
        estimate_files,
    output:
        png=report(
            FOLDER.sweep("{name}").figure("{figure}", "png"),
            caption="../report/caption.rst",
            category="{name}",
            labels={"result": "{figure}", "kind": "figure"},
        ),
        svg=FOLDER.sweep("{name}").figure("{figure}", "svg"),
    log:
        FOLDER.log("draw", "{name}", "{figure}"),
    script:
        "../scripts/draw.py"


rule draw_more:
    input:
        FOLDER.sweep("{name}").cube,
        estimate_files,
    output:
        FOLDER.sweep("{name}").figure("{figure}", "{ending}"),
    log:
        FOLDER.log("draw", "{name}", "{figure}", "{ending}"),
    wildcard_constraints:
        ending="pdf|eps",
    script:
        "../scripts/draw.py"


rule tabulate:
    input:
        FOLDER.sweep("{name}").cube,
        estimate_files,
    output:
        report(
            FOLDER.sweep("{name}").table_of("{figure}"),
            caption="../report/caption.rst",
            category="{name}",
            labels={"result": "{figure}", "kind": "table"},
        ),
    log:
        FOLDER.log("tabulate", "{name}", "{figure}"),
    script:
        "../scripts/tabulate.py"


rule describe:
    input:
        cube=FOLDER.sweep("{name}").cube,
        pictures=pictures,
    output:
        report(
            FOLDER.sweep("{name}").about,
            caption="../report/caption.rst",
            category="{name}",
            labels={"result": "about: what was seen, provenance", "kind": "page"},
        ),
    log:
        FOLDER.log("describe", "{name}"),
    script:
        "../scripts/describe.py"
