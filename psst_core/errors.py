"""The one exception with messages for people."""

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

OWN = Path(__file__).resolve().parent


class PsstError(ValueError):
    """An error in what the user gave: the message names the key, the value and what to do."""


@contextlib.contextmanager
def named(key: str) -> Iterator[None]:
    """Put the key of a part before the message of an error in this block, unless the message begins with the key.

    An error that is no PsstError becomes one, which says that the part's code raised it.
    """
    try:
        yield
    except PsstError as error:
        raise error if str(error).startswith(key) else PsstError(f"{key}.{error}") from error
    except (Exception, SystemExit) as error:
        raise PsstError(f"{key}: its code raised {raised(error)}") from error


def raised(error: BaseException) -> str:
    """Write an error in one line: its kind, its first line, and the line of the user's own code that it came from."""
    said = str(error).strip().partition("\n")[0]
    if type(error).__name__ == "OperatorNotAllowedInGraphError":
        said = "a tensor has no truth value while the program is made; write tf.where in place of if, and, or"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{f': {said}' if said else ''}{where}"


def _is_own(file: str) -> bool:
    """Return whether a file is neither PSST's nor a library's."""
    path = Path(file)
    return path.parent.name == "plugins" or not (path.is_relative_to(OWN) or "site-packages" in path.parts)
