"""The processor or GPU of a job: settings that must stand before TensorFlow is imported.

None of them changes which numbers are asked for.
"""

import contextlib
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from psst_core import tf
from psst_core.digest import digest
from psst_core.errors import PsstError
from psst_core.host import flags
from psst_core.host.compiled import Programs
from psst_core.store.provenance import UNKNOWN

DRIVER = re.compile(r"Kernel Module\b.*?\s(\d+\.[\d.]+)")
ANSWER_SECONDS = 20
# What `prepare` sets, and TensorFlow and XLA read once.
VARIABLES = (
    *(flags.OUTSIDE, flags.OWN, "TF_XLA_FLAGS", "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"),
    *("CUDA_VISIBLE_DEVICES", "TF_OVERRIDE_GLOBAL_THREADPOOL"),
)


@dataclass(frozen=True)
class Settings:
    """What one process can be given only once.

    Attributes:
        xla_flags: our own and those from outside behind them.
        device, devices: as the hardware has them.
    """

    xla_flags: str
    device: str
    devices: int


_prepared: tuple[Settings, Programs | None] | None = None


def settings(hardware: Mapping[str, Any]) -> Settings:
    """What TensorFlow needs for the `hardware` part of a configuration."""
    text = flags.all_flags(hardware["vector_width"] or vector_width(), hardware["xla_flags"])
    return Settings(text, hardware["device"], hardware.get("devices", 1))


def fits(hardware: Mapping[str, Any], programs: Programs | None = None) -> bool:
    """Whether `prepare` can be called in this process: TensorFlow is not imported, or has these very settings.

    Args:
        programs: as for `prepare`; TensorFlow shares those of one folder, or none.
    """
    if "tensorflow" not in sys.modules:
        return True
    if _prepared is None:
        return False
    made, shared = _prepared
    return made == settings(hardware) and (shared is None or (programs is not None and shared.top == programs.top))


@contextlib.contextmanager
def variables_kept() -> Iterator[None]:
    """What `prepare` sets in this block is as it was behind it, for the processes that are started then."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start() -> Any:
    return tf.config.list_logical_devices("CPU")


def prepare(hardware: Mapping[str, Any], programs: Programs | None = None, start: Callable[[], Any] = _start) -> Any:
    """Set the environment for the `hardware` part of a configuration, then the devices and threads.

    A second call in a process is for the same settings.

    Args:
        hardware: as resolved; of flags for XLA, see flags.py.
        programs: compiled ones that jobs share.
        start: what starts TensorFlow's devices; its result is returned.

    Raises:
        PsstError: when a GPU is asked for and TensorFlow sees none, or fewer than `hardware.devices`.
        RuntimeError: when TensorFlow was imported before, and not with these settings.
    """
    global _prepared
    if not fits(hardware, programs):
        raise RuntimeError("TensorFlow is imported already; XLA reads its flags only once")
    wanted = settings(hardware)
    flags.use(hardware["vector_width"] or vector_width(), hardware["xla_flags"])
    if _prepared is not None:
        if programs is not None and _prepared[1] is not None:
            programs.open(compiled_for())
        return start()
    if programs is not None:
        kept = programs.open(compiled_for())
        os.environ["TF_XLA_FLAGS"] = f"{kept} {os.environ.get('TF_XLA_FLAGS', '')}".strip()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    if hardware["device"] == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    devices = wanted.devices
    if devices > 1:  # else all logical devices wait for one thread
        os.environ["TF_OVERRIDE_GLOBAL_THREADPOOL"] = "1"
    with contextlib.nullcontext() if hardware["device"] == "gpu" else _messages_kept_for_errors():
        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        if hardware["device"] == "gpu" and not gpus:
            raise PsstError("hardware.device=gpu: TensorFlow sees no GPU here; take hardware=cpu or ask for a GPU node")
        if gpus and len(gpus) < devices:
            raise PsstError(
                f"hardware.devices={devices}: TensorFlow sees {len(gpus)} GPUs here; set hardware.devices={len(gpus)} "
                "or ask for more GPUs"
            )
        if not gpus and devices > 1:
            (processor,) = tf.config.list_physical_devices("CPU")
            tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * devices)
        _prepared = wanted, programs
        return start()


@contextlib.contextmanager
def _messages_kept_for_errors() -> Iterator[None]:
    """Hold back what TensorFlow's libraries print while they load; it is printed after all when they fail."""
    sys.stderr.flush()
    outside = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(outside, held.read())
            raise
        finally:
            os.dup2(outside, 2)
            os.close(outside)


def compiled_for() -> str:
    """The digest of what programs are compiled for: XLA's flags, the processor, and TensorFlow's version."""
    return digest([os.environ[flags.OUTSIDE], _processor(), metadata.version("tensorflow")])


def process_seconds() -> float:
    """How long ago this process began, with all its imports; its processor time where the system does not tell."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return time.process_time()
    ticks = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def peak_memory() -> float:
    """The most memory that this process has held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def processor() -> str:
    """The kind of this processor, as far as the system names it."""
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(_cpuinfo()))}
    kind = [fields[name] for name in ("model name", "cpu family", "model") if name in fields]
    return ", ".join(kind) or platform.machine()


def accelerators(details: Sequence[Mapping[str, Any]] | None = None, driver: str | None = None) -> dict[str, str]:
    """`accelerator`: the name and compute capability of each GPU that TensorFlow uses; `driver`: its version.

    Empty without one.

    Args:
        details: of each, as TensorFlow tells them; by default of those here.
        driver: its version; by default that of the one here.
    """
    if details is None:
        gpus = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    if not details:
        return {}
    named = []
    for found in details:
        capability = ".".join(map(str, found.get("compute_capability") or ()))
        name = str(found.get("device_name", f"{UNKNOWN} name"))
        named.append(f"{name}, compute capability {capability}" if capability else name)
    counted = [f"{count} x {name}" if count > 1 else name for name, count in Counter(named).items()]
    return {"accelerator": "; ".join(counted), "driver": _driver() if driver is None else driver}


def _driver() -> str:
    """The version of NVIDIA's driver, as the kernel tells it, or its own program where the kernel is out of sight."""
    with contextlib.suppress(OSError):
        if told := DRIVER.search(Path("/proc/driver/nvidia/version").read_text(encoding="utf-8", errors="replace")):
            return told[1]
    ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=ANSWER_SECONDS).stdout.split()
        return said[0] if said else UNKNOWN
    return UNKNOWN


def vector_width() -> int:
    """Bits of the widest vectors of this processor."""
    return 512 if "avx512f" in _processor() else 256


def _processor() -> list[str]:
    """What this processor can do, as far as the system tells."""
    return next((line.split()[2:] for line in _cpuinfo() if line.startswith("flags")), [platform.machine()])


def _cpuinfo() -> list[str]:
    info = Path("/proc/cpuinfo")
    return info.read_text(encoding="utf-8").splitlines() if info.exists() else []
