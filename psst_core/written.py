"""Values as people write them. The command line, YAML files and tables read numbers in the same way.

A number is a decimal one, `12`, `-0.5`, `.5`, `1e3`; leading zeros do not count. A text that other programs read as
another number (`0x1F`, `1_000`, `1:30`, `yes`) is refused, and so is a number that Python cannot hold.
"""

import math
import re
from decimal import Decimal
from fractions import Fraction
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from psst_core.errors import PsstError

WHOLE = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
NOT_FINITE = re.compile(r"[+-]?\.?(inf|infinity|nan)", re.IGNORECASE)
LONGEST = 400  # characters; a longer number is refused
EXACT = 2**53  # beyond this a double skips whole numbers
TRUTHS = re.compile(r"yes|no|on|off", re.IGNORECASE)
FOREIGN = {
    "a number with underscores, which other programs leave out": re.compile(r"[+-]?\.?[0-9][0-9.eE+-]*_[0-9_.eE+-]*"),
    "a number of another base than ten": re.compile(r"[+-]?0[xXoObB][0-9a-fA-F_]+"),
    "a number to the base of sixty for some programs": re.compile(r"[+-]?[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?"),
    "a number for some programs, with a letter for the exponent that is no e": re.compile(
        r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[dD][+-]?[0-9]+"
    ),
    "true or false for some programs and a word for others": TRUTHS,
}
REMEDY = "write a decimal number such as 1000, 0.5 or 1e3"
TRUTH = "write true or false"
SWEEPABLE = ("network", "stimulus", "solver", "run")  # groups whose keys may be axes


class Plain(str):
    """A text in a file that has no quotes, so that it may be a number.

    Attributes:
        line: where it stands, counted from 1; 0 where that is not known.
    """

    line: int

    def __new__(cls, text: str, line: int = 0) -> "Plain":
        made = super().__new__(cls, text)
        made.line = line
        return made


def number(text: str) -> int | float | None:
    """Read a text as a number; return None where it is no number.

    Raises:
        PsstError: for a number that cannot be kept, or a text that other programs read as another number.
    """
    if NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    if not DECIMAL.fullmatch(text):
        for what, pattern in FOREIGN.items():
            if pattern.fullmatch(text):
                raise PsstError(
                    f"{text} is {what}; {TRUTH if pattern is TRUTHS else REMEDY}, or, in a file, a word in quotes"
                )
        return None
    if len(text) > LONGEST:
        raise PsstError(f"{text[:20]}… has {len(text):,} digits; at most {LONGEST} are read")
    if WHOLE.fullmatch(text):
        return int(text)
    found = float(text)
    if math.isinf(found) or (found == 0 and Decimal(text) != 0):
        raise PsstError(f"{text} is beyond the numbers that a double holds, 5e-324 to 1.8e308")
    if found.is_integer() and abs(found) < EXACT and Decimal(text) != found:
        raise PsstError(f"{text} has more digits than a double holds, which would make it {found:g}; write fewer")
    return found + 0.0  # no -0.0


def scalar(text: str) -> Any:
    """Read a text as a number, true, false or null; return the text itself where it is none of these."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.lower() in ("null", ""):
        return None if text else ""
    found = number(text)
    return text if found is None else found


def exact(value: int | float | str) -> Fraction:
    """Return the number as it is written. For a float this is the shortest decimal number that means it.

    Raises:
        PsstError: for a text that is no finite number.
    """
    if isinstance(value, str):
        found = number(value)
        if found is None or not math.isfinite(found):
            raise PsstError(f"{value or 'nothing'} is no finite number; {REMEDY}")
        return Fraction(Decimal(value)) if found else Fraction(0)
    if isinstance(value, int):
        return Fraction(int(value))
    return Fraction(Decimal(repr(float(value))))


def typed(value: Any, hint: Any, key: str, optional: bool = False) -> Any:
    """Convert a value to the type that the schema gives its key. A text that is a number is read as one.

    Args:
        hint: int, float, bool, str, a list of these, or Any, which takes everything.
        optional: whether the value may be None.

    Raises:
        PsstError: where it is of another type, naming the key.
    """
    if get_origin(hint) in (Union, UnionType):
        optional = optional or NoneType in get_args(hint)
        hint = next(part for part in get_args(hint) if part is not NoneType)
    if optional and (value is None or (isinstance(value, Plain) and value.lower() in ("null", "~", ""))):
        return None
    if get_origin(hint) is list:
        if not isinstance(value, list):
            raise PsstError(f"{key}={shown(value)}: must be a list, such as {key}=[{shown(value) or 1}]")
        (of,) = get_args(hint)
        if of is not Any and get_origin(of) is not list and value and all(isinstance(item, list) for item in value):
            raise PsstError(f"{key}={shown(value)}: are several lists where one belongs{_several(key, value)}")
        return [typed(item, of, key) for item in value]
    if hint is Any:
        return _read(value, key)
    if isinstance(value, list) and hint in (int, float):
        raise PsstError(f"{key}={shown(value)}: is a list where one number belongs{_several(key, value)}")
    if isinstance(value, list | dict):
        raise PsstError(f"{key}={shown(value)}: is a {_kind(value)} where {EXPECTED[hint]} belongs")
    return _one(value, hint, key)


def _several(key: str, values: list[Any]) -> str:
    """Say how an axis over these values is written; empty where the key cannot be an axis."""
    if key.split(".")[0] not in SWEEPABLE:
        return ""
    override = f"{key}={','.join(map(shown, values))}"
    return f"; an axis is written {override}, in a file sweep: {{axes: {{{key}: {shown(values)}}}}}"


EXPECTED = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


def _one(value: Any, hint: Any, key: str) -> Any:
    """Convert a single value to a type."""
    if hint is str:
        if not isinstance(value, str):
            raise PsstError(f"{key}={shown(value)}: must be a word; in a file, write quotes around it")
        return str(value)
    given, value = value, _read(value, key)
    if hint in (int, float) and isinstance(value, str):
        value = number_of(value, key, EXPECTED[hint])
    if isinstance(value, bool) != (hint is bool) or (hint is not bool and not isinstance(value, int | float)):
        raise PsstError(f"{key}={shown(given)}: must be {EXPECTED[hint]}")
    if hint is int:
        return whole(value, key)
    if hint is float and isinstance(value, int):
        return _float(value, key)
    return value


def number_of(value: object, key: str, wanted: str = "a number") -> int | float:
    """Return the number that a value means.

    Raises:
        PsstError: where it is no number.
    """
    if isinstance(value, str):
        with_key = _read(Plain(value), key)
        value = value if with_key is None else with_key
    if isinstance(value, bool) or not isinstance(value, int | float):
        comma = isinstance(value, str) and DECIMAL.fullmatch(value.replace(",", ".", 1))
        remedy = f", with a decimal point: {str(value).replace(',', '.')}" if comma else ""
        raise PsstError(f"{key}={shown(value)}: must be {wanted}{remedy}")
    return value


def whole(value: int | float, key: str) -> int:
    """Return a whole number as an int, however it is written.

    Raises:
        PsstError: where it has a fraction, or is a float so large that floats skip whole numbers.
    """
    if isinstance(value, int):
        return value
    if not value.is_integer():
        raise PsstError(f"{key}={value:g}: must be a whole number")
    if abs(value) >= EXACT:
        raise PsstError(f"{key}={value:g}: is a whole number beyond 2^53; write all its digits, without a point or e")
    return int(value)


def _float(value: int, key: str) -> float:
    if abs(value) < EXACT or (abs(value) < 10**300 and int(float(value)) == value):
        return float(value)
    raise PsstError(f"{key}={value}: a double holds no such number exactly; write it with an exponent, such as 1e17")


def _read(value: object, key: str) -> Any:
    """Return a value of any type, with every text without quotes in it read as a number or word."""
    if isinstance(value, list):
        return [_read(item, key) for item in value]
    if isinstance(value, dict):
        return {name: _read(item, f"{key}.{name}") for name, item in value.items()}
    if not isinstance(value, Plain):
        return value
    if value.lower() in ("", "~"):
        return None
    try:
        found = scalar(str(value))
    except PsstError as error:
        raise PsstError(f"{key}={value}: {error}") from error
    return found


def _kind(value: object) -> str:
    return "list" if isinstance(value, list) else "group of keys"


def shown(value: object) -> str:
    """Write a value as people would."""
    if isinstance(value, list):
        return f"[{','.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{name}:{shown(item)}' for name, item in value.items())}}}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
