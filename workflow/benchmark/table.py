"""The benchmark's table: ratios beside their targets, all rows, agreement of spikes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rows import METHODS, Row, chosen, digits, fastest, finite, number_of, one, ratio

COMMAND = "snakemake --config experiment=benchmark"
PROBLEMS = ("networks", "cores", "memory")  # sections whose modes are different problems


@dataclass(frozen=True, eq=False)
class Ratio:
    """A line of the table of ratios; it has no targets if `least` is None."""

    what: str
    values: np.ndarray
    least: float | None = None
    aim: float | None = None
    at_most: bool = False

    def cells(self) -> list[str]:
        least, aim, reached = "–", "–", "–"
        if self.least is not None and self.aim is not None:
            least, aim = f"{'at most ' if self.at_most else ''}{self.least:g}", f"{self.aim:g}"
            if len(self.values):
                median = np.median(self.values)
                reached = "yes" if (median <= self.least if self.at_most else median >= self.least) else "no"
        return [self.what, spread(self.values), least, aim, reached]


def ratios(rows: list[Row]) -> list[Ratio]:
    """Return all lines of the table, those without targets at the end."""
    locust = chosen(rows, section="locust")

    def of(program: str, method: str, precision: str, runs: int = 64, mode: str = "default") -> Row | None:
        return one(locust, program=program, method=method, precision=precision, runs=runs, mode=mode)

    def against(program: str, method: str, precision: str, *targets: float, mode: str = "default") -> Ratio:
        name = program if mode == "default" else f"{program} {mode}"
        values = ratio(of(program, method, precision, mode=mode), of("PSST", method, precision))
        return Ratio(f"{name} / PSST, 64 runs, {METHODS[method]}, {precision}", values, *targets)

    def shipped(method: str, precision: str, runs: int, *targets: float) -> Ratio:
        best = fastest(filter(None, (of("Brian2", method, precision, runs, mode) for mode in ("merged", "separate"))))
        mode = f" ({best.mode})" if best else ""
        what = f"Brian2 as shipped{mode} / PSST, {number_of(runs, 'run')}, {METHODS[method]}, {precision}"
        return Ratio(what, ratio(best, of("PSST", method, precision, runs)), *targets)

    return [
        shipped("rk4", "single", 64, 6, 9),
        shipped("rk4", "double", 64, 1.9, 3),
        shipped("exponential_euler", "single", 64, 6, 10),
        shipped("rk4", "double", 1, 1.6, 2.5),
        Ratio(
            "tutorial (1 run) / PSST (64 runs), per step and run, RK4, double",
            ratio(of("tutorial", "rk4", "double", 1), of("PSST", "rk4", "double")),
            140,
            300,
        ),
        against("JAX", "rk4", "double", 1.3, 2, mode="plain"),
        against("JAX", "rk4", "single", 1.3, 2, mode="plain"),
        against("C limit", "rk4", "single", 0.4, 0.7),
        against("hand-written TensorFlow", "rk4", "double", 0.95, 1.3),
        against("hand-written TensorFlow", "rk4", "single", 0.95, 1.3),
        *coba(rows),
        *networks(rows),
        *cold(rows),
        *cores(rows),
        *memory(rows),
        against("Brian2", "rk4", "single", mode="tuned"),
        against("Brian2", "rk4", "double", mode="tuned"),
        against("Brian2", "exponential_euler", "single", mode="tuned"),
        against("JAX", "rk4", "double", mode="tuned"),
        against("JAX", "rk4", "single", mode="tuned"),
        *coba(rows, mode="tuned"),
        *sine(rows),
    ]


def coba(rows: list[Row], mode: str = "separate") -> list[Ratio]:
    """Return the lines of Brian2 on the network of 4,000 cells; Brian2 as shipped has targets."""
    name, targets = ("Brian2 as shipped", (1, 2)) if mode == "separate" else (f"Brian2 {mode}", ())
    lines = []
    for psst in chosen(rows, section="coba", program="PSST"):
        keys = {key: getattr(psst, key) for key in ("section", "method", "precision", "runs")}
        values = ratio(one(rows, program="Brian2", mode=mode, **keys), psst)
        lines.append(Ratio(f"{name} / PSST, COBA-HH, {psst.size}, {psst.solver}", values, *targets))
    return lines or ([Ratio(f"{name} / PSST, COBA-HH", np.array([]), *targets)] if targets else [])


def sine(rows: list[Row]) -> list[Ratio]:
    lines = []
    for psst in chosen(rows, section="sine", program="PSST"):
        for program in ("NumPy", "tutorial"):
            other = one(rows, section="sine", program=program, equations=psst.equations)
            lines.append(Ratio(f"{program} / PSST, x' = sin(x t), {psst.size}, {psst.solver}", ratio(other, psst)))
    return lines


def networks(rows: list[Row]) -> list[Ratio]:
    what, targets = "one network for all runs / one for each run (1: no cost)", (0.5, 0.8)
    pairs = paired(rows, "networks", "one", "own")
    return [Ratio(f"{what}, {own.size}, {own.solver}", ratio(top, own), *targets) for top, own in pairs] or [
        Ratio(what, np.array([]), *targets)
    ]


def cores(rows: list[Row]) -> list[Ratio]:
    what, targets = "two jobs at once: work done per time / that of one job (2: perfect)", (1.9, 2)
    pairs = paired(rows, "cores", "one job", "two jobs")
    return [Ratio(f"{what}, {two.size}, {two.solver}", 2 * ratio(top, two), *targets) for top, two in pairs] or [
        Ratio(what, np.array([]), *targets)
    ]


def memory(rows: list[Row]) -> list[Ratio]:
    what, targets = "peak memory of 10 s / of 1 s", (1.05, 1, True)
    lines = []
    for short, long in paired(rows, "memory", "1 s", "10 s"):
        values = finite(np.array([long.peak_memory / short.peak_memory if short else np.nan]))
        lines.append(Ratio(f"{what}, {long.size}, {long.solver}", values, *targets))
    return lines or [Ratio(what, np.array([]), *targets)]


def paired(rows: list[Row], section: str, first: str, second: str) -> list[tuple[Row | None, Row]]:
    """Return PSST's rows of the second mode, each with the row of the first mode on the same problem."""
    psst = chosen(rows, section=section, program="PSST")
    return [
        (one(psst, mode=first, method=row.method, precision=row.precision, runs=row.runs), row)
        for row in chosen(psst, mode=second)
    ]


def cold(rows: list[Row]) -> list[Ratio]:
    """Return the lines of the best program that does PSST's work with its solver."""
    lines = []
    for psst in chosen(rows, section="cold", program="PSST"):
        keys = {key: getattr(psst, key) for key in ("section", "method", "precision", "runs", "steps")}
        best = fastest(row for row in chosen(rows, **keys) if row.program != "PSST")
        name = f" ({best.name})" if best else ""
        what = f"from command to files: best other program{name} / PSST, {psst.size}, {psst.solver}"
        lines.append(Ratio(what, ratio(best, psst), 1, 2))
    return lines or [Ratio("from command to files: best other program / PSST", np.array([]), 1, 2)]


def spread(values: np.ndarray) -> str:
    """Return the median (minimum to maximum)."""
    if len(values) == 0:
        return "not measured"
    middle = digits(np.median(values))
    return f"{middle} ({digits(values.min())} to {digits(values.max())})" if len(values) > 1 else middle


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *lines])


def all_rows(rows: list[Row]) -> str:
    header = ["section", "program", "mode", "method", "precision", "size", "cores", "steps"]
    header += ["time: median (min to max)", "unit", "set-up (s)", "peak memory (MB)", "spikes"]
    lines = []
    for row in rows:
        timed = row.section != "memory"
        lines.append(
            [row.section, row.program, "" if row.mode == "default" else row.mode]
            + [row.scheme, row.precision, row.size, str(row.cores), str(row.steps)]
            + ([spread(finite(row.cost)), row.unit] if timed else ["–", "–"])
            + [digits(row.setup_seconds), digits(row.peak_memory / 1e6)]
            + [f"{row.spikes:.0f}" if np.isfinite(row.spikes) and row.section != "product" else "–"]
        )
    return markdown(header, lines)


def agreement(rows: list[Row]) -> str:
    """Say for each problem which programs count PSST's spikes, and by how many the others differ."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        if np.isfinite(row.spikes) and row.section not in ("sine", "product"):
            problem = (row.section, row.size, row.method, row.precision, row.steps)
            groups.setdefault((*problem, row.mode if row.section in PROBLEMS else ""), []).append(row)
    lines = []
    for (section, size, method, precision, steps, mode), group in groups.items():
        where = f"{section}, {size}, {METHODS[method]}, {precision}, {number_of(steps, 'step')}{mode and ', '}{mode}"
        psst = chosen(group, program="PSST")
        if not psst:
            counts = ", ".join(f"{row.name} counts {number_of(int(row.spikes), 'spike')}" for row in group)
            lines.append(f"- {where}: {counts}; PSST was not measured so.")
        if not psst or len(group) == 1:
            continue
        others = [row for row in group if row is not psst[0]]
        same = [row.name for row in others if row.spikes == psst[0].spikes]
        differ = []
        for row in others:
            if more := int(row.spikes - psst[0].spikes):
                differ.append(f"{row.name} counts {abs(more)} {'more' if more > 0 else 'fewer'}")
        found = [f"so {'does' if len(same) == 1 else 'do'} {', '.join(same)}"] if same else []
        found += [", ".join(differ)] if differ else ["none differs"]
        lines.append(f"- {where}: PSST counts {number_of(int(psst[0].spikes), 'spike')}; {'; '.join(found)}.")
    return "\n".join(lines)


def head(rows: list[Row], attributes: dict[str, Any]) -> str:
    """Say where, when and with which versions was measured."""
    failures = attributes.get("failures", "")
    versions = [f"Python {attributes['python']}", f"TensorFlow {attributes['tensorflow']}"]
    versions = dict.fromkeys([*versions, *(row.version for row in rows if row.version)])
    return (
        f"Measured on {attributes['machine']}, {attributes['date']}, at commit {attributes['commit']}, with "
        f"{', '.join(versions)}, by `{COMMAND}`." + (f" Failed: {failures}." if failures else "")
    )


def table(rows: list[Row], attributes: dict[str, Any]) -> str:
    header = ["what", "measured: median (min to max)", "at least", "aim", "reached"]
    return f"""# Benchmark

{head(rows, attributes)}

## Ratios

Of times: above 1, the program named second is the faster. The programs of all sections but cold, cores and memory were
measured in turn, so ratios are formed repeat by repeat. A target is reached when the median is at least (or at most)
what it says.

{markdown(header, (line.cells() for line in ratios(rows)))}

Brian2 as shipped is the better of one merged network and one binary for each run. Lines without targets (–) show what
experts get: Brian2 tuned is compiled with better flags for gcc, JAX tuned is written for XLA with vectors of 512 bits.
Brian2 evaluates synaptic sums once a step, so its RK4 does a quarter of the sums. COBA-HH is benchmark 3 of
Brette et al. 2007, 4,000 cells; of several runs, PSST makes one batch and Brian2 one after the other.

## All rows

{all_rows(rows)}

## Spikes

{agreement(rows)}
"""
