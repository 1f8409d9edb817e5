# Measures of each chunk, named by what measures them, and the cube of the sweep.


rule summarise:
    input:
        RESULTS / CHUNKS / "{chunk}.nc",
    output:
        RESULTS / CHUNKS / summary_name("{chunk}", "{analysis}"),
    params:
        window=lambda wildcards: plan().config["recorder"]["window"],
        analysis=lambda wildcards: plan().config["analysis"],
    script:
        "../scripts/summarise.py"


rule gather:
    input:
        summary_files,
    output:
        RESULTS / "{name}" / "sweep.nc",
    params:
        plan=lambda wildcards: plan().digest,
        results=str(RESULTS),
    script:
        "../scripts/gather.py"
