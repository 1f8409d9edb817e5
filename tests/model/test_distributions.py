"""Parameters that differ between cells and synapses."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from psst_core.config.checks import check
from psst_core.errors import PsstError
from psst_core.integrate.batch import Run
from psst_core.keys import array_keys, parameter_keys, put
from psst_core.model.distributions import of
from psst_core.model.network import Network, connect, draw_parameters
from psst_core.plan.sweep_plan import make_plan
from psst_core.seeds import generator
from support.cells import HH, LEAK, cells, linked, passive, projection, trace
from support.configurations import configuration
from support.integrating import integrate

pytestmark = pytest.mark.usefixtures("no_results")

NORMAL = {"distribution": "normal", "mean": 100.0, "sd": 10.0, "low": None, "high": None}


def draw(count=20000, **settings):
    return of(settings, "key").draw(count, generator(1, "test", 0))


@pytest.mark.parametrize(
    "settings,expected",
    [
        ({"distribution": "normal", "mean": 3.0, "sd": 2.0}, stats.norm(3, 2)),
        ({"distribution": "normal", "mean": 3.0, "sd": 2.0, "low": 0.0, "high": 4.0}, stats.truncnorm(-1.5, 0.5, 3, 2)),
        ({"distribution": "uniform", "low": -1.0, "high": 3.0}, stats.uniform(-1, 4)),
        (
            {"distribution": "log_normal", "mean": 2.0, "cv": 0.5},
            stats.lognorm(np.sqrt(np.log(1.25)), scale=2 / 1.25**0.5),
        ),
    ],
)
def test_numbers_follow_their_distribution(settings, expected):
    assert stats.kstest(draw(**settings), expected.cdf).pvalue > 0.01


def cut_off(whole, low, high):
    """The cumulative probability between two numbers, from whichever side is exact."""
    if whole.cdf(low) > 0.5:
        return lambda x: (whole.sf(low) - whole.sf(x)) / (whole.sf(low) - whole.sf(high))
    return lambda x: (whole.cdf(x) - whole.cdf(low)) / (whole.cdf(high) - whole.cdf(low))


TAILS = {
    "normal": ({"distribution": "normal", "mean": 0.0, "sd": 1.0}, stats.norm(0, 1), [(9.0, None), (30.0, None),
        (-6.0, 9.0), (None, -9.0), (5.0, 5.01), (36.0, 36.5), (0.0, None), (-30.0, -29.0)]),
    "log_normal": ({"distribution": "log_normal", "mean": 1.0, "cv": 0.25}, stats.lognorm(np.log1p(0.0625) ** 0.5,
        scale=np.exp(-0.5 * np.log1p(0.0625))), [(5.0, None), (None, 0.2), (20.0, 21.0), (0.5, 30.0)]),
}  # fmt: skip


@pytest.mark.parametrize("name,place", [(name, place) for name, (*_, places) in TAILS.items() for place in places])
def test_what_is_cut_off_in_a_tail_draws_what_it_says(name, place):
    settings, whole, _ = TAILS[name]
    low, high = place
    numbers = draw(4000, **settings, low=low, high=high)
    ends = -np.inf if low is None else low, np.inf if high is None else high
    assert np.isfinite(numbers).all() and ends[0] <= numbers.min() and numbers.max() <= ends[1]
    assert len(np.unique(numbers)) > 3900
    assert stats.kstest(numbers, cut_off(whole, *ends)).pvalue > 1e-3


@hypothesis.given(
    name=st.sampled_from(["normal", "log_normal", "uniform"]),
    mean=st.floats(0.1, 1e3),
    spread=st.floats(0.0, 2.0),
    ends=st.tuples(st.floats(-30, 30), st.floats(0, 30)),
)
@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
def test_every_number_lies_where_it_may(name, mean, spread, ends):
    """Or the distribution is refused."""
    numbers = {"normal": {"mean": mean, "sd": spread}, "log_normal": {"mean": mean, "cv": spread}, "uniform": {}}[name]
    low = mean + ends[0] * max(spread, 0.1)
    made = of({"distribution": name, "low": low, "high": low + ends[1], **numbers}, "key")
    try:
        made.check()
    except PsstError:
        return
    drawn = made.draw(300, generator(1, "test", 0))
    assert np.isfinite(drawn).all() and low <= drawn.min() and drawn.max() <= low + ends[1]


@pytest.mark.parametrize(
    "settings,number",
    [
        ({"distribution": "uniform", "low": 2.5, "high": 2.5}, 2.5),
        ({"distribution": "evenly_spaced", "low": -1.0, "high": -1.0}, -1.0),
        ({"distribution": "normal", "mean": 0.0, "sd": 0.0}, 0.0),
        ({"distribution": "normal", "mean": 5.0, "sd": 0.0, "low": 0.0, "high": 9.0}, 5.0),
        ({"distribution": "normal", "mean": 5.0, "sd": 2.0, "low": 4.0, "high": 4.0}, 4.0),
        ({"distribution": "log_normal", "mean": 3.0, "cv": 0.0}, 3.0),
    ],
)
def test_a_distribution_without_width_is_a_number(settings, number):
    of(settings, "key").check()
    assert draw(5, **settings).tolist() == [number] * 5


def test_the_log_normal_has_its_mean_and_variation():
    numbers = draw(200_000, distribution="log_normal", mean=2.0, cv=0.5)
    assert numbers.mean() == pytest.approx(2.0, rel=0.01) and numbers.std() / numbers.mean() == pytest.approx(
        0.5, rel=0.02
    )


def test_evenly_spaced_is_a_ladder():
    assert draw(4, distribution="evenly_spaced", low=0.1, high=3.1).tolist() == pytest.approx([0.1, 1.1, 2.1, 3.1])


def test_a_distribution_over_cells_equals_cells_of_their_own():
    """Each cell of a mixed population does what it does in a population of its kind."""
    key = f"{HH}.mechanisms.sodium.conductance"
    config = cells(size=4, duration=30.0, stimulus={"type": "constant", "amplitude": 5.0})
    spread = {"distribution": "evenly_spaced", "low": 60.0, "high": 120.0}
    mixed = trace(put(config, {key: spread}), "v")
    for number, conductance in enumerate(np.linspace(60, 120, 4)):
        alone = trace(put(config, {key: float(conductance)}), "v")
        np.testing.assert_allclose(mixed[number], alone[number], atol=1e-7)
    assert np.abs(mixed[0] - mixed[3]).max() > 1.0


def test_parameters_belong_to_the_network_and_start_values_to_the_trial():
    key = f"{HH}.mechanisms.leak.conductance"
    config = passive(**{f"{HH}.mechanisms": LEAK, f"{HH}.start": {"v": NORMAL | {"mean": -65.0, "sd": 5.0}}})
    config = put(config, {key: NORMAL | {"mean": 0.1, "sd": 0.02}})
    runs = [Run(config, 0, 0), Run(config, 0, 1), Run(config, 1, 0)]
    first, trial, network = (draw_parameters(run.config, run.network)["network"] for run in runs)
    of_leak = [n["populations"]["hh"]["mechanisms"]["leak"]["conductance"] for n in (first, trial, network)]
    assert np.array_equal(of_leak[0], of_leak[1]) and not np.array_equal(of_leak[0], of_leak[2])
    recorded = integrate(runs).traces["hh.v"][:, :, 0]
    assert not np.array_equal(recorded[0], recorded[1])
    assert all(np.array_equal(integrate([run]).traces["hh.v"][0, :, 0], recorded[i]) for i, run in enumerate(runs))


def test_weights_of_synapses_scale_their_current():
    """One state per presynaptic cell serves synapses of any weight."""
    spread = {"distribution": "uniform", "low": 0.5, "high": 1.5}
    config = linked("acetylcholine", [[0, 1], [0, 2]], 0.05, weight=spread, duration=20.0)
    network = Network.from_config(config.network)
    links = connect(network, config["run"]["seed"], 0)["link"]
    assert len(set(links.weight)) == 2 and links.weight.min() >= 0.5 and links.weight.max() <= 1.5
    v = trace(config, "v")
    for post, weight in zip(links.post, links.weight, strict=True):
        alone = trace(linked("acetylcholine", [[0, int(post)]], 0.05, weight=float(weight), duration=20.0), "v")
        np.testing.assert_allclose(v[post], alone[post], atol=1e-9)


def test_its_numbers_can_be_swept_without_another_program():
    key = f"{HH}.mechanisms.sodium.conductance"
    config = put(configuration("f_i_curve"), {key: NORMAL})
    assert key not in parameter_keys(config) and {f"{key}.mean", f"{key}.sd"} <= set(array_keys(config))
    overrides = "network.populations.exc.start.v.sd=1,5 network.size=20 run.duration=1 recorder.window=[0,1]"
    plan = make_plan("coba_hh", overrides)
    (manifest,) = plan.manifests.values()
    assert manifest.varying == () and len(manifest.runs) == 2


@pytest.mark.parametrize(
    "settings,message",
    [
        ({"distribution": "normal", "mean": 1.0, "sd": 1.0}, r"may draw -inf, but must be at least 0; add low: 0"),
        ({"distribution": "normal", "mean": 1.0, "sd": -1.0}, r"conductance\.sd=-1: must be at least 0"),
        ({"distribution": "uniform", "low": 2.0, "high": 1.0}, r"conductance\.low=2.0, high=1.0"),
        ({"distribution": "normal", "mean": 1.0, "sd": 1.0, "low": 60.0, "high": 61.0}, r"nothing of the distribution"),
        ({"distribution": "normal", "mean": 1.0, "sd": 0.0, "low": 2.0}, r"nothing of the distribution"),
        ({"distribution": "normal", "mean": 1.0, "sd": 1.0, "low": 2.0, "high": 1.0}, r"the lower one as low"),
        ({"distribution": "uniform", "low": 0.5, "high": None}, r"lies between two numbers; give both"),
    ],
)
def test_a_distribution_that_cannot_serve_is_refused(settings, message):
    config = passive(**{f"{HH}.mechanisms": {"leak": LEAK["leak"] | {"conductance": settings}}})
    with pytest.raises(PsstError, match=message):
        check(config)


def test_a_parameter_of_two_populations_cells_is_refused():
    config = linked("acetylcholine", [[0, 1]])
    other = config["network"]["populations"]["hh"]
    both = {"a": projection("syn", [[0, 1]]), "b": projection("syn", [[0, 1]]) | {"pre": "other"}}
    config = put(config, {"network.populations.other": other, "network.projections": both})
    beta = {"distribution": "uniform", "low": 0.1, "high": 0.3}
    with pytest.raises(PsstError, match=r"synapses\.syn\.beta: cannot be a distribution.*synapse of its own"):
        check(put(config, {"network.synapses.syn.beta": beta, "network.size": 6}))
