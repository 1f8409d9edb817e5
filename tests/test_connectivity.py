"""Rules of connectivity."""

import numpy as np
import pytest

from psst_core.connectivity import AllToAll, FixedInDegree, Pairs, Probability
from psst_core.errors import PsstError
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
