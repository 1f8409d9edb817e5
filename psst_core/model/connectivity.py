"""Rules for who projects to whom, drawn from a seed; each population's cells are counted from 0."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from psst_core.arrays import Array
from psst_core.datafiles import InputFile, in_unit, read_variable
from psst_core.errors import PsstError
from psst_core.registry import base, data_file, register, setting

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64, Num


@dataclass(frozen=True)
class Connections:
    """The connections of one projection, sorted by postsynaptic cell.

    Attributes:
        post, pre: indices of the cells.
        weight: factor on the conductance of each connection.
    """

    post: Int64[Array, " connection"]
    pre: Int64[Array, " connection"]
    weight: Float64[Array, " connection"]

    @classmethod
    def of(cls, post: npt.ArrayLike, pre: npt.ArrayLike, weight: npt.ArrayLike = 1.0) -> Connections:
        """Sort connections given in any order; add up the weights of those named twice."""
        post, pre = np.asarray(post, dtype=np.int64), np.asarray(pre, dtype=np.int64)
        weight = np.broadcast_to(np.asarray(weight, dtype=float), post.shape)
        order = np.lexsort((pre, post))
        post, pre, weight = post[order], pre[order], weight[order]
        new = np.append(True, (np.diff(post) != 0) | (np.diff(pre) != 0))[: len(post)]
        total = np.add.reduceat(weight, np.flatnonzero(new)) if len(post) else weight
        return cls(post[new], pre[new], total)

    def scaled(self, factors: Float64[Array, " connection"]) -> Connections:
        """Return the connections with their weights times these factors."""
        return Connections(self.post, self.pre, self.weight * factors)

    def transposed(self) -> Connections:
        """Return the connections the other way round, from `post` onto `pre`."""
        return Connections.of(self.pre, self.post, self.weight)

    def folded(self) -> Connections:
        """Return each junction once, onto the cell of the higher number; pairs may be given in either order or in both.

        Raises:
            PsstError: when a cell is joined to itself, or a pair has one weight in one order and another in the other.
        """
        low, high = np.minimum(self.pre, self.post), np.maximum(self.pre, self.post)
        if len(own := low[low == high]):
            raise PsstError(f"connectivity: joins cell {own[0]} to itself, where no current flows; leave that out")
        order = np.lexsort((low, high))
        low, high, weight = low[order], high[order], self.weight[order]
        again = np.append(False, (np.diff(low) == 0) & (np.diff(high) == 0))[: len(low)]
        if len(unequal := np.flatnonzero(again[1:] & (np.diff(weight) != 0))):
            raise _unequal(low[unequal[0]], high[unequal[0]], *weight[unequal[0] : unequal[0] + 2])
        return Connections(high[~again], low[~again], weight[~again])

    def mirrored(self) -> Connections:
        """Return junctions that are given once in both directions."""
        post, pre = np.append(self.post, self.pre), np.append(self.pre, self.post)
        return Connections.of(post, pre, np.append(self.weight, self.weight))

    def matrix(self, n_post: int, n_pre: int) -> Float64[Array, "{n_post} {n_pre}"]:
        """Return the weight of each pair of cells; zero where they are not connected."""
        dense = np.zeros((n_post, n_pre))
        dense[self.post, self.pre] = self.weight
        return dense


def _unequal(one: int, other: int, weight: float, back: float) -> PsstError:
    return PsstError(
        f"connectivity: joins cells {one} and {other} with the weights {weight:g} and {back:g}; a junction conducts "
        "alike both ways: give both the same, or the pair in one order alone"
    )


@base("connectivity")
class Connectivity:
    """A rule for connections: `connect` draws them, `in_degree` is their expected number onto a cell.

    For junctions within one population, `couple` draws each pair once.
    """

    def connect(self, n_pre: int, n_post: int, recurrent: bool, random: np.random.Generator) -> Connections:
        """Draw connections from `n_pre` onto `n_post` cells; `recurrent` says that both are the same population."""
        raise NotImplementedError

    def in_degree(self, n_pre: int, n_post: int) -> float:
        """Return the expected number of connections onto a cell.

        Under a recurrent rule, the cell itself counts as an input.
        """
        raise NotImplementedError

    def check(self, n_pre: int, n_post: int, recurrent: bool) -> None:
        """Raise a PsstError if the rule does not fit these sizes."""

    def draws(self, n_pre: int, n_post: int, recurrent: bool) -> bool:
        """Return whether the connections are random; without a method of its own, a rule counts as random."""
        return True

    def unread(self, recurrent: bool) -> dict[str, str]:
        """Return, for each field that changes nothing beside the others, the reason."""
        if not recurrent and hasattr(self, "self_connections"):
            return {"self_connections": "joins two populations, so that no cell could project to itself"}
        return {}

    def couple(self, n: int, random: np.random.Generator) -> Connections:
        """Draw junctions within a population of `n` cells, each once; a connection in either order is one junction."""
        return self.connect(n, n, True, random).folded()

    def degree(self, n: int) -> float:
        """Return the expected number of junctions of a cell; a random rule counts the cell itself."""
        return self.in_degree(n, n)

    def check_junctions(self, n: int) -> None:
        """Raise a PsstError if the rule cannot couple a population of `n` cells."""
        self.check(n, n, True)


@dataclass(kw_only=True)
class Recurrent(Connectivity):
    """A rule that may connect a cell to itself, if `self_connections` asks for it."""

    self_connections: bool = False

    def check_junctions(self, n: int) -> None:
        if self.self_connections:
            raise PsstError("connectivity.self_connections=true: no current flows from a cell to itself; leave it out")
        super().check_junctions(n)


@register("connectivity", "probability")
@dataclass
class Probability(Recurrent):
    """Each pair is connected independently with one probability; by junctions, each pair of cells once.

    Every probability uses the same random numbers, so that a sparser network is part of a denser one.
    """

    probability: float = setting(0.5, minimum=0, maximum=1)

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

    def couple(self, n: int, random: np.random.Generator) -> Connections:
        both = self.connect(n, n, True, random)
        upward = both.pre < both.post
        return Connections(both.post[upward], both.pre[upward], both.weight[upward])

    def in_degree(self, n_pre: int, n_post: int) -> float:
        return self.probability * n_pre

    def draws(self, n_pre: int, n_post: int, recurrent: bool) -> bool:
        return 0 < self.probability < 1


@register("connectivity", "fixed_in_degree")
@dataclass
class FixedInDegree(Recurrent):
    """Each postsynaptic cell receives from `inputs` distinct presynaptic cells.

    With junctions, each cell has `inputs` of them.
    """

    inputs: int = setting(1, minimum=0)

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

    def couple(self, n: int, random: np.random.Generator) -> Connections:
        few = min(self.inputs, n - 1 - self.inputs)
        joined = np.zeros((n, n), dtype=bool)
        low, high = np.array(_regular(n, few, random), dtype=np.int64).reshape(-1, 2).T
        joined[high, low] = True
        return Connections.of(*np.nonzero(np.tril(joined if few == self.inputs else ~joined, -1)))

    def check_junctions(self, n: int) -> None:
        super().check_junctions(n)
        if self.inputs * n % 2:
            raise PsstError(
                f"connectivity.inputs={self.inputs}: {n} cells with so many junctions each have an odd number of ends; "
                "make one of both even"
            )


@register("connectivity", "all_to_all")
@dataclass
class AllToAll(Recurrent):
    """Every presynaptic cell projects to every postsynaptic cell."""

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
    """A list of connections, each as [pre, post]; junctions in either order."""

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
        known: set[tuple[int, ...]] = set()
        for pair in self.pairs:
            if tuple(pair) in known:
                raise PsstError(f"connectivity.pairs holds {pair} twice; name it once, or give weights in a file")
            known.add(tuple(pair))

    def degree(self, n: int) -> float:
        return 2 * len({frozenset(pair) for pair in self.pairs}) / n

    def check_junctions(self, n: int) -> None:
        super().check_junctions(n)
        self.connect(n, n, True, np.random.default_rng(0)).folded()


@register("connectivity", "file")
@dataclass
class FromFile(Connectivity):
    """Weights from a NetCDF or npz file; a zero is no connection.

    A NetCDF variable has the dimensions `post` and `pre`, in any order; an array in an npz file is [post, pre].
    A junction within a population stands at one of the two places of its pair. Or all junctions stand at both places.
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

    def couple(self, n: int, random: np.random.Generator) -> Connections:
        weight = self._weights()
        back = weight.T
        twice = (weight != 0) & (back != 0) & ~np.eye(n, dtype=bool)
        if twice.any() and len(unequal := np.argwhere(weight != back)):
            one, other = unequal[0]
            raise _unequal(one, other, back[one, other], weight[one, other])
        return super().couple(n, random)

    def degree(self, n: int) -> float:
        weight = self._weights()
        return float(np.count_nonzero((weight != 0) | (weight.T != 0))) / n

    def check_junctions(self, n: int) -> None:
        super().check_junctions(n)
        self.couple(n, np.random.default_rng(0))

    def _weights(self) -> Num[Array, "post pre"]:
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


def _regular(n: int, degree: int, random: np.random.Generator) -> list[tuple[int, int]]:
    """Draw pairs so that each of `n` cells is in `degree` pairs.

    Free ends are joined at random; ends whose pair is not allowed are joined again. Steger & Wormald 1999
    (doi:10.1017/S0963548399003867).
    """
    while True:
        pairs: set[tuple[int, int]] = set()
        ends = np.repeat(np.arange(n), degree)
        while len(ends):
            left = []
            for one, other in np.sort(random.permutation(ends).reshape(-1, 2), axis=1).tolist():
                if one == other or (one, other) in pairs:
                    left += [one, other]
                pairs |= {(one, other)} if one != other else set()
            cells = sorted(set(left))
            if left and all((one, other) in pairs for one, other in itertools.combinations(cells, 2)):
                break
            ends = np.array(left, dtype=np.int64)
        else:
            return sorted(pairs)
