"""Values are what was written: ranges, sorts, constraints, YAML and tables equal exact decimal arithmetic."""

import itertools
import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psst_core.config.yaml_files import read_yaml
from psst_core.errors import PsstError
from psst_core.plan.sweep_plan import make_plan
from psst_core.sweep.constraint import holds
from psst_core.sweep.expand import expand
from psst_core.sweep.grammar import axis_values, parse
from psst_core.written import exact, number

pytestmark = pytest.mark.usefixtures("no_results")
QUICK = ["network.size=8", "network.coupling=0.5", "solver=rk4", "sweep.networks=1", "sweep.trials=1"]
DECIMALS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**6), 10**6), st.integers(0, 6)
)
STEPS = DECIMALS.filter(lambda step: step != 0)


def swept(*overrides):
    """The values of each axis of a quick sweep."""
    chosen = {text.partition("=")[0] if "where" not in text else text: text for text in [*QUICK, *overrides]}
    return {axis.key: axis.values for axis in expand("locust_coupling", list(chosen.values())).axes}


def values(text):
    return parse(f"network.gaba={text}").value


@pytest.mark.parametrize(
    "text,expected",
    [
        ("range(1,1.3,0.1)", [1.0, 1.1, 1.2]),
        ("range(0,0.35,0.1)", [0.0, 0.1, 0.2, 0.3]),
        ("range(0.3,0,-0.1)", [0.3, 0.2, 0.1]),
        ("range(3)", [0, 1, 2]),
        ("range(9007199254740992,9007199254740996)", [9007199254740992 + i for i in range(4)]),
        ("sort(range(-70,-60,3),reverse=true)", [-61, -64, -67, -70]),
        ("sort(range(0,6),reverse=true)", [5, 4, 3, 2, 1, 0]),
        ("sort(range(0.5,-1,-0.5))", [-0.5, 0.0, 0.5]),
        ("sort(0.10,-3,2e-2)", [-3, 0.02, 0.1]),
        ("sort(choice(10,9),reverse=true)", [10, 9]),
        ("sort(linspace(1,0,3))", [0.0, 0.5, 1.0]),
        ("0,range(1,3),10", [0, 1, 2, 10]),
        ("linspace(0,1,11)", [i / 10 for i in range(11)]),
        ("linspace(0.1234567890123,0.7,2)", [0.1234567890123, 0.7]),
        ("linspace(1,7,3)", [1, 4, 7]),
        ("logspace(1,1000,4)", [1, 10, 100, 1000]),
        ("logspace(0.01,1,5)", [0.01, 10**-1.5, 0.1, 10**-0.5, 1.0]),
        ("logspace(-100,-1,3)", [-100, -10, -1]),
        ("010,+7,1e3,.5,5.", [10, 7, 1000.0, 0.5, 5.0]),
    ],
)
def test_functions_of_axes(text, expected):
    assert values(text) == expected and list(map(type, values(text))) == list(map(type, expected))


@settings(max_examples=150, deadline=None)
@given(DECIMALS, DECIMALS, STEPS, st.booleans(), st.booleans())
def test_a_range_is_exact_and_without_its_stop(start, stop, step, ordered, backwards):
    count = max(0, math.ceil((Fraction(stop) - Fraction(start)) / Fraction(step)))
    expected = [start + i * step for i in range(min(count, 300))]
    if count > len(expected):
        return
    if ordered:
        expected.sort(reverse=backwards)
    text = f"range({start:f},{stop:f},{step:f})"
    found = values(f"sort({text},reverse={str(backwards).lower()})" if ordered else text)
    assert found == [float(value) for value in expected]
    assert [exact(value) for value in found] == [Fraction(value) for value in expected]


@settings(max_examples=80, deadline=None)
@given(DECIMALS, DECIMALS, st.integers(2, 40))
def test_a_linspace_holds_its_ends_and_the_closest_doubles(first, last, count):
    if first == last:
        return
    found = values(f"linspace({first:f},{last:f},{count})")
    assert exact(found[0]) == Fraction(first) and exact(found[-1]) == Fraction(last)
    step = (Fraction(last) - Fraction(first)) / (count - 1)
    assert found == [float(Fraction(first) + i * step) for i in range(count)]


@settings(max_examples=40, deadline=None)
@given(st.decimals("0.001", "1000", places=3), st.decimals("0.001", "1000", places=3), st.integers(2, 12))
def test_a_logspace_holds_the_closest_doubles(first, last, count):
    found = values(f"logspace({first:f},{last:f},{count})")
    with localcontext(prec=50):
        exponents = [Decimal(i) / (count - 1) for i in range(count)]
        expected = [first * (last / first) ** exponent for exponent in exponents]
    assert found == [float(value) for value in expected]


@settings(max_examples=60, deadline=None)
@given(st.lists(DECIMALS, min_size=2, max_size=8, unique=True), st.booleans())
def test_a_sort_is_that_of_numbers(numbers, backwards):
    written = [f"{value:f}" if i % 2 else f"{value:E}".replace("E", "e") for i, value in enumerate(numbers)]
    found = values(f"sort({','.join(written)},reverse={str(backwards).lower()})")
    assert [exact(value) for value in found] == [Fraction(v) for v in sorted(numbers, reverse=backwards)]


CONSTRAINTS = ["a+b<={c}", "a-b=={c}", "a*b>{c}", "a%b=={c}", "a/b!={c}", "{c}<=a+2*b<1", "not a+b*3>={c}"]


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.decimals("-2", "2", places=2), min_size=1, max_size=6),
    st.lists(st.decimals("-2", "2", places=2).filter(bool), min_size=1, max_size=6),
    st.decimals("-2", "2", places=2),
    st.sampled_from(CONSTRAINTS),
)
def test_constraints_are_those_of_exact_arithmetic(ones, others, c, text):
    pairs = list(itertools.product(ones, others))
    columns = dict(zip("ab", np.array(pairs, float).T, strict=True))
    found = holds(text.format(c=f"{c:f}"), columns)
    expected = [eval(text.format(c="c"), {"a": Fraction(a), "b": Fraction(b), "c": Fraction(c)}) for a, b in pairs]
    assert found.tolist() == expected


def test_constraints_compare_numbers_as_people_do():
    found = expand(
        "locust_coupling",
        [*QUICK, "network.ach=range(0,0.35,0.1)", "network.gaba=range(0,0.35,0.1)", "sweep.where=ach+gaba<=0.3"],
    )
    assert len(found.runs) == 10
    seeds = {"s": np.array([2**53 - 1, 2**53 - 2])}
    assert holds(f"s=={2**53 - 1}", seeds).tolist() == [True, False]
    assert holds("s*s>81129638414606663681390495662080", seeds).tolist() == [True, False]


def test_a_constraint_that_divides_by_nothing_says_where():
    columns = {"a": np.array([1.0, 1.0]), "b": np.array([0.0, 0.5])}
    with pytest.raises(PsstError, match=r"divides by 0 at a=1.0, b=0.0; .*where=\(b!=0\)and\(a/b>1\)"):
        holds("a/b>1", columns)
    assert holds("(b!=0)and(a/b>1)", columns).tolist() == holds("a/b>1 and b!=0", columns).tolist() == [False, True]
    assert holds("b==0 or a%b==0", columns).tolist() == [True, True]


def test_a_million_points_are_compared_in_seconds():
    values = np.linspace(0, 1, 1000).round(3)
    a, b = np.repeat(values, 1000), np.tile(values, 1000)
    whole = np.round(a * 1000).astype(int) + np.round(b * 1000).astype(int)
    assert (holds("a+b<=0.3", {"a": a, "b": b}) == (whole <= 300)).all()


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.integers(-(10**18), 10**18).map(str),
        st.integers(0, 10**6).map(lambda n: f"00{n}"),
        DECIMALS.map(lambda d: f"{d:f}"),
        st.builds(lambda m, e: f"{m}e{e}", st.integers(-999, 999), st.integers(-30, 30)),
    )
)
def test_numbers_of_yaml_and_of_the_command_line_are_decimal(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("yaml") / "a.yaml"
    file.write_text(f"a: {text}\nb: [{text}, '{text}']\n")
    (plain, quoted) = read_yaml(file)["b"]
    assert number(plain) == number(quoted) == parse(f"a={text}").value == axis_values("a", [text])[0]
    assert exact(text) == Fraction(Decimal(text))
    assert float(number(text)) == float(Decimal(text))


AMBIGUOUS = ["1:30", "1_000", "0x1F", "0b11", "0o17", "yes", "off", "1e400", "1e-400", "1d3", "8.00000000000000000001"]


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_what_could_mean_another_number_is_refused_everywhere(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text(f"run.seed\n{text}\n")
    for name, axes in (("one", f"'{text}'"), ("list", f"[{text}]")):
        (tmp_path / f"{name}.yaml").write_text(f"axes: {{run.seed: {axes}}}\n")
    (tmp_path / "trials.yaml").write_text(f"trials: {text}\n")
    for override in (
        f"run.seed={text}",
        f"run.seed=1,{text}",
        "sweep=single sweep.table=points.csv",
        *(f"sweep={name}.yaml" for name in ("one", "list", "trials")),
    ):
        with pytest.raises(PsstError) as error:
            make_plan("locust_coupling", override)
        assert (text in str(error.value) and "write" in str(error.value)) or "double" in str(error.value)
        assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_the_same_numbers_in_every_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text("run.seed\n001\n002\n010\n011\n1e1\n".replace("1e1\n", ""))
    (tmp_path / "one.yaml").write_text("axes: {run.seed: [001, 002, 010, 011]}\n")
    (tmp_path / "two.yaml").write_text("axes: {run.seed: '001,002,010,011'}\n")
    for override in ("run.seed=001,002,010,011", "sweep.table=points.csv", "sweep=one.yaml", "sweep=two.yaml"):
        given = ["sweep=single"] if not override.startswith("sweep=") else []
        assert swept(*given, override)["run.seed"] == (1, 2, 10, 11)
    assert swept("run.seed=1e3,2.0,9007199254740991,9007199254740992")["run.seed"] == (1000, 2, 2**53 - 1, 2**53)


@pytest.mark.parametrize(
    "override,message",
    [
        ("run.seed=9007199254740993", "run.seed=9007199254740993: must be between 0 and 9,007,199,254,740,992"),
        ("run.seed=9007199254740993.0", "write all its digits"),
        ("network.gaba=9007199254740993", "holds no such number exactly"),
        ("network.gaba=1,9007199254740993", "holds no such number exactly"),
        ("network.gaba=int(1.7)", "write the value itself"),
        ("network.gaba=sort(1,strong)", "not both together"),
        ("network.gaba=sort(shuffle(1,2))", "leave it out"),
        ("network.gaba=linspace(0,1,1)", "cannot be both ends"),
        ("network.gaba=rnage(0,1,0.1)", "did you mean range?"),
        ("network.gaba=range(0,1,0)", "the step not 0"),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(override, message):
    with pytest.raises(PsstError) as error:
        swept(override)
    assert message in str(error.value)


def test_whole_samples_stay_within_their_interval():
    found = swept("sweep=single", "run.seed=interval(9007199254740990,9007199254740992)", "sweep.sample.points=2")
    assert set(found["run.seed"]) <= {2**53 - 2, 2**53 - 1, 2**53}
    assert all(math.isfinite(value) for value in swept("network.gaba=loginterval(1e-3,1e3)")["network.gaba"])
