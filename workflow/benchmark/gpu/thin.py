"""A tool that blanks machine code in a CUDA library, except that for compute capability 9.0: thin.py LIBRARY.

The sections stay where they are, so that nothing needs to be linked again; blanks compress to almost nothing. The
section has the layout of fat binaries as NVIDIA's compilers write them: headers of 16 bytes, each before its entries.
"""

import mmap
import struct
import subprocess
import sys
from pathlib import Path

SECTION = ".nv_fatbin"
MAGIC = 0xBA55ED50
MACHINE_CODE = 2
KEPT = 90
ALIGNMENT = 8
HEADER = struct.Struct("<IHHQ")  # magic, version, size of the header, size of the entries
ENTRY = struct.Struct("<HHIQ")  # kind, version, size of the entry's header, size of what follows
ARCHITECTURE = 28


def section(library: Path) -> tuple[int, int]:
    """Find where the section with the machine code begins and ends in the file, by readelf."""
    told = subprocess.run(["readelf", "-SW", library], capture_output=True, text=True, check=True).stdout
    for line in told.splitlines():
        if SECTION in line:
            fields = line.split("]")[1].split()
            first, size = int(fields[3], 16), int(fields[4], 16)
            return first, first + size
    raise SystemExit(f"{library}: has no section {SECTION}, so it holds no CUDA code")


def blank_entries(memory: mmap.mmap, entry: int, end: int) -> None:
    """Overwrite the content of the entries from `entry` to `end`, except machine code of the kept architecture."""
    while entry < end:
        kind, _, own, payload = ENTRY.unpack_from(memory, entry)
        (architecture,) = struct.unpack_from("<I", memory, entry + ARCHITECTURE)
        if (kind, architecture) != (MACHINE_CODE, KEPT):
            memory[entry + own : entry + own + payload] = bytes(payload)
        entry += own + payload


def main() -> None:
    library = Path(sys.argv[1])
    at, end = section(library)
    with open(library, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        while at < end - HEADER.size:
            magic, _, header, entries = HEADER.unpack_from(memory, at)
            if magic != MAGIC:
                at += ALIGNMENT
                continue
            stop = at + header + entries
            blank_entries(memory, at + header, stop)
            at = -(-stop // ALIGNMENT) * ALIGNMENT


if __name__ == "__main__":
    main()
