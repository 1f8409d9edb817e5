"""The benchmark's report from its measurements: ratios beside their targets, all rows, agreement of spikes, figures."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from psst_core.figures import STYLE
from psst_core.figures.style import COLUMN, scale_x
from psst_core.files import atomic, write_text

COMMAND = "snakemake --config experiment=benchmark"
KEYS = ("section", "program", "mode", "method", "precision", "runs", "equations", "cores", "steps")
METHODS = {"rk4": "RK4", "exponential_euler": "exponential Euler", "implicit_euler": "implicit Euler"}
WHOLE = ("cold", "cores")  # sections that measure whole jobs, in seconds
PROBLEMS = ("networks", "cores", "memory")  # sections whose modes are different problems
COLOURS = {
    "PSST": "C0",
    "hand-written TensorFlow": "C3",
    "C limit": "C6",
    "Brian2": "C1",
    "JAX": "C2",
    "NEURON": "0.45",
    "Jaxley": "0.7",
    "tutorial": "C4",
    "NumPy": "C5",
}
MARKERS = dict(zip(COLOURS, "oPXs^dv*D", strict=True))
DASHES = {"separate": "--", "tuned": ":"}
FILLS = {"separate": "none", "tuned": "left"}


@dataclass(frozen=True, eq=False)
class Row:
    """What was measured of one program on one problem; `seconds` by repeat."""

    section: str
    program: str
    mode: str
    method: str
    precision: str
    runs: int
    equations: int
    cores: int
    steps: int
    seconds: np.ndarray
    setup_seconds: float
    peak_memory: float
    spikes: float
    version: str

    @property
    def name(self) -> str:
        return self.program if self.mode == "default" else f"{self.program} ({self.mode})"

    @property
    def size(self) -> str:
        return number_of(self.equations, "equation") if self.section == "cells" else number_of(self.runs, "run")

    @property
    def solver(self) -> str:
        return f"{METHODS[self.method]}, {self.precision}"

    @property
    def unit(self) -> str:
        return "s" if self.section in WHOLE else "µs per step" if self.section == "cells" else "µs per step and run"

    @property
    def cost(self) -> np.ndarray:
        """Time in `unit`, by repeat."""
        if self.section in WHOLE:
            return self.seconds
        return 1e6 * self.seconds / self.steps / (1 if self.section == "cells" else self.runs)


@dataclass(frozen=True, eq=False)
class Ratio:
    """A line of the table of ratios; without targets where `least` is None."""

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


def read(source: Path) -> tuple[list[Row], dict[str, Any]]:
    """The rows and the attributes of a file of measurements."""
    with xr.open_dataset(source) as data:
        columns = {name: data[name].values.tolist() for name in (*KEYS, "setup_seconds", "peak_memory", "version")}
        columns["spikes"] = data["spikes"].where(data["spikes"] >= 0).values.tolist()
        columns["seconds"] = list(data["seconds"].transpose("row", "repeat").values)
        rows = [Row(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
        return rows, dict(data.attrs)


def chosen(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(getattr(row, key) == value for key, value in wanted.items())]


def one(rows: Iterable[Row], **wanted: Any) -> Row | None:
    """The only row with these keys, or None where there is none.

    Raises:
        ValueError: where there are several.
    """
    found = chosen(rows, **wanted)
    if len(found) > 1:
        raise ValueError(f"{len(found)} rows for {wanted}")
    return found[0] if found else None


def fastest(rows: Iterable[Row]) -> Row | None:
    """By the median; rows without a finite time do not count."""
    timed = [row for row in rows if np.isfinite(row.cost).any()]
    return min(timed, key=lambda row: np.nanmedian(row.cost), default=None)


def ratio(top: Row | None, bottom: Row | None) -> np.ndarray:
    """Of their times, by repeat, where both were measured."""
    if top is None or bottom is None:
        return np.array([])
    return finite(top.cost / bottom.cost)


def finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def ratios(rows: list[Row]) -> list[Ratio]:
    """All lines of the table, those without targets at the end."""
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
        *networks(rows),
        *cold(rows),
        *cores(rows),
        *memory(rows),
        against("Brian2", "rk4", "single", mode="tuned"),
        against("Brian2", "rk4", "double", mode="tuned"),
        against("Brian2", "exponential_euler", "single", mode="tuned"),
        against("JAX", "rk4", "double", mode="tuned"),
        against("JAX", "rk4", "single", mode="tuned"),
    ]


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
    """PSST's rows of the second mode, each with that of the first on the same problem."""
    psst = chosen(rows, section=section, program="PSST")
    return [
        (one(psst, mode=first, method=row.method, precision=row.precision, runs=row.runs), row)
        for row in chosen(psst, mode=second)
    ]


def cold(rows: list[Row]) -> list[Ratio]:
    """The best of the programs that do PSST's work with its solver."""
    lines = []
    for psst in chosen(rows, section="cold", program="PSST"):
        keys = {key: getattr(psst, key) for key in ("section", "method", "precision", "runs", "steps")}
        best = fastest(row for row in chosen(rows, **keys) if row.program != "PSST")
        name = f" ({best.name})" if best else ""
        what = f"from command to files: best other program{name} / PSST, {psst.size}, {psst.solver}"
        lines.append(Ratio(what, ratio(best, psst), 1, 2))
    return lines or [Ratio("from command to files: best other program / PSST", np.array([]), 1, 2)]


def number_of(count: int, what: str) -> str:
    return f"{count} {what}{'s'[: count != 1]}"


def digits(value: float) -> str:
    """Three digits that count, without an exponent."""
    if not np.isfinite(value):
        return "–"
    rounded = float(f"{value:.3g}")
    return f"{value:.{max(0, 2 - int(np.floor(np.log10(abs(rounded)))))}f}" if value else "0"


def spread(values: np.ndarray) -> str:
    """Median (minimum to maximum)."""
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
            + [METHODS[row.method], row.precision, row.size, str(row.cores), str(row.steps)]
            + ([spread(finite(row.cost)), row.unit] if timed else ["–", "–"])
            + [digits(row.setup_seconds), digits(row.peak_memory / 1e6)]
            + [f"{row.spikes:.0f}" if np.isfinite(row.spikes) else "–"]
        )
    return markdown(header, lines)


def agreement(rows: list[Row]) -> str:
    """A sentence for each problem: which programs count PSST's spikes, and by how many the others differ."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        if np.isfinite(row.spikes):
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
    """Where, when and with what was measured."""
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

Of times: above 1, the program named second is the faster. The programs of locust, cells and networks were measured in
turn, so ratios are formed repeat by repeat. A target is reached when the median is at least (or at most) what it says.

{markdown(header, (line.cells() for line in ratios(rows)))}

Brian2 as shipped is the better of one merged network and one binary for each run. Lines without targets (–) show what
experts get: Brian2 tuned is compiled with better flags for gcc, JAX tuned is written for XLA with vectors of 512 bits.
Brian2 evaluates synaptic sums once a step, so its RK4 does a quarter of the sums.

## All rows

{all_rows(rows)}

## Spikes

{agreement(rows)}
"""


def plot(axes: Axes, rows: list[Row], x: str) -> None:
    """Median times against the key `x`, bars from minimum to maximum, a line for each program and mode."""
    for program, colour in COLOURS.items():
        for mode in sorted({row.mode for row in chosen(rows, program=program)}):
            line = sorted(chosen(rows, program=program, mode=mode), key=lambda row: getattr(row, x))
            values = np.array([centre(row.cost) for row in line]).T
            axes.errorbar(
                [getattr(row, x) for row in line],
                values[0],
                values[1:],
                color=colour,
                marker=MARKERS[program],
                linestyle=DASHES.get(mode, "-"),
                fillstyle=FILLS.get(mode, "full"),
                markerfacecoloralt="white",
                elinewidth=0.7,
                zorder=3 if program == "PSST" else 2,
                label=line[0].name,
            )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def centre(values: np.ndarray) -> tuple[float, float, float]:
    """Median, and how far minimum and maximum are from it."""
    middle, low, high = np.median(finite(values)), finite(values).min(), finite(values).max()
    return middle, middle - low, high - middle


def bars(axes: Axes, rows: list[Row], names: Sequence[str], setup: bool = False) -> None:
    """A bar for each row, the shortest on top, with its time and how many times PSST's that is."""
    order = sorted(zip(rows, names, strict=True), key=lambda pair: centre(pair[0].cost)[0])
    psst = fastest(chosen(rows, program="PSST"))
    for place, (row, _) in enumerate(order):
        middle, below, above = centre(row.cost)
        axes.barh(place, middle, color=COLOURS[row.program], height=0.7)
        if setup and row.setup_seconds <= middle:
            axes.barh(place, row.setup_seconds, color="white", alpha=0.6, height=0.7)
        if below or above:
            axes.errorbar(middle, place, xerr=[[below], [above]], color="0.3", elinewidth=0.7, capsize=1.5)
        text = digits(middle)
        if row is not psst and len(times := ratio(row, psst)):
            text += f" ({digits(np.median(times))}×)"
        axes.annotate(text, (middle + above, place), (3, 0), textcoords="offset points", va="center", size=6.5)
    axes.set_yticks(range(len(order)), [name for _, name in order])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.6 * max(np.max(finite(row.cost)) for row in rows))


def empty(axes: Axes) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color="0.5")


def legend(figure: Figure) -> None:
    """Below the panels, each line once."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        found |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    if found:
        figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=2, handlelength=3)


def draw_throughput(rows: list[Row]) -> Figure:
    figure, panels = plt.subplots(2, 1, figsize=(COLUMN, 5.4), sharex=True, sharey=True)
    timed = chosen(rows, section="locust", method="rk4")
    for axes, precision in zip(panels, ("double", "single"), strict=True):
        shown = chosen(timed, precision=precision)
        axes.set(title=f"RK4, {precision} precision", ylabel="time per step and run (µs)")
        plot(axes, shown, "runs") if shown else empty(axes)
    if timed:
        scale_x(panels[1], sorted({row.runs for row in timed}))
        panels[1].tick_params(axis="x", rotation=0)
    panels[1].set_xlabel("runs at once")
    legend(figure)
    return figure


def draw_cells(rows: list[Row]) -> Figure:
    figure, axes = plt.subplots(figsize=(COLUMN, 3.7))
    shown = chosen(rows, section="cells", precision="double")
    methods = sorted({row.method for row in shown}, key=list(METHODS).index)[:1]
    shown = [row for row in shown if row.method in methods]
    axes.set(title=", ".join([*(METHODS[method] for method in methods), "double precision"]))
    axes.set(xlabel="equations", ylabel="time per step (µs)")
    plot(axes, shown, "equations") if shown else empty(axes)
    axes.set_xscale("log")
    legend(figure)
    return figure


def draw_bars(rows: list[Row]) -> Figure:
    panels = [("rk4", "double"), ("rk4", "single"), ("exponential_euler", "single")]
    groups = [
        chosen(rows, section="locust", runs=64, method=method, precision=precision) for method, precision in panels
    ]
    heights = [max(3, len(group)) for group in groups]
    figure, found = plt.subplots(3, 1, figsize=(COLUMN, 1.2 + 0.17 * sum(heights)), height_ratios=heights)
    for axes, group, (method, precision) in zip(found, groups, panels, strict=True):
        axes.set_title(f"{METHODS[method]}, {precision}, 64 runs")
        bars(axes, group, [row.name for row in group]) if group else empty(axes)
    figure.supxlabel("time per step and run (µs; × that of PSST)", size=8)
    return figure


def draw_cold(rows: list[Row]) -> Figure:
    """What differs between the rows stands beside their names, what does not in the title."""
    shown = chosen(rows, section="cold")
    figure, axes = plt.subplots(figsize=(COLUMN, 1 + 0.2 * max(3, len(shown))))
    names, title = [row.name for row in shown], []
    for parts in ([row.size for row in shown], [row.solver for row in shown]):
        if len(set(parts)) > 1:
            names = [f"{name}, {part}" for name, part in zip(names, parts, strict=True)]
        else:
            title += parts[:1]
    axes.set_title(", ".join(title))
    bars(axes, shown, names, setup=True) if shown else empty(axes)
    pale = any(row.setup_seconds <= centre(row.cost)[0] for row in shown)
    figure.supxlabel(f"time from command to files (s; × that of PSST{'; pale: set-up' if pale else ''})", size=8)
    return figure


FIGURES = {"throughput": draw_throughput, "cells": draw_cells, "bars": draw_bars, "cold": draw_cold}


def report(source: Path, folder: Path) -> None:
    """Write the table and the figures of a file of measurements into a folder."""
    rows, attributes = read(source)
    write_text(folder / "table.md", table(rows, attributes))
    timed = [row for row in rows if np.isfinite(row.seconds).any()]
    matplotlib.use("Agg")
    with plt.style.context(STYLE):
        for name, draw in FIGURES.items():
            figure = draw(timed)
            for ending, metadata in (("png", {}), ("svg", {"Date": None})):
                with atomic(folder / "figures" / f"{name}.{ending}") as beside:
                    figure.savefig(beside, metadata=metadata)
            plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="the measurements, results/benchmark/benchmark.nc")
    parser.add_argument("folder", type=Path, help="where table.md and figures/ go")
    given = parser.parse_args()
    report(given.source, given.folder)


if __name__ == "__main__":
    main()
