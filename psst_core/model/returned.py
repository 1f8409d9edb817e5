"""Checks of the values that mechanisms, synapses, systems, stimuli and solvers return.

They run while the program is built, so that no step costs more. Without them, some mistakes would be errors of
TensorFlow's in the middle of a loop. Others would be broadcast in silence along the wrong axis. An error names the key
of the part, its class and its method.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from psst_core import tf
from psst_core.arrays import Number, Tensor
from psst_core.errors import PsstError, raised
from psst_core.model.mechanisms import Mechanism, Relaxation, States, cast

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Shaped


UNKNOWN = re.compile(r"unsupported operations.*?: (\w+) \(No registered", re.DOTALL)
FORM = "a number, or a tensor of [cell, run] = [{}, {}] in which either may be 1"


@contextlib.contextmanager
def asking(key: str, part: object, method: str) -> Iterator[None]:
    """Name the part and its method in every error that this block raises."""
    try:
        yield
    except PsstError:
        raise
    except Exception as error:
        raise PsstError(f"{_of(key, part, method)} raised {raised(error)}") from error


def uncompilable(error: Exception, own: Iterable[str]) -> PsstError | None:
    """Return the error to raise instead of the compiler's, or None where the compiler's is of another kind.

    Args:
        error: the error as TensorFlow raises it; its text does not say where the operation was written.
        own: the modules that the runs use and that are not PSST's.
    """
    found = UNKNOWN.search(str(error))
    if found is None:
        return None
    return PsstError(
        f"{', '.join(own) or 'a mechanism'}: uses TensorFlow's {found[1]}, which cannot be compiled (nor can printing, "
        "files, text and Python's own functions); take operations that the shipped mechanisms use"
    )


def checked_relaxations(
    found: object, states: tuple[str, ...], like: Float[Tensor, "cell run"], key: str, part: object, method: str
) -> dict[str, Relaxation]:
    """Return the relaxations, if there is one for each state and nothing else, each of the shape and type of `like`.

    Raises:
        PsstError: naming the key, the method and the state.
    """
    where = _of(key, part, method)
    values = _mapping(found, where, "each state's Relaxation")
    for name in values:
        if name not in states:
            raise PsstError(f"{where} returned {name}, which is no state of it; its states are {_list(states)}")
    for name in states:
        if name not in values:
            raise PsstError(f"{where} returned nothing for its state {name}; it must return x' of {_list(states)}")
        if not isinstance(values[name], Relaxation):
            raise PsstError(
                f"{where} returned {_kind(values[name])} for the state {name}; it must be a Relaxation, such as "
                "towards(target, rate)"
            )
        for what in ("source", "decay"):
            _check(getattr(values[name], what), like, f"{where}, {what} of the state {name}")
    return values


def checked_pair(
    found: object, like: Float[Tensor, "cell run"], key: str, part: object, method: str
) -> tuple[Number, Number]:
    """Return the conductance and the source of a current, checked."""
    where = _of(key, part, method)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise PsstError(f"{where} returned {_kind(found)}; it must return a conductance and a source, in this order")
    for what, value in zip(("conductance", "source"), found, strict=True):
        _check(value, like, f"{where}, {what}")
    return found[0], found[1]


def checked_number(
    found: Number, like: Float[Tensor, "cell run"], key: str, part: object, method: str, whole: bool = False
) -> Number:
    """Return one number for each cell and run, checked; `whole` says that it must have the full shape [cell, run]."""
    _check(found, like, _of(key, part, method), whole)
    return found


def checked_waveform(found: Any, cells: int, lanes: int, key: str, part: object) -> Float64[Tensor, "..."]:
    """Return a stimulus's current, checked: one number, one for each run, or one for each cell of the network."""
    where = _of(key, part, "waveform")
    if found is None or isinstance(found, str | bytes | bool | dict):
        raise PsstError(f"{where} returned {_kind(found)}; it must return a current")
    if tf.is_tensor(found) and found.dtype.is_floating and found.dtype != tf.float64:
        raise PsstError(
            f"{where} returned {found.dtype.name}; it must be of float64, in which stimuli keep time; `tf.where` and "
            "`tf.constant` take plain numbers in single precision: write tf.constant(0.1, tf.float64)"
        )
    current = cast(found, tf.float64)
    if tuple(current.shape) not in ((), (1, 1), (1, lanes), (cells, 1), (cells, lanes)):
        raise PsstError(
            f"{where} returned the shape {list(current.shape)}; it must be a number, [1, run] = [1, {lanes}] or "
            f"[cell, 1] = [{cells}, 1]"
        )
    return current


def checked_step(found: object, state: Mapping[str, States], part: object) -> Any:
    """Return the values of a solver's `advance`, its memory and the state, if the state keeps its shape and type."""
    where = _of("solver", part, "advance")
    if not isinstance(found, tuple) or len(found) != 2:
        raise PsstError(f"{where} returned {_kind(found)}; it must return the state after the step, and its memory")
    after, memory = found
    if not isinstance(after, Mapping) or set(after) != set(state):
        raise PsstError(f"{where} returned {_kind(after)}; it must return a state for each of {_list(state)}")
    for population, variables in state.items():
        if set(after[population]) != set(variables):
            raise PsstError(
                f"{where} returned {_list(sorted(after[population]))} for {population}; there are "
                f"{_list(sorted(variables))}"
            )
        for name, value in variables.items():
            _check(after[population][name], value, f"{where}, {population}.{name}", whole=True)
    return after, memory


def checked_changes(found: object, kept: States, key: str, part: object) -> dict[str, Float[Tensor, "cell run"]]:
    """Return the changes of `after_step`, if each is a state or a held value and keeps its shape and type.

    Args:
        found: the value that `after_step` returned.
        kept: the states and held values of the part as they are.
        key: the key of the part.
        part: the part itself.
    """
    where = _of(key, part, "after_step")
    values = _mapping(found, where, "a new value for each state or held value that changes")
    for name, value in values.items():
        if name not in kept:
            raise PsstError(
                f"{where} returned {name}, which is neither a state nor a held value of it; there are {_list(kept)}"
            )
        _check(value, kept[name], f"{where}, {name}", whole=True)
    return values


def checked_start(part: Mechanism, key: str) -> dict[str, Any]:
    """Return the value of each state at t = 0, if there is one for each state and for nothing else.

    Needs no TensorFlow.

    Raises:
        PsstError: naming the key and the state.
    """
    with asking(key, part, "start"):
        found = part.start()
    where, states = _of(key, part, "start"), tuple(part.states)
    values = _mapping(found, where, "the value of each state")
    if clash := set(states) & set(part.held):
        raise PsstError(f"{key}: {', '.join(sorted(clash))} of {type(part).__name__} is a state and a held value")
    for name in (*values, *states):
        if name not in values or name not in states:
            what = "is no state of it" if name in values else "is missing"
            raise PsstError(f"{where} returned {_list(values)}: {name} {what}; its states are {_list(states)}")
    for name, value in values.items():
        if getattr(value, "dtype", None) is None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise PsstError(f"{where} returned {_kind(value)} for the state {name}; it must be a number")
        if isinstance(value, int | float) and not math.isfinite(value):
            raise PsstError(f"{where} returned {value} for the state {name}; it must be finite")
    return values


def _mapping(found: object, where: str, wanted: str) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise PsstError(f"{where} returned {_kind(found)}; it must return a dict with {wanted}")
    return dict(found)


def _check(value: object, like: Shaped[Tensor, "cell run"], where: str, whole: bool = False) -> None:
    """Raise a PsstError unless a value is a number or can be broadcast to `like`.

    `whole` asks for the same shape and type.
    """
    form = FORM.format(*like.shape)
    if isinstance(value, int | float) and not isinstance(value, bool) and not whole:
        return
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None:
        wanted = f"a tensor of [cell, run] = {list(like.shape)}" if whole else form
        raise PsstError(f"{where}: is {_kind(value)}; it must be {wanted}")
    if tf.as_dtype(dtype) != like.dtype:
        raise PsstError(f"{where}: is of {tf.as_dtype(dtype).name}; it must be of {like.dtype.name}, as the states are")
    fits = (
        tuple(shape) == tuple(like.shape)
        if whole
        else len(shape) in (0, len(like.shape))
        and all(mine in (1, other) for mine, other in zip(shape, like.shape, strict=False))
    )
    if not fits:
        wanted = f"of [cell, run] = {list(like.shape)}" if whole else form
        raise PsstError(f"{where}: has the shape {list(shape)}; it must be {wanted}")


def _of(key: str, part: object, method: str) -> str:
    return f"{key}: {method} of {type(part).__name__} ({type(part).__module__.removeprefix('psst_core.')})"


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
