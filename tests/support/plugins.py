"""The worked example of CONTRIBUTING.md: its files, and a process that does not know them yet."""

import importlib
import re
import shlex
import sys

from psst_core import digest, plugins, registry
from support.paths import ROOT

GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`((?:plugins|conf)/[\w/]+\.\w+)`[^\n]*\n\n```\w+\n(.*?)```", GUIDE, re.DOTALL))
COMMAND = shlex.split(re.search(r"```bash\n.*?/psst (.*?)```", GUIDE, re.DOTALL)[1].replace("\\\n", " "))
SLOW = "network.populations.hh.mechanisms.slow"
ADAPTING = f"network=adapting {SLOW}.conductance=0,0.1,0.2"


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def forget():
    """Make this process know as little of plugins as a new one."""
    plugins.load.cache_clear()
    digest._read.cache_clear()
    importlib.invalidate_caches()
    for module in [name for name in sys.modules if name.startswith("psst_core.plugins.") or name.startswith("mylab")]:
        del sys.modules[module]
    for known in registry._CLASSES.values():
        for name, cls in list(known.items()):
            if cls.__module__.startswith(("psst_core.plugins.", "mylab")):
                del known[name]
