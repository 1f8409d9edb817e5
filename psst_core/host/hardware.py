"""The processor or GPU of a job: settings that must be made before TensorFlow is imported.

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
from psst_core.configuration import HardwareConfig
from psst_core.digest import digest
from psst_core.errors import PsstError
from psst_core.host import flags
from psst_core.host.compiled import Programs
from psst_core.store.provenance import UNKNOWN

DRIVER = re.compile(r"Kernel Module\b.*?\s(\d+\.[\d.]+)")
ANSWER_SECONDS = 20
# The variables that `prepare` sets, and that TensorFlow and XLA read once.
VARIABLES = (
    *(flags.OUTSIDE, flags.OWN, "TF_XLA_FLAGS", "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"),
    *("CUDA_VISIBLE_DEVICES", "TF_OVERRIDE_GLOBAL_THREADPOOL"),
)


@dataclass(frozen=True)
class Settings:
    """The settings of TensorFlow that a process can be given only once.

    Attributes:
        xla_flags: PSST's own, and the user's behind them.
        device, devices: as in the `hardware` part of a configuration.
    """

    xla_flags: str
    device: str
    devices: int


_prepared: tuple[Settings, Programs | None] | None = None


def settings(hardware: HardwareConfig) -> Settings:
    """Return the settings of TensorFlow for the `hardware` part of a configuration."""
    text = flags.all_flags(hardware.vector_width or vector_width(), hardware.xla_flags)
    return Settings(text, hardware.device, hardware.devices)


def fits(hardware: HardwareConfig, programs: Programs | None = None) -> bool:
    """Return whether `prepare` can be called in this process.

    It can where TensorFlow is not imported yet, or was prepared with the same settings.

    Args:
        programs: as for `prepare`; TensorFlow can share those of one folder alone, or none.
    """
    if "tensorflow" not in sys.modules:
        return True
    if _prepared is None:
        return False
    made, shared = _prepared
    return made == settings(hardware) and (shared is None or (programs is not None and shared.top == programs.top))


@contextlib.contextmanager
def variables_kept() -> Iterator[None]:
    """Restore, behind this block, the variables that `prepare` sets in it.

    Processes that are started later inherit the old ones.
    """
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


def prepare(hardware: HardwareConfig, programs: Programs | None = None, start: Callable[[], Any] = _start) -> Any:
    """Set the environment for the `hardware` part of a configuration, then the devices and threads.

    It may be called again in a process, for the same settings.

    Args:
        hardware: as resolved; on flags for XLA see flags.py.
        programs: the compiled programs that jobs share.
        start: starts TensorFlow's devices.

    Returns:
        The result of `start`.

    Raises:
        PsstError: when a GPU is asked for and TensorFlow sees none, or fewer than `hardware.devices`.
        RuntimeError: when TensorFlow was imported before, and not with these settings.
    """
    global _prepared
    if not fits(hardware, programs):
        raise RuntimeError("TensorFlow is imported already; XLA reads its flags only once")
    wanted = settings(hardware)
    flags.use(hardware.vector_width or vector_width(), hardware.xla_flags)
    if _prepared is not None:
        if programs is not None and _prepared[1] is not None:
            programs.open(compiled_for())
        return start()
    if programs is not None:
        kept = programs.open(compiled_for())
        os.environ["TF_XLA_FLAGS"] = f"{kept} {os.environ.get('TF_XLA_FLAGS', '')}".strip()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    if hardware.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if wanted.devices > 1:  # else all logical devices wait for one thread
        os.environ["TF_OVERRIDE_GLOBAL_THREADPOOL"] = "1"
    with contextlib.nullcontext() if hardware.device == "gpu" else _messages_kept_for_errors():
        _set_up_devices(hardware.device, wanted.devices)
        _prepared = wanted, programs
        return start()


def _set_up_devices(device: str, devices: int) -> None:
    """Give TensorFlow one thread for each of its devices, and as many devices as `hardware` asks for."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if device == "gpu" and not gpus:
        raise PsstError("hardware.device=gpu: TensorFlow sees no GPU here; take hardware=cpu or ask for a GPU node")
    if gpus and len(gpus) < devices:
        raise PsstError(
            f"hardware.devices={devices}: TensorFlow sees {len(gpus)} GPUs here; set hardware.devices={len(gpus)} "
            "or ask for more GPUs"
        )
    if not gpus and devices > 1:
        (processor,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * devices)


@contextlib.contextmanager
def _messages_kept_for_errors() -> Iterator[None]:
    """Hold back what TensorFlow's libraries print while they load. It is printed only when they fail."""
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
    """Return the digest of what programs are compiled for: XLA's flags, the processor, and TensorFlow's version."""
    return digest([os.environ[flags.OUTSIDE], _processor(), metadata.version("tensorflow")])


def process_seconds() -> float:
    """Return how long ago this process began, s, with the time of its imports.

    Where the system does not tell, it is the processor time of the process.
    """
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return time.process_time()
    ticks = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def peak_memory() -> float:
    """Return the most memory that this process has held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def processor() -> str:
    """Name the kind of this processor, as far as the system tells it."""
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(_cpuinfo()))}
    kind = [fields[name] for name in ("model name", "cpu family", "model") if name in fields]
    return ", ".join(kind) or platform.machine()


def accelerators(details: Sequence[Mapping[str, Any]] | None = None, driver: str | None = None) -> dict[str, str]:
    """Describe the GPUs that TensorFlow uses.

    Args:
        details: of each GPU, as TensorFlow tells them; by default of those here.
        driver: the version of the driver; by default of the one here.

    Returns:
        `accelerator`, the name and compute capability of each; and `driver`, its version. Empty without a GPU.
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
    """Return the version of NVIDIA's driver, from the kernel or else from NVIDIA's own program."""
    with contextlib.suppress(OSError):
        if told := DRIVER.search(Path("/proc/driver/nvidia/version").read_text(encoding="utf-8", errors="replace")):
            return told[1]
    ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=ANSWER_SECONDS).stdout.split()
        return said[0] if said else UNKNOWN
    return UNKNOWN


def vector_width() -> int:
    """Return the width of this processor's widest vectors, in bits."""
    return 512 if "avx512f" in _processor() else 256


def _processor() -> list[str]:
    """List what this processor can do, as far as the system tells it."""
    return next((line.split()[2:] for line in _cpuinfo() if line.startswith("flags")), [platform.machine()])


def _cpuinfo() -> list[str]:
    info = Path("/proc/cpuinfo")
    return info.read_text(encoding="utf-8").splitlines() if info.exists() else []
