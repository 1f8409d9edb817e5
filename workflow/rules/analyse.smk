# Measures of each chunk, named by what measures them, the cube of the sweep, and its runs beside their twins.


rule summarise:
    input:
        FOLDER.chunk_file("{chunk}"),
    output:
        FOLDER.summary_file("{chunk}", "{analysis}"),
    log:
        FOLDER.log("summarise", "{chunk}", "{analysis}"),
    params:
        config=lambda wildcards: dict(plan().config),
    script:
        "../scripts/summarise.py"


rule gather:
    input:
        again,
        summary_files,
    output:
        cube=FOLDER.sweep("{name}").cube,
        plan=FOLDER.sweep("{name}").table,
        config=FOLDER.sweep("{name}").configuration,
    log:
        FOLDER.log("gather", "{name}"),
    params:
        plan=lambda wildcards: plan().digest,
    script:
        "../scripts/gather.py"


rule estimate:
    input:
        chunk_files,
        summary_files,
        cube=FOLDER.sweep("{name}").cube,
    output:
        data=FOLDER.sweep("{name}").error_estimate,
        twins=FOLDER.sweep("{name}").twins,
    log:
        FOLDER.log("estimate", "{name}"),
    params:
        plan=lambda wildcards: plan().digest,
    script:
        "../scripts/estimate.py"
