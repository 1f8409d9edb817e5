"""The flags of XLA: PSST's own, on which no result depends, and those of a user, which may change every number."""

import os

OUTSIDE, OWN = "XLA_FLAGS", "PSST_OWN_XLA_FLAGS"
DUMPING = "--xla_dump"  # a flag that begins so writes files and changes no number
# With LOOPS each loop over steps, stages or synapses is one function, and a pass over memory writes several arrays.
# --xla_cpu_copy_insertion_use_region_analysis would save another 3 %, but let traces read states already overwritten.
LOOPS = "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion,xla_cpu_small_while_loop_byte_threshold=1000000000"


def users_flags(given: str) -> str:
    """Return the user's flags: those in `hardware.xla_flags`, then those in the variable `XLA_FLAGS`.

    A flag in both stands only once. Where one has several values, XLA takes the last. Those in `XLA_FLAGS` that write
    files are left out.
    """
    outside = [flag for flag in _outside() if not flag.startswith(DUMPING)]
    return " ".join([*(flag for flag in given.split() if flag not in outside), *outside])


def all_flags(vector_width: int, given: str) -> str:
    """Return all flags that XLA reads: PSST's own, the user's, and last those that write files.

    Args:
        vector_width: in bits.
        given: `hardware.xla_flags`.
    """
    dumping = [flag for flag in _outside() if flag.startswith(DUMPING)]
    return " ".join([*_own(vector_width), *users_flags(given).split(), *dumping])


def use(vector_width: int, given: str) -> None:
    """Set the flags in the environment, and note there which of them are PSST's own."""
    os.environ |= {OUTSIDE: all_flags(vector_width, given), OWN: " ".join(_own(vector_width))}


def _own(vector_width: int) -> list[str]:
    return [f"--xla_cpu_prefer_vector_width={vector_width}", LOOPS]


def _outside() -> list[str]:
    """Return the flags of `XLA_FLAGS` that were not set by PSST, in this process or in one that started it."""
    own = os.environ.get(OWN, "").split()
    return [flag for flag in os.environ.get(OUTSIDE, "").split() if flag not in own]
