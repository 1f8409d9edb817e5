# One job a chunk, the largest first. It has no input: what it does is in its manifest, and the chunk's name is the
# digest of that.


rule simulate:
    output:
        RESULTS / CHUNKS / "{chunk}.nc",
    log:
        RESULTS / "logs" / "simulate" / "{chunk}.log",
    priority: lambda wildcards: work(manifest(wildcards.chunk))
    threads: lambda wildcards: cores(hardware(wildcards))
    resources:
        mem_mb=requested("mem_mb"),
        runtime=requested("runtime"),
        gpu=requested("gpu"),
        tasks=slurm_tasks,
        cpus_per_task=cpus_per_task,
    params:
        manifest=lambda wildcards: str(RESULTS / CHUNKS / f"{wildcards.chunk}.json"),
    script:
        "../scripts/simulate.py"
