"""Rules of connectivity."""

import numpy as np
import pytest

from psst_core.errors import PsstError
from psst_core.model.connectivity import AllToAll, FixedInDegree, Pairs, Probability
from psst_core.registry import build
from psst_core.seeds import generator


def draw(rule, n_pre=40, n_post=60, recurrent=False, seed=1):
    rule.check(n_pre, n_post, recurrent)
    return rule.connect(n_pre, n_post, recurrent, generator(seed, "connectivity:test", 0)).matrix(n_post, n_pre)


def from_file(path, **settings):
    return build("connectivity", {"type": "file", "path": str(path), **settings}, "network.projections.p.connectivity")


def test_probability_has_the_expected_share_and_no_self_connections():
    matrix = draw(Probability(0.3), 200, 200, recurrent=True)
    assert matrix.mean() == pytest.approx(0.3, abs=0.01)
    assert not np.diag(matrix).any()
    assert np.diag(draw(Probability(0.9, self_connections=True), 200, 200, recurrent=True)).any()
    assert Probability(0.3).in_degree(200, 50) == pytest.approx(60)


def test_a_sparser_network_is_part_of_a_denser_one():
    sparse, dense = draw(Probability(0.1)), draw(Probability(0.4))
    assert np.all(dense[sparse > 0] > 0)
    assert dense.sum() > sparse.sum()


def test_the_seed_decides():
    assert np.array_equal(draw(Probability(0.3)), draw(Probability(0.3)))
    assert not np.array_equal(draw(Probability(0.3)), draw(Probability(0.3), seed=2))


def test_fixed_in_degree():
    matrix = draw(FixedInDegree(7), 40, 40, recurrent=True)
    assert (matrix.sum(axis=1) == 7).all() and matrix.max() == 1 and not np.diag(matrix).any()
    assert FixedInDegree(7).in_degree(40, 40) == 7
    with pytest.raises(PsstError, match="only 39"):
        draw(FixedInDegree(40), 40, 40, recurrent=True)


def test_all_to_all():
    assert draw(AllToAll()).all()
    assert draw(AllToAll(), 5, 5, recurrent=True).sum() == 20


def test_pairs():
    matrix = draw(Pairs([[0, 1], [1, 2]]), 3, 3, recurrent=True)
    assert matrix[1, 0] == matrix[2, 1] == 1 and matrix.sum() == 2
    assert draw(Pairs([]), 3, 3).sum() == 0
    with pytest.raises(PsstError, match=r"\[3, 0\]"):
        draw(Pairs([[3, 0]]), 3, 3)


@pytest.mark.parametrize("ending", ["npz", "nc"])
def test_weights_from_a_file(tmp_path, ending):
    weight = np.array([[0.0, 0.5, 0.0], [2.0, 0.0, 0.0]])
    path = str(tmp_path / f"weights.{ending}")
    if ending == "npz":
        np.savez(path, weight=weight)
    else:
        import xarray as xr

        xr.Dataset({"weight": (("post", "pre"), weight)}).to_netcdf(path)
    rule = from_file(path)
    assert np.array_equal(draw(rule, 3, 2), weight)
    assert rule.in_degree(3, 2) == 1
    with pytest.raises(PsstError, match=r"\(2, 3\).*\(3, 2\)"):
        rule.check(2, 3, False)
    with pytest.raises(PsstError, match="no variable 'other'; there are: weight"):
        from_file(path, variable="other").check(3, 2, False)


def couple(rule, n=40, seed=1):
    """Weights of junctions, which must be the same both ways."""
    rule.check_junctions(n)
    matrix = rule.couple(n, generator(seed, "connectivity:test", 0)).mirrored().matrix(n, n)
    assert np.array_equal(matrix, matrix.T) and not np.diag(matrix).any()
    return matrix


CHAIN = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


@pytest.mark.parametrize("pairs", [[[0, 1], [1, 2]], [[1, 0], [2, 1]], [[1, 0], [1, 2]], [[0, 1], [1, 0], [2, 1]]])
def test_junctions_exist_in_either_order_of_a_pair(pairs):
    assert np.array_equal(couple(Pairs(pairs), 3), CHAIN)
    assert Pairs(pairs).degree(3) == pytest.approx(4 / 3)


@pytest.mark.parametrize("part", [np.triu, np.tril, np.asarray])
def test_junctions_exist_from_either_triangle_of_a_matrix(tmp_path, part):
    np.savez(tmp_path / "w.npz", weight=0.5 * part(CHAIN))
    rule = from_file(tmp_path / "w.npz")
    assert np.array_equal(couple(rule, 3), 0.5 * CHAIN)
    assert rule.degree(3) == pytest.approx(4 / 3)


UNEQUAL = {
    "two weights": ([[0, 0.5, 0], [0.25, 0, 0], [0, 0, 0]], "cells 0 and 1 with the weights 0.25 and 0.5"),
    "one of them zero": ([[0, 0.5, 0.5], [0.5, 0, 0], [0, 0, 0]], "cells 0 and 2 with the weights 0 and 0.5"),
    "a cell to itself": ([[0, 0.5, 0], [0, 0, 0], [0, 0, 1.0]], "joins cell 2 to itself"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNEQUAL)
def test_junctions_that_conduct_one_way_more_are_refused(tmp_path, case):
    weight, message = UNEQUAL[case]
    np.savez(tmp_path / "w.npz", weight=weight)
    with pytest.raises(PsstError, match=message):
        couple(from_file(tmp_path / "w.npz"), 3)


def test_rules_draw_each_pair_of_cells_once():
    share = np.mean([couple(Probability(0.2), 60, seed)[np.triu_indices(60, 1)].mean() for seed in range(20)])
    assert share == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / (20 * 1770)))
    assert couple(AllToAll(), 5).sum() == 20
    for inputs, n in ((4, 40), (7, 40), (0, 5), (4, 5), (39, 40), (30, 40)):
        assert (couple(FixedInDegree(inputs), n).sum(axis=1) == inputs).all()
    each = np.mean([couple(FixedInDegree(3), 10, seed) for seed in range(300)], axis=0)
    assert np.abs(each[~np.eye(10, dtype=bool)] - 1 / 3).max() < 4.5 * np.sqrt(2 / 9 / 300)


def test_what_no_junction_can_be_is_refused():
    with pytest.raises(PsstError, match=r"pairs: |connectivity: joins cell 1 to itself"):
        couple(Pairs([[1, 1]]), 3)
    with pytest.raises(PsstError, match="make one of both even"):
        couple(FixedInDegree(3), 5)
    for rule in (Probability(0.5, self_connections=True), FixedInDegree(2, self_connections=True)):
        with pytest.raises(PsstError, match="self_connections=true: no current flows"):
            couple(rule)


def test_a_pair_named_twice_is_refused():
    with pytest.raises(PsstError, match=r"pairs holds \[0, 1\] twice"):
        draw(Pairs([[0, 1], [1, 2], [0, 1]]), 3, 3, recurrent=True)
