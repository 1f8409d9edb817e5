"""Division into batches and jobs: what is expected to be done first, from measured costs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psst_core.keys import put
from psst_core.plan.machine import REFERENCE, Machine, portions
from support.configurations import configuration

MACHINE = Machine(2, REFERENCE)
WIDE = {"float64": {1: 10.0, 16: 20.0, 64: 40.0}, "float32": {1: 10.0, 64: 40.0}}


@given(st.integers(0, 500), st.integers(1, 40))
def test_portions_are_whole_and_nearly_equal(count, parts):
    sizes = portions(count, parts)
    assert sum(sizes) == count
    assert max(sizes) - min(sizes) <= 1


def test_batches_hold_every_run_and_are_the_soonest_of_all_widths():
    config = configuration()
    for runs in (1, 2, 7, 8, 9, 20, 63, 64, 65, 300):
        sizes = MACHINE.batches(config, runs)
        assert sum(sizes) == runs
        assert max(sizes) <= config["hardware"]["lanes"]
        assert MACHINE.seconds(config, sizes) <= MACHINE.seconds(config, [1] * runs)


def test_a_machine_that_likes_wide_batches_gets_them():
    config = configuration()
    assert Machine(1, WIDE).batches(config, 64) == [64]
    narrow = {precision: {lanes: 10.0 * lanes for lanes in table} for precision, table in WIDE.items()}
    assert max(Machine(1, narrow).batches(config, 3)) == 1


def test_memory_and_the_configuration_limit_the_width():
    config = configuration(network__size=12000)
    assert max(MACHINE.widths(config)) < 64
    assert max(MACHINE.widths(put(configuration(), {"hardware.lanes": 5}))) == 5
    assert MACHINE.widths(configuration(network__size=400_000_000)) == [1]
    assert MACHINE.widths(put(configuration(), {"hardware.device": "gpu", "hardware.gpu_lanes": 1024})) == [1024]


def test_jobs_keep_all_cores_busy_and_none_is_long_or_idle():
    config = configuration()
    assert MACHINE.jobs(config, 64, 1.0) == 2
    assert Machine(16, REFERENCE).jobs(config, 64, 1.0) > 4
    assert MACHINE.jobs(config, 64, 0.1) == 1
    assert MACHINE.jobs(put(config, {"run.duration": 1.0}), 64, 1.0) == 1
    seconds = MACHINE.seconds(config, MACHINE.batches(config, 64))
    assert MACHINE.jobs(put(config, {"hardware.job_minutes": seconds / 60 / 8}), 64, 0.0) == 8
    assert MACHINE.jobs(put(config, {"run.duration": 1e7}), 3, 1.0) == 3


@pytest.mark.parametrize("key", ["devices", "workers"])
def test_a_job_of_several_devices_has_a_batch_for_each(key):
    one = configuration(run__duration=1e5)
    four = put(one, {f"hardware.{key}": 4})
    for runs in (1, 3, 4, 64, 300, 1000):
        sizes = MACHINE.batches(four, runs)
        assert sum(sizes) == runs and len(sizes) >= min(runs, 4)
        assert max(sizes) <= four["hardware"]["lanes"]
    assert MACHINE.seconds(four, [64] * 8) == pytest.approx(MACHINE.seconds(one, [64] * 2))
    assert MACHINE.seconds(four, [64] * 5) == pytest.approx(MACHINE.seconds(one, [64] * 2))
    many = Machine(16, REFERENCE)
    assert many.jobs_at_once(one.hardware) == 16 and many.jobs_at_once(four.hardware) == 4
    assert many.jobs_at_once(put(four, {"hardware.jobs": 7}).hardware) == 7
    assert many.jobs(put(four, {"hardware.job_minutes": 1e6}), 1000, 1.0) == 4
    assert many.jobs(put(four, {"hardware.jobs": 100}), 40, 1.0) == 10


def test_costs_are_read_where_they_were_measured(tmp_path):
    assert Machine.here(tmp_path).costs == REFERENCE
    (tmp_path / "machine.json").write_text(json.dumps(WIDE))
    assert Machine.here(tmp_path).costs == WIDE


@pytest.mark.parametrize("solver", ["euler", "rk4"])
def test_expected_time_grows_with_work(solver):
    config = configuration(solver__name=solver)
    one = MACHINE.seconds(config, [64])
    assert MACHINE.seconds(config, [64, 64]) == pytest.approx(2 * one)
    assert MACHINE.seconds(put(config, {"run.duration": 2000.0}), [64]) == pytest.approx(2 * one)
    assert MACHINE.seconds(config, [20]) < MACHINE.seconds(config, [40]) < one
