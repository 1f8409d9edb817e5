# Measures of each chunk, named by what measures them, the cube of the sweep, and its runs beside their twins.


rule summarise:
    input:
        RESULTS / CHUNKS / "{chunk}.nc",
    output:
        RESULTS / CHUNKS / summary_name("{chunk}", "{analysis}"),
    log:
        RESULTS / "logs" / "summarise" / "{chunk}.{analysis}.log",
    params:
        window=lambda wildcards: plan().config["recorder"]["window"],
        analysis=lambda wildcards: plan().config["analysis"],
    script:
        "../scripts/summarise.py"


rule gather:
    input:
        again,
        summary_files,
    output:
        cube=RESULTS / "{name}" / "sweep.nc",
        plan=RESULTS / "{name}" / "plan.csv",
        config=RESULTS / "{name}" / "config.yaml",
    log:
        RESULTS / "logs" / "gather" / "{name}.log",
    params:
        plan=lambda wildcards: plan().digest,
    script:
        "../scripts/gather.py"


rule estimate:
    input:
        chunk_files,
        summary_files,
        cube=RESULTS / "{name}" / "sweep.nc",
    output:
        data=RESULTS / "{name}" / "error_estimate.nc",
        twins=RESULTS / "{name}" / "twins.csv",
    log:
        RESULTS / "logs" / "estimate" / "{name}.log",
    params:
        plan=lambda wildcards: plan().digest,
    script:
        "../scripts/estimate.py"
