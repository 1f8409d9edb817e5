"""The one exception that speaks to people."""

import contextlib
from collections.abc import Iterator


class PsstError(ValueError):
    """Bad input: the message names the key, the value and what to do."""


@contextlib.contextmanager
def named(key: str) -> Iterator[None]:
    """Put the key of a part before what it says of its own keys, where that does not begin with it already."""
    try:
        yield
    except PsstError as error:
        raise error if str(error).startswith(key) else PsstError(f"{key}.{error}") from error
