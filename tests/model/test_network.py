"""What a description becomes: sizes, conductances, start states."""

import numpy as np
import pytest
import xarray as xr

from psst_core.config.checks import check
from psst_core.errors import PsstError
from psst_core.integrate.batch import Run
from psst_core.keys import put
from psst_core.model.network import Network, connect, start_state
from support.configurations import configuration, small_locust
from support.integrating import integrate
from support.paths import DATA


def network(**values):
    return Network.from_config(configuration(**values).network)


@pytest.mark.parametrize("size,pn,ln", [(60, 45, 15), (120, 90, 30), (240, 180, 60)])
def test_sizes_keep_three_to_one(size, pn, ln):
    assert network(network__size=size).sizes == {"pn": pn, "ln": ln}


def test_conductances_keep_the_expected_input():
    """G = g_max · coupling · transmitter · K_ref / K, with K the expected in-degree."""
    for size, factor in ((60, 2.0), (120, 1.0), (240, 0.5)):
        found = network(network__size=size, network__coupling=0.5, network__ach=0.1, network__gaba=2.0).projections
        assert found["pn_ln"].conductance == pytest.approx(0.3 * 0.5 * 0.1 * factor)
        assert found["ln_pn"].conductance == pytest.approx(0.8 * 0.5 * 2.0 * factor)
        assert found["ln_ln"].conductance == pytest.approx(0.8 * 0.5 * 2.0 * factor)
    plain = network(network__size=240, network__scaling="none").projections
    assert plain["pn_ln"].conductance == 0.3


def test_networks_differ_and_repeat():
    locust = network()
    one, again, other = (connect(locust, 1, number)["pn_ln"].matrix(30, 90) for number in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_start_is_jittered_by_one_per_cent_and_differs_by_trial():
    config = configuration(network__size=4000).network
    locust = Network.from_config(config)
    first, second = (start_state(locust, config, 1, 0, trial) for trial in (0, 1))
    v = first["pn"]["v"]
    assert v.mean() == pytest.approx(-70, abs=0.1) and v.std() == pytest.approx(0.7, rel=0.05)
    calcium = first["ln"]["calcium_pool.concentration"]
    assert calcium.mean() == pytest.approx(2.4e-4, rel=0.01) and calcium.std() == pytest.approx(2.4e-6, rel=0.1)
    assert not first["pn"]["sodium.m"].any()
    assert not np.array_equal(v, second["pn"]["v"])


def test_start_values_from_the_configuration_and_from_a_file():
    config = configuration(network__start_jitter=0.0)
    config = put(config, {"network.populations.pn.start": {"v": -60.0, "sodium": {"m": 0.25}}})
    check(config)
    started = start_state(Network.from_config(config.network), config.network, 1, 0, 0)
    assert (started["pn"]["sodium.m"] == 0.25).all() and (started["pn"]["v"] == -60).all()
    given = put(config, {"network.start_file": str(DATA / "locust_start.npz")})
    started = start_state(Network.from_config(given.network), given.network, 1, 0, 0)
    assert started["pn"]["v"][0] == pytest.approx(-70.84481449)
    wrong_size = put(given, {"network.size": 60})
    with pytest.raises(PsstError, match="ln has 15 cells"):
        start_state(Network.from_config(wrong_size.network), wrong_size.network, 1, 0, 0)
    with pytest.raises(PsstError, match=r"start=potasium\.n"):
        check(put(config, {"network.populations.pn.start": {"potasium": {"n": 0.1}}}))


def test_the_order_of_keys_changes_no_bit():
    config = small_locust()
    turned = put(config, {"network.projections": dict(reversed(config["network"]["projections"].items()))})
    for name in ("pn", "ln"):
        key = f"network.populations.{name}.mechanisms"
        turned = put(turned, {key: dict(reversed(config["network"]["populations"][name]["mechanisms"].items()))})
    ours, theirs = integrate([Run(config)]).state(), integrate([Run(turned)]).state()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def starts(tmp_path, variables, coords=None):
    """Start values of the small lobe from a NetCDF file with these variables."""
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.nc"
    xr.Dataset(variables, coords).to_netcdf(path)
    config = put(configuration("locust_coupling"), {"network.size": 3, "network.start_file": str(path)})
    config = put(config, {"network.start_jitter": 0.0, "network.populations.pn.share": 2})
    return start_state(Network.from_config(config.network), config.network, 1, 0, 0)


def test_start_values_of_a_file_are_converted_ordered_and_matched(tmp_path):
    two = np.array([-60.0, -50.0])
    for variables, coords in [
        ({"pn.v": ("cell", two, {"units": "mV"})}, None),
        ({"pn.v": ("pn", two / 1000, {"units": "V"})}, None),
        ({"pn.v": ("cell", two[::-1])}, {"cell": [1, 0]}),
        ({"pn.v": ("cell", two)}, {"time": 3.0}),
    ]:
        np.testing.assert_allclose(starts(tmp_path, variables, coords)["pn"]["v"], two, rtol=1e-15)
    one = starts(tmp_path, {"pn.v": ((), -55.0), "ln.calcium_pool.concentration": ("cell", [0.3], {"units": "umol/L"})})
    assert one["pn"]["v"].tolist() == [-55.0, -55.0]


WRONG = {
    "another case": ({"pn.V": ("cell", [1.0, 2.0])}, r"'pn\.V': the network has no such variable \(did you mean pn\.v"),
    "another population": ({"pm.v": ("cell", [1.0, 2.0])}, r"'pm\.v': the network has no such variable \("),
    "text": ({"pn.v": ("cell", ["a", "b"])}, "'pn.v' holds text"),
    "another number of cells": ({"pn.v": ("cell", [1.0])}, r"has the shape \(1,\); the population pn has 2 cells"),
    "two dimensions": ({"pn.v": (("cell", "time"), [[1.0], [2.0]])}, r"has the shape \(2, 1\)"),
    "times": ({"pn.v": ("time", [1.0, 2.0])}, "has the dimension time, which is not that of the cells of pn"),
    "cells of others": ({"pn.v": ("ln", [1.0, 2.0])}, "has the dimension ln, which is not that of the cells of pn"),
    "another unit": ({"pn.v": ("cell", [1.0, 2.0], {"units": "uA"})}, "'pn.v' has the unit 'uA', but must be in mV"),
    "missing": ({"pn.v": ("cell", [1.0, np.nan])}, "'pn.v': 1 of 2 values are missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_start_values_that_do_not_fit_are_refused(tmp_path, case):
    variables, message = WRONG[case]
    with pytest.raises(PsstError, match=rf"^network\.start_file={tmp_path}/0\.nc: .*{message}"):
        starts(tmp_path, variables)
