"""The processor or GPU of a job: settings that must stand before TensorFlow is imported.

None of them changes which numbers are asked for; `XLA_FLAGS` from outside comes last and wins.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from psst_core import tf
from psst_core.errors import PsstError

# Stage and sum loops become one function each and write several arrays in one pass, without copies in between.
LOOP_FLAGS = (
    "--xla_cpu_copy_insertion_use_region_analysis=true",
    "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion,xla_cpu_small_while_loop_byte_threshold=1000000000",
)


def prepare(hardware: Mapping[str, Any]) -> None:
    """Set the environment for the `hardware` part of a configuration, then the devices and threads.

    Raises:
        PsstError: when a GPU is asked for and TensorFlow sees none.
        RuntimeError: when TensorFlow was imported before.
    """
    if "tensorflow" in sys.modules:
        raise RuntimeError("TensorFlow is imported already; XLA reads its flags only once")
    width = hardware["vector_width"] or vector_width()
    flags = [f"--xla_cpu_prefer_vector_width={width}", *LOOP_FLAGS, hardware["xla_flags"], os.environ.get("XLA_FLAGS", "")]
    os.environ["XLA_FLAGS"] = " ".join(flag for flag in flags if flag)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    if hardware["device"] == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    with _messages_kept_for_errors() if hardware["device"] == "cpu" else contextlib.nullcontext():
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.list_logical_devices("CPU")
    if hardware["device"] == "gpu":
        gpus = tf.config.list_physical_devices("GPU")
        if not gpus:
            raise PsstError("hardware.device=gpu: TensorFlow sees no GPU here; take hardware=cpu or ask for a GPU node")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)


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


def vector_width() -> int:
    """Bits of the widest vectors of this processor."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text(encoding="utf-8").split() if info.exists() else []
    return 512 if "avx512f" in flags else 256
