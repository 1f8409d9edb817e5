"""The one exception that speaks to people."""

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

OWN = Path(__file__).resolve().parent


class PsstError(ValueError):
    """Bad input: the message names the key, the value and what to do."""


@contextlib.contextmanager
def named(key: str) -> Iterator[None]:
    """Put the key of a part before what it says of its own keys, where that does not begin with it already."""
    try:
        yield
    except PsstError as error:
        raise error if str(error).startswith(key) else PsstError(f"{key}.{error}") from error
    except Exception as error:
        raise PsstError(f"{key}: its code raised {raised(error)}") from error


def raised(error: BaseException) -> str:
    """An error in a line: its kind, its first line, and where in code of one's own it came up."""
    said = str(error).strip().partition("\n")[0]
    if type(error).__name__ == "OperatorNotAllowedInGraphError":
        said = "a tensor has no truth value while the program is made; write tf.where in place of if, and, or"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{f': {said}' if said else ''}{where}"


def _is_own(file: str) -> bool:
    """Whether a file is neither PSST's nor a library's."""
    path = Path(file)
    return path.parent.name == "plugins" or not (path.is_relative_to(OWN) or "site-packages" in path.parts)
