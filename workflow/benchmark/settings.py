"""The settings of the benchmark: conf/benchmark.yaml, checked."""

from dataclasses import dataclass, field

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from psst_core import PsstError
from psst_core.config.compose import CONF

LABELS = {
    "psst": "PSST",
    "handwritten": "hand-written TensorFlow",
    "limit": "C limit",
    "brian2": "Brian2",
    "jax": "JAX",
    "neuron": "NEURON",
    "jaxley": "Jaxley",
    "tutorial": "tutorial",
    "numpy": "NumPy",
    "tensorflow": "TensorFlow",
}


@dataclass
class Settings:
    """The content of conf/benchmark.yaml."""

    repeats: int = 5
    runs: list[int] = field(default_factory=list)
    run_steps: int = 128_000
    equations: list[int] = field(default_factory=list)
    equation_steps: int = 40_000_000
    coba: list[int] = field(default_factory=list)
    coba_steps: int = 32_000
    sine: list[int] = field(default_factory=list)
    product: list[int] = field(default_factory=list)
    product_steps: int = 20_000_000_000
    tutorial: int = 2000
    cold: float = 0.0
    memory: list[float] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, overrides: str = "") -> "Settings":
        """Return the settings of the file, changed by `key=value` texts.

        Raises:
            PsstError: naming the wrong key or value.
        """
        path = CONF / "benchmark.yaml"
        try:
            given = OmegaConf.from_dotlist(overrides.split())
            settings = OmegaConf.merge(OmegaConf.structured(cls), OmegaConf.load(path), given)
            made: Settings = OmegaConf.to_object(settings)  # type: ignore[assignment]
        except OmegaConfBaseException as error:
            raise PsstError(f"overrides={overrides!r}: {str(error).splitlines()[0]}; see {path}") from error
        for key in ("repeats", "run_steps", "equation_steps", "coba_steps", "product_steps", "tutorial"):
            if getattr(made, key) < 1:
                raise PsstError(f"{key}={getattr(made, key)}: must be at least 1")
        if any(runs < 1 for runs in made.runs) or any(number < 4 or number % 4 for number in made.equations):
            raise PsstError(
                f"runs={made.runs} equations={made.equations}: runs are at least 1, equations multiples of 4"
            )
        if any(number < 1 for number in (*made.coba, *made.sine, *made.product)):
            raise PsstError(f"coba={made.coba} sine={made.sine} product={made.product}: must be at least 1")
        unknown = set(made.programs) - set(LABELS)
        if unknown:
            raise PsstError(f"programs: {', '.join(sorted(unknown))}: no such program; there are {', '.join(LABELS)}")
        return made
