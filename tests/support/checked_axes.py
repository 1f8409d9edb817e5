"""Functions of PSST that check the axes that their annotations state, in a process of their own.

Modules of PSST know jaxtyping's names to type checkers alone. `install` makes these names built-in, before any of the
modules is imported, so that jaxtyping's import hook can read the annotations. Beartype checks one entry of a dict.
"""

import builtins
import importlib
import inspect
import pkgutil
import sys
import tempfile
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import beartype
import jaxtyping

ROOMS = (
    "psst_core.model",
    "psst_core.integrate",
    "psst_core.store.chunk_file",
    "psst_core.results",
    "psst_core.measures",
)
NAMES = ("Bool", "Complex", "Float", "Float64", "Int", "Int64", "Num", "Real", "Shaped", "UInt32")
NUMBERS = beartype.BeartypeConf(is_pep484_tower=True)  # an int may stand where a float is asked for
checked: set[str] = set()  # functions that check their axes
called: set[str] = set()  # those of them that were called


def check(function: Callable) -> Callable:
    """Check the arguments and the result of a function if its annotations state axes."""
    if "jaxtyping" not in str(typing.get_type_hints(function)):
        return function
    name = f"{function.__module__}.{function.__qualname__}"
    checked.add(name)
    checking = beartype.beartype(conf=NUMBERS)(function)

    def noted(*arguments: object, **named: object) -> object:
        called.add(name)
        return checking(*arguments, **named)

    return noted


def install(*others: str) -> None:
    """Let the functions of these rooms, and of other modules, check their axes; none of them may be imported yet."""
    assert not any(name.startswith(ROOMS) for name in sys.modules)
    for name in NAMES:
        setattr(builtins, name, getattr(jaxtyping, name))
    arrays = importlib.import_module("psst_core.arrays")
    for name in ("Array", "Tensor"):  # types such as `States` name them, also in modules that import `States` alone
        setattr(builtins, name, getattr(arrays, name))
    jaxtyping.install_import_hook([*ROOMS, *others], "support.checked_axes.check")


def functions() -> Iterator[Callable]:
    """Yield the functions and methods of the rooms."""
    for room in ROOMS:
        of = importlib.import_module(room)
        below = pkgutil.walk_packages(getattr(of, "__path__", []), f"{room}.")
        for module in (of, *(importlib.import_module(each.name) for each in below)):
            classes = [value for value in vars(module).values() if inspect.isclass(value)]
            for value in (value for holder in (module, *classes) for value in vars(holder).values()):
                function = inspect.unwrap(getattr(value, "__func__", None) or getattr(value, "fget", None) or value)
                if inspect.isfunction(function) and function.__module__ == module.__name__:
                    yield function


def read_all() -> None:
    """Read every annotation; a name that is not known is an error."""
    install()
    recordings = vars(importlib.import_module("psst_core.measures.recordings"))
    shown = {name: recordings[name] for name in ("Recordings", "RunData")}  # modules import them for types
    for function in functions():
        typing.get_type_hints(function, localns=shown)
    print(len(checked), "functions check their axes")


def measure_all() -> None:
    """Take every measure of a few runs; print what of them checks axes and was not called."""
    install()
    recordings = importlib.import_module("support.recordings")
    runs = [
        recordings.run_of({"a": a, "b": [[500.0], [200.0, 700.0]]})
        for a in ([[], []], [[5.0, 9.0, 12.0, 30.0, 300.0], [6.0, 13.0, 14.0]])
    ]
    for name in importlib.import_module("psst_core.registry").names("measure"):
        recordings.summary_of({name: None}, runs)
    print(*(name for name in checked - called if name.startswith("psst_core.measures.")), sep="\n")


def integrate_one() -> None:
    """Integrate a small network with all kinds of synapses."""
    install()
    from psst_core.integrate.batch import Run
    from support.cells import everything
    from support.integrating import integrate

    network = put_short(everything())
    integrate([Run(network), Run(network, 1)])
    print(len(called), "functions checked their axes")


def integrate_all() -> None:
    """Integrate with other solvers, in single precision, and a plain system; run a small sweep with twins."""
    install()
    from psst_core.configuration import HardwareConfig
    from psst_core.host.hardware import prepare

    prepare(HardwareConfig())
    from psst_core.integrate.batch import Run
    from psst_core.keys import put
    from psst_core.results.summary import summarise
    from psst_core.store.dataset import read_whole
    from psst_core.store.folder import Folder
    from support.configurations import configuration, small_locust
    from support.integrating import integrate
    from support.sweeps import TINY, run_sweep

    adaptive = {f"solver.{name}_tolerance": 1e-6 for name in ("relative", "absolute")}
    locust = put_short(small_locust(), {"solver.name": "dormand_prince"} | adaptive)
    integrate([Run(put(locust, {"stimulus.onset": 0.123})), Run(locust)], ["stimulus.onset"])
    plain = put_short(configuration("pendulum"), {"solver.name": "exponential_midpoint"})
    integrate([Run(put(plain, {"solver.precision": "float32"}))])
    with tempfile.TemporaryDirectory() as folder:
        words = "network.size=8 network.coupling=1 solver=rk4 numerics.check=halve_dt numerics.share=1 hardware.jobs=1"
        run_sweep(Path(folder), "locust_coupling", TINY + words)  # a process of its own integrates and summarises
        for file in Folder(Path(folder)).chunk_files():
            with read_whole(file) as chunk:
                summarise(chunk, small_locust(analysis__spectrum=[0.0, 20.0]))
    print(*sorted(called), sep="\n")


def put_short(config: dict[str, object], values: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return the configuration of a run of one millisecond, with these values."""
    from psst_core.keys import put

    return put(config, {"run.duration": 1.0, "recorder.window": [0.0, 1.0]} | dict(values or {}))


def spoil() -> None:
    """Call functions with a wrong argument, and one with a wrong annotation; each must fail."""
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        source = (Path(__file__).parents[2] / "psst_core" / "integrate" / "wiring.py").read_text(encoding="utf-8")
        right = '-> Float[Tensor, "post run"]:\n    """Return Σ_pre'
        assert source.count(right) == 1
        (Path(folder) / "spoilt.py").write_text(source.replace(right, right.replace("post", "pre")), encoding="utf-8")
        install("spoilt")
        import spoilt

        from psst_core import tf
        from psst_core.integrate import wiring
        from psst_core.model.mechanisms import crossed

        weights, open_fraction = {"weight": tf.ones([5, 3, 1])}, tf.ones([2, 1])
        assert tf.function(wiring.synaptic_sum, autograph=False)(weights, open_fraction).shape == (3, 1)
        assert crossed(tf.zeros([3, 2]), tf.ones([3, 2]), 0.5).shape == (3, 2)
        for wrong in (
            lambda: tf.function(spoilt.synaptic_sum, autograph=False)(weights, open_fraction),
            lambda: crossed(tf.zeros([3, 2]), tf.ones([2, 3]), 0.5),
            lambda: crossed(tf.zeros([3, 2], tf.int32), tf.ones([3, 2]), 0.5),
        ):
            try:
                wrong()
            except jaxtyping.TypeCheckError as error:
                print(str(error).splitlines()[0])
