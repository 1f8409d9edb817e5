"""Units as people write them, and the factor from one to another."""

import functools
import re
from fractions import Fraction
from typing import Any

from psst_core.errors import PsstError

LONGEST = 60
SIGNS = str.maketrans({"μ": "µ", "²": "2", "³": "3", "·": "*", "⋅": "*", "⁻": "-", "¹": "1"})
FACTOR = r"(?:[A-Za-zµΩ%°_]+(?:\*\*-?[1-9])?|1)"
SHAPE = re.compile(rf"[( ]*{FACTOR}(?:[ */()]+{FACTOR})*[) ]*")


def factor(unit: str, wanted: str, where: str) -> tuple[float, float]:
    """Return the factor from numbers in `unit` to numbers in `wanted`, as a fraction.

    Returns:
        What to multiply by, and what to divide by. Whole numbers are exact, so that no rounding comes from the decimal
        0.001.

    Raises:
        PsstError: with `where`, both units and what to write.
    """
    found, target = _unit(unit), _unit(wanted)
    if found is None:
        raise PsstError(f"{where} has the unit {unit!r}, which cannot be read; write its units as {_as(wanted)}")
    ratio = _ratio(found, target)
    if ratio is None:
        raise PsstError(
            f"{where} has the unit {unit!r}, but must be in {_as(wanted)} or what converts to it; "
            "write the numbers in that unit, and the attribute units"
        )
    exact = max(ratio.numerator, ratio.denominator) <= 2**53
    return (float(ratio.numerator), float(ratio.denominator)) if exact else (float(ratio), 1.0)


def _as(unit: str) -> str:
    return "1 (without a unit)" if unit == "1" else unit


@functools.cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(non_int_type=Fraction)


def _unit(text: str) -> Any:
    """Return Pint's quantity for a unit: `uA/cm2`, `uA cm-2`, `uA.cm^-2` or `µA/cm²`; None for any other text."""
    text = re.sub(r" *(\^|\*\*) *", "", text.strip().translate(SIGNS))
    text = re.sub(r"(?<=[A-Za-zµΩ%°_])\.(?=[A-Za-zµΩ%°_])", " ", text)
    text = re.sub(r"(?<=[A-Za-zµΩ%°_])(-?[1-9])(?![0-9])", r"**\1", text) or "1"
    if len(text) > LONGEST or not SHAPE.fullmatch(text):
        return None
    try:
        return _registry().Quantity(Fraction(1), text.replace("%", "percent"))
    except Exception:  # Pint raises many kinds of errors for what is no unit
        return None


def _ratio(found: Any, target: Any) -> Fraction | None:
    """Return how many of the target unit make one of the found; None where their dimension or their zero differs."""
    try:
        ratio = found.to(target.units).magnitude
        zero = (0 * found).to(target.units).magnitude
    except Exception:  # it has another dimension
        return None
    return Fraction(ratio) if zero == 0 else None
