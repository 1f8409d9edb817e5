# One job a chunk, the largest first. It has no input: what it does is in its manifest, and the chunk's name is the
# digest of that.


rule simulate:
    output:
        FOLDER.chunk_file("{chunk}"),
    log:
        FOLDER.log("simulate", "{chunk}"),
    priority: lambda wildcards: work(manifest(wildcards.chunk))
    threads: lambda wildcards: hardware(wildcards).cores
    resources:
        mem_mb=requested("mem_mb"),
        runtime=requested("runtime"),
        gpu=requested("gpu"),
        tasks=slurm_tasks,
        cpus_per_task=cpus_per_task,
    params:
        manifest=lambda wildcards: str(FOLDER.manifest_file(wildcards.chunk)),
    script:
        "../scripts/simulate.py"
