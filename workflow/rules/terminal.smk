# What Snakemake says on the terminal is made to fit a sweep: psst_core/terminal.py. A job's own process says all to its
# log, and is left as it is.

import sys

from snakemake.exceptions import WorkflowError
from snakemake.settings.enums import Quietness

from psst_core.outcome import broken
from psst_core.terminal import Terminal

output = workflow.output_settings
if workflow.is_main_process and not output.verbose:
    TERMINAL = Terminal.attached(
        dry=output.dryrun, silent=Quietness.ALL in output.quiet
    )
    sys.excepthook = TERMINAL.interrupted
else:
    TERMINAL = Terminal(sys.stderr)


def refuse(error):
    """Stop before any job, with what PSST says alone."""
    TERMINAL.refused = str(error)
    raise WorkflowError(str(error)) from None


onerror:
    TERMINAL.end()
    TERMINAL.say(broken(list(TERMINAL.failures.values())))
