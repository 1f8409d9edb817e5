"""A real Slurm on this machine, for tests: one CPU node and one GPU node with two fake GPUs, on the loopback only.

Everything lies in one folder, and every daemon is stopped by its own process id.
"""

import contextlib
import grp
import os
import platform
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db")
SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"
READY_SECONDS = 60.0
GPUS = 2

SLURM_CONF = """\
ClusterName=psst
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
EnforcePartLimits=ALL
ReturnToService=2
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=100000,batch_sched_delay=0
KillWait=10
MinJobAge=600
{accounting}
NodeName=cpu1 NodeHostname={host} NodeAddr=127.0.0.1 Port={cpu} CPUs={cpus} RealMemory={memory}
NodeName=gpu1 NodeHostname={host} NodeAddr=127.0.0.1 Port={gpu} CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus}
PartitionName=cpu Nodes=cpu1 Default=YES MaxTime=60
PartitionName=gpu Nodes=gpu1 MaxTime=60
"""

WITH_ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={folder}/munge.socket
AccountingStorageTRES=gres/gpu
"""

SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
"""

# The step plugin of Snakemake takes SLURM_* out of the environment before its own srun, SLURM_CONF too.
SRUN = """\
#!/bin/sh
SLURM_CONF={folder}/slurm.conf exec /usr/bin/srun "$@"
"""


def missing(accounting: bool = False) -> list[str]:
    """The programs that a cluster needs and that are not installed; also `root`, where we are not."""
    wanted = DAEMONS + (ACCOUNTING if accounting else ())
    return [name for name in wanted if not shutil.which(name, path=SYSTEM)] + ([] if os.geteuid() == 0 else ["root"])


class Cluster:
    """A running cluster; `environment` is what a process needs to use it."""

    def __init__(self, folder: Path, accounting: bool) -> None:
        self.folder, self.accounting = folder, accounting
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}:{SYSTEM}",
        }

    def run(self, *command: str, check: bool = True) -> str:
        """What a command of Slurm's prints; it has twenty seconds."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=20, check=False, cwd=self.folder
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
        return done.stdout

    def jobs(self, state: str = "all") -> list[dict[str, str]]:
        """The jobs that the controller knows, the oldest first; state by name, such as RUNNING."""
        fields = {"id": "%A", "state": "%T", "reason": "%r", "partition": "%P", "node": "%N", "comment": "%k"}
        lines = self.run("squeue", "-h", "-t", state, "-S", "i", "-o", "|".join(fields.values())).splitlines()
        return [dict(zip(fields, line.split("|"), strict=True)) for line in lines]

    def describe(self, job: str) -> dict[str, str]:
        """All that the controller knows of a job."""
        return dict(
            word.split("=", 1) for word in self.run("scontrol", "-o", "show", "job", job).split() if "=" in word
        )

    def start(self) -> None:
        """Raises: RuntimeError when it is not up within a minute."""
        folder = self.folder
        for name in ("state", "bin", "spool-cpu1", "spool-gpu1"):
            (folder / name).mkdir()
        ports = _free_ports(5)
        cpus, memory = len(os.sched_getaffinity(0)), 16000
        (folder / "munge.key").write_bytes(secrets.token_bytes(64))
        (folder / "munge.key").chmod(0o400)
        for number in range(GPUS):
            (folder / f"fakegpu{number}").symlink_to("/dev/null")
        (folder / "gres.conf").write_text(
            f"AutoDetect=off\nNodeName=gpu1 Name=gpu Type=fake File={folder}/fakegpu[0-{GPUS - 1}]\n"
        )
        (folder / "plugstack.conf").touch()
        (folder / "slurm.conf").write_text(
            SLURM_CONF.format(
                folder=folder,
                host=platform.node(),
                controller=ports[0],
                cpu=ports[1],
                gpu=ports[2],
                cpus=cpus,
                memory=memory,
                gpus=GPUS,
                accounting=WITH_ACCOUNTING.format(folder=folder, port=ports[3])
                if self.accounting
                else "AccountingStorageType=accounting_storage/none",
            )
        )
        (folder / "bin" / "srun").write_text(SRUN.format(folder=folder))
        (folder / "bin" / "srun").chmod(0o755)
        self._daemon(
            "munged",
            *("--foreground", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket"),
            *(f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"),
        )
        self._wait(lambda: (folder / "munge.socket").exists(), "munged")
        if self.accounting:
            self._start_accounting(ports[3], ports[4])
        self._daemon("slurmctld", "-D", "-c", "-f", str(folder / "slurm.conf"))
        (folder / "hosts").write_text(f"{Path('/etc/hosts').read_text()}\n127.0.0.1 cpu1 gpu1\n")
        for node in ("cpu1", "gpu1"):
            # In a mount namespace of its own, so that jobs find the nodes by their names, as on a real cluster.
            daemon = f"mount --bind {folder}/hosts /etc/hosts && exec slurmd -D -N {node} -f {folder}/slurm.conf"
            self._daemon("unshare", "--mount", "sh", "-c", daemon)
        self._wait(
            lambda: self.run("sinfo", "-h", "-N", "-o", "%T", check=False).split() == ["idle", "idle"], "slurmctld"
        )

    def stop(self) -> None:
        """Cancel what runs, end every daemon, and wait until it has."""
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
            self.run("scancel", "--signal=KILL", "--full", "-u", "root", check=False)
            self.run("scancel", "-u", "root", check=False)
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._end_stragglers()

    def _end_stragglers(self) -> None:
        """Kill what is left of jobs: without control groups Slurm loses sight of processes whose parent has died."""
        ours = f"SLURM_CONF={self.folder / 'slurm.conf'}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                environment = (process / "environ").read_bytes().split(b"\0")
                if ours in environment and any(entry.startswith(b"SLURM_JOB_ID=") for entry in environment):
                    os.kill(int(process.name), signal.SIGKILL)

    def _start_accounting(self, port: int, database: int) -> None:
        folder = self.folder
        user = "mysql" if _has_user("mysql") else "root"
        data = folder / "database"
        data.mkdir()
        shutil.chown(data, user, grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name)
        options = ["--no-defaults", f"--datadir={data}", f"--user={user}"]
        subprocess.run(
            ["mariadb-install-db", *options, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            capture_output=True,
            env=self.environment,
        )
        setup = folder / "setup.sql"
        setup.write_text(
            "CREATE DATABASE slurm;\n"
            "CREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm';\n"
            "GRANT ALL ON slurm.* TO 'slurm'@'127.0.0.1';\n"
        )
        self._daemon(
            "mariadbd",
            *options,
            "--bind-address=127.0.0.1",
            f"--port={database}",
            f"--socket={data}/mysql.socket",
            f"--pid-file={data}/mysql.pid",
            f"--init-file={setup}",
            "--skip-name-resolve",
        )
        self._wait(lambda: _listens(database), "mariadbd")
        (folder / "slurmdbd.conf").write_text(SLURMDBD_CONF.format(folder=folder, port=port, database=database))
        (folder / "slurmdbd.conf").chmod(0o600)
        self._daemon("slurmdbd", "-D")
        self._wait(lambda: _listens(port), "slurmdbd")
        self.run("sacctmgr", "-i", "add", "cluster", "psst")
        self.run("sacctmgr", "-i", "add", "account", "lab", "Description=lab", "Organization=psst")
        self.run("sacctmgr", "-i", "add", "user", "root", "Account=lab")

    def _daemon(self, name: str, *arguments: str) -> None:
        program = shutil.which(name, path=SYSTEM)
        with (self.folder / f"{name}-{len(self.daemons)}.out").open("wb") as output:
            self.daemons.append(
                subprocess.Popen(
                    [str(program), *arguments],
                    stdout=output,
                    stderr=output,
                    env=self.environment,
                    start_new_session=True,
                )
            )

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + READY_SECONDS
        while not ready():
            ended = [daemon for daemon in self.daemons if daemon.poll() is not None]
            if ended or time.monotonic() > end:
                logs = [*self.folder.glob("*.out"), *self.folder.glob("*.log")]
                said = "\n".join(f"{file.name}:\n{_tail(file)}" for file in logs)
                raise RuntimeError(f"{what} did not start\n{said}")
            time.sleep(0.1)


@contextlib.contextmanager
def running(accounting: bool = False) -> Iterator[Cluster]:
    """A cluster for this block."""
    folder = Path(tempfile.mkdtemp(prefix="psst-slurm-", dir="/tmp"))
    folder.chmod(0o755)
    cluster = Cluster(folder, accounting)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _has_user(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


def _tail(file: Path) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-10:])
