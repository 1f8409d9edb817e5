"""Who projects to whom, from a rule and a seed. Populations are indexed from 0."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from psst_core.datafiles import InputFile, in_unit, read_variable
from psst_core.errors import PsstError
from psst_core.registry import data_file, register, setting


@dataclass(frozen=True)
class Connections:
    """The connections of one projection, sorted by postsynaptic cell: arrays of shape [connection].

    Attributes:
        post, pre: indices of the cells.
        weight: factor on the conductance of each connection.
    """

    post: npt.NDArray[np.int64]
    pre: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]

    @classmethod
    def of(cls, post: Any, pre: Any, weight: Any = 1.0) -> "Connections":
        """Connections in any order; those named twice add up."""
        post, pre = np.asarray(post, dtype=np.int64), np.asarray(pre, dtype=np.int64)
        weight = np.broadcast_to(np.asarray(weight, dtype=float), post.shape)
        order = np.lexsort((pre, post))
        post, pre, weight = post[order], pre[order], weight[order]
        new = np.append(True, (np.diff(post) != 0) | (np.diff(pre) != 0))[: len(post)]
        total = np.add.reduceat(weight, np.flatnonzero(new)) if len(post) else weight
        return cls(post[new], pre[new], total)

    def scaled(self, factors: npt.NDArray[np.float64]) -> "Connections":
        """With weights times these factors [connection]."""
        return Connections(self.post, self.pre, self.weight * factors)

    def transposed(self) -> "Connections":
        """The other way round."""
        return Connections.of(self.pre, self.post, self.weight)

    def mirrored(self) -> "Connections":
        """Those onto a cell of higher number, both ways."""
        upward = self.pre < self.post
        post, pre, weight = self.post[upward], self.pre[upward], self.weight[upward]
        return Connections.of(np.append(post, pre), np.append(pre, post), np.append(weight, weight))

    def matrix(self, n_post: int, n_pre: int) -> npt.NDArray[np.float64]:
        """Weights [post, pre]."""
        dense = np.zeros((n_post, n_pre))
        dense[self.post, self.pre] = self.weight
        return dense


class Connectivity:
    """A rule: `connect` draws the connections, `in_degree` is their expected number onto a cell."""

    def connect(self, n_pre: int, n_post: int, recurrent: bool, random: np.random.Generator) -> Connections:
        """Connections from `n_pre` onto `n_post` cells; `recurrent` when both are the same population."""
        raise NotImplementedError

    def in_degree(self, n_pre: int, n_post: int) -> float:
        """Expected number of connections onto a cell; a recurrent rule counts the cell itself among its inputs."""
        raise NotImplementedError

    def check(self, n_pre: int, n_post: int, recurrent: bool) -> None:
        """Raise a PsstError where the rule does not fit these sizes."""

    def draws(self, n_pre: int, n_post: int, recurrent: bool) -> bool:
        """Whether the connections are random; a rule that does not say is taken to draw them."""
        return True

    def unread(self, recurrent: bool) -> dict[str, str]:
        """By field, why it decides nothing beside the others."""
        if not recurrent and hasattr(self, "self_connections"):
            return {"self_connections": "joins two populations, so that no cell could project to itself"}
        return {}


@register("connectivity", "probability")
@dataclass
class Probability(Connectivity):
    """Each pair is connected independently with one probability.

    The same random numbers serve every probability, so that a sparser network is part of a denser one.
    """

    probability: float = setting(0.5, minimum=0, maximum=1)
    self_connections: bool = False

    def connect(self, n_pre: int, n_post: int, recurrent: bool, random: np.random.Generator) -> Connections:
        posts, pres = [], []
        for post in range(n_post):
            hit = random.random(n_pre) < self.probability
            if recurrent and not self.self_connections:
                hit[post] = False
            pre = np.flatnonzero(hit)
            pres.append(pre)
            posts.append(np.full(len(pre), post))
        return Connections.of(np.concatenate(posts), np.concatenate(pres))

    def in_degree(self, n_pre: int, n_post: int) -> float:
        return self.probability * n_pre

    def draws(self, n_pre: int, n_post: int, recurrent: bool) -> bool:
        return 0 < self.probability < 1


@register("connectivity", "fixed_in_degree")
@dataclass
class FixedInDegree(Connectivity):
    """Each postsynaptic cell receives from `inputs` distinct presynaptic cells."""

    inputs: int = setting(1, minimum=0)
    self_connections: bool = False

    def connect(self, n_pre: int, n_post: int, recurrent: bool, random: np.random.Generator) -> Connections:
        pres = []
        for post in range(n_post):
            candidates = np.arange(n_pre)
            if recurrent and not self.self_connections:
                candidates = np.delete(candidates, post)
            pres.append(random.choice(candidates, self.inputs, replace=False))
        return Connections.of(np.repeat(np.arange(n_post), self.inputs), np.concatenate(pres))

    def in_degree(self, n_pre: int, n_post: int) -> float:
        return float(self.inputs)

    def draws(self, n_pre: int, n_post: int, recurrent: bool) -> bool:
        return 0 < self.inputs < n_pre - (recurrent and not self.self_connections)

    def check(self, n_pre: int, n_post: int, recurrent: bool) -> None:
        candidates = n_pre - (recurrent and not self.self_connections)
        if self.inputs > candidates:
            raise PsstError(
                f"connectivity.inputs={self.inputs}: only {candidates} presynaptic cells to choose from; "
                "lower it or enlarge the population"
            )


@register("connectivity", "all_to_all")
@dataclass
class AllToAll(Connectivity):
    """Every presynaptic cell projects to every postsynaptic cell."""

    self_connections: bool = False

    def connect(self, n_pre: int, n_post: int, recurrent: bool, random: np.random.Generator) -> Connections:
        linked = np.ones((n_post, n_pre), dtype=bool)
        if recurrent and not self.self_connections:
            np.fill_diagonal(linked, False)
        return Connections.of(*np.nonzero(linked))

    def in_degree(self, n_pre: int, n_post: int) -> float:
        return float(n_pre)

    def draws(self, n_pre: int, n_post: int, recurrent: bool) -> bool:
        return False


@register("connectivity", "pairs")
@dataclass
class Pairs(Connectivity):
    """The connections one by one, as [pre, post]."""

    pairs: list[list[int]] = setting([])

    def connect(self, n_pre: int, n_post: int, recurrent: bool, random: np.random.Generator) -> Connections:
        pre, post = np.asarray(self.pairs, dtype=np.int64).reshape(-1, 2).T
        return Connections.of(post, pre)

    def in_degree(self, n_pre: int, n_post: int) -> float:
        return len(self.pairs) / n_post

    def draws(self, n_pre: int, n_post: int, recurrent: bool) -> bool:
        return False

    def check(self, n_pre: int, n_post: int, recurrent: bool) -> None:
        for pair in self.pairs:
            if len(pair) != 2 or not (0 <= pair[0] < n_pre and 0 <= pair[1] < n_post):
                raise PsstError(
                    f"connectivity.pairs holds {pair}: must be [pre, post], pre below {n_pre} and post below {n_post}"
                )


@register("connectivity", "file")
@dataclass
class FromFile(Connectivity):
    """Weights from a NetCDF or npz file; a zero is no connection.

    A NetCDF variable has the dimensions `post` and `pre`, in any order; an array in an npz file is [post, pre].
    """

    path: str = data_file()
    variable: str = "weight"

    def connect(self, n_pre: int, n_post: int, recurrent: bool, random: np.random.Generator) -> Connections:
        weight = self._weights()
        post, pre = np.nonzero(weight)
        return Connections.of(post, pre, weight[post, pre])

    def in_degree(self, n_pre: int, n_post: int) -> float:
        return float(np.count_nonzero(self._weights())) / n_post

    def draws(self, n_pre: int, n_post: int, recurrent: bool) -> bool:
        return False

    def check(self, n_pre: int, n_post: int, recurrent: bool) -> None:
        weights = self._weights()
        if negative := np.count_nonzero(weights < 0):
            raise PsstError(
                f"{self._key}={self.path}: {self.variable!r} holds {negative} negative weights; must be at least 0; "
                "what inhibits is a synapse with a low reversal"
            )
        shape = weights.shape
        if shape != (n_post, n_pre):
            raise PsstError(
                f"{self._key}={self.path}: {self.variable!r} has the shape {shape} as [post, pre], but the projection "
                f"is from {n_pre} onto {n_post} cells and needs {(n_post, n_pre)}"
            )

    def _weights(self) -> npt.NDArray[np.float64]:
        read = read_variable(self.path, self.variable, self._key, kinds="iufb")
        weights = read.along("post", "pre")
        try:
            return in_unit(weights, read.unit, "1", read.where)
        except PsstError as error:
            raise PsstError(
                f"{error}; weights are factors on the projection's conductance: of conductances in mS/cm2 write "
                "conductance: 1.0 there and units 1 here"
            ) from error

    @property
    def _key(self) -> str:
        return self.path.key if isinstance(self.path, InputFile) else "connectivity.path"
