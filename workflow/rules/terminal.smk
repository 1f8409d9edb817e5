# What Snakemake says on the terminal is made to fit a sweep: psst_core/terminal/snakemake_output.py. A job's own process says all to its
# log, and is left as it is.

import os
import sys

from snakemake.exceptions import WorkflowError
from snakemake.settings.enums import Quietness

from psst_core import PsstError
from psst_core.logs import ALOUD
from psst_core.terminal.outcome import broken
from psst_core.terminal.snakemake_output import Terminal
from psst_core.words import check_words

if workflow.remote_exec:
    os.environ[ALOUD] = "1"
output = workflow.output_settings
if workflow.is_main_process and not output.verbose:
    TERMINAL = Terminal.attached(
        dry=output.dryrun, silent=Quietness.ALL in (output.quiet or ())
    )
    sys.excepthook = TERMINAL.interrupted
else:
    TERMINAL = Terminal(sys.stderr)


def refuse(error):
    """Stop before any job, with what PSST says alone."""
    TERMINAL.refused = str(error)
    raise WorkflowError(str(error)) from None


# Again where the profile that does it first was replaced by one of the site's.
if workflow.is_main_process and "snakemake" in sys.argv[0]:
    try:
        check_words(sys.argv[1:])
    except PsstError as error:
        refuse(error)


onerror:
    TERMINAL.end()
    TERMINAL.say(broken(list(TERMINAL.failures.values())))
