"""One simulate job, as in a sweep, in a folder of its own; prints its peak memory in bytes."""

import sys
from pathlib import Path

from worker import own_peak_memory

from psst_core import make_plan
from psst_core.job.chunk import simulate_chunk
from psst_core.store.folder import Folder

overrides, folder = sys.argv[1:]
plan = make_plan("locust_coupling", overrides, results=Path(folder))
simulate_chunk(next(iter(plan.manifests.values())), Folder(Path(folder)).chunk_file("job"), lambda line: None)
print(own_peak_memory())
