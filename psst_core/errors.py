"""The one exception that speaks to people."""


class PsstError(ValueError):
    """Bad input: the message names the key, the value and what to do."""
