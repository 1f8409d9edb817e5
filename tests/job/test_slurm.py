"""What is told of Slurm's jobs, from logs as a real Slurm wrote them; `tests/slurm/` has the cluster itself."""

import pytest

from psst_core.job.slurm import at_work, endings
from psst_core.store.folder import Folder

CHUNK = "d4a1729c7e2730d2"
LOGS = {
    "9": """srun: Job step aborted: Waiting up to 12 seconds for job step to finish.
slurmstepd-cpu1: error: *** STEP 9.0 ON cpu1 CANCELLED AT 2026-11-24T23:38:07 ***
slurmstepd-cpu1: error: StepId=9.0 exceeded memory limit (769744896 > 419430400), being killed
slurmstepd-cpu1: error: Exceeded job memory limit
""",
    "10": """slurmstepd-cpu1: error: *** STEP 10.0 ON cpu1 CANCELLED AT 2026-11-24T23:29:03 ***
slurmstepd-cpu1: error: *** JOB 10 ON cpu1 CANCELLED AT 2026-11-24T23:29:03 ***
Error in rule simulate:
""",
    "11": "slurmstepd: error: *** JOB 11 ON c1 CANCELLED AT 2026-11-24T23:39:53 DUE TO NODE FAILURE, SEE LOG ***\n",
    "12": "RuleException:\nError in rule simulate:\n    message: None\n",
    "13": "Execute 1 jobs...\n",
}


def test_each_job_that_failed_says_how(tmp_path):
    folder = Folder(tmp_path).slurm / CHUNK
    folder.mkdir(parents=True)
    for number, text in LOGS.items():
        (folder / f"{number}.log").write_text(text)
    assert endings(tmp_path, CHUNK) == [
        "Slurm job 9: StepId=9.0 exceeded memory limit (769744896 > 419430400), being killed",
        "Slurm job 10: JOB 10 ON cpu1 CANCELLED AT 2026-11-24T23:29:03",
        "Slurm job 11: JOB 11 ON c1 CANCELLED AT 2026-11-24T23:39:53 DUE TO NODE FAILURE, SEE LOG",
        f"Slurm job 12: failed, see {folder / '12.log'}",
    ]


def test_without_jobs_there_is_nothing_to_tell(tmp_path):
    assert endings(tmp_path, CHUNK) == []
    assert at_work(tmp_path) == {}


@pytest.mark.parametrize("name", ["a note.log", "12.log.old"])
def test_other_files_among_the_logs_are_left_alone(tmp_path, name):
    (Folder(tmp_path).slurm / CHUNK).mkdir(parents=True)
    (Folder(tmp_path).slurm / CHUNK / name).write_text(LOGS["9"])
    assert endings(tmp_path, CHUNK) == []
