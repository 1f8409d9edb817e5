"""The benchmark's figures."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from rows import METHODS, Row, chosen, digits, fastest, finite, number_of, ratio

from psst_core.figures.shared.style import COLUMN, scale_x

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
    "TensorFlow": "C3",
}
MARKERS = dict(zip(COLOURS, "oPXs^dv*Dh", strict=True))
DASHES = {"separate": "--", "tuned": ":", "graph": "--"}
FILLS = {"separate": "none", "tuned": "left", "graph": "none"}


def plot(axes: Axes, rows: list[Row], x: str) -> None:
    """Draw median times against the key `x`, bars from minimum to maximum, a line for each program and mode."""
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
    """Return the median, and the distances of minimum and maximum from it."""
    middle, low, high = np.median(finite(values)), finite(values).min(), finite(values).max()
    return middle, middle - low, high - middle


def bars(axes: Axes, rows: list[Row], names: Sequence[str], setup: bool = False) -> None:
    """Draw a bar for each row, the shortest on top, with its time and its ratio to PSST's time."""
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
    """Draw a legend below the panels, with each line once."""
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


def draw_equations(rows: list[Row], section: str, title: str) -> Figure:
    """Draw the time over the number of equations, in double precision, with one solver."""
    figure, axes = plt.subplots(figsize=(COLUMN, 3.7))
    shown = chosen(rows, section=section, precision="double")
    methods = sorted({row.method for row in shown}, key=list(METHODS).index)[:1]
    shown = [row for row in shown if row.method in methods]
    axes.set(title=", ".join([title, *(METHODS[method] for method in methods), "double precision"]))
    axes.set(xlabel="equations", ylabel="time per step (µs)")
    plot(axes, shown, "equations") if shown else empty(axes)
    axes.set_xscale("log")
    legend(figure)
    return figure


def draw_cells(rows: list[Row]) -> Figure:
    return draw_equations(rows, "cells", "Hodgkin–Huxley")


def draw_sine(rows: list[Row]) -> Figure:
    return draw_equations(rows, "sine", "x' = sin(x t)")


def draw_product(rows: list[Row]) -> Figure:
    """Draw the time of a product over the rows of its matrices."""
    figure, axes = plt.subplots(figsize=(COLUMN, 3.2))
    shown = chosen(rows, section="product")
    axes.set(title="product of two n × n matrices, double precision", xlabel="n", ylabel="time per product (µs)")
    plot(axes, shown, "equations") if shown else empty(axes)
    axes.set_xscale("log")
    legend(figure)
    return figure


def draw_panels(groups: dict[str, list[Row]]) -> Figure:
    """Draw bars for each group below its title."""
    heights = [max(3, len(group)) for group in groups.values()]
    figure, found = plt.subplots(
        len(groups), 1, figsize=(COLUMN, 1.2 + 0.17 * sum(heights)), height_ratios=heights, squeeze=False
    )
    for axes, (title, group) in zip(found[:, 0], groups.items(), strict=True):
        axes.set_title(title)
        bars(axes, group, [row.name for row in group]) if group else empty(axes)
    figure.supxlabel("time per step and run (µs; × that of PSST)", size=8)
    return figure


def draw_bars(rows: list[Row]) -> Figure:
    panels = [("rk4", "double"), ("rk4", "single"), ("exponential_euler", "single")]
    locust = chosen(rows, section="locust", runs=64)
    return draw_panels(
        {
            f"{METHODS[method]}, {precision}, 64 runs": chosen(locust, method=method, precision=precision)
            for method, precision in panels
        }
    )


def draw_coba(rows: list[Row]) -> Figure:
    """Draw a panel for each number of runs and precision."""
    coba = chosen(rows, section="coba")
    panels = sorted({(row.runs, row.precision) for row in coba})
    return draw_panels(
        {
            f"COBA-HH, {number_of(runs, 'run')}, {precision}": chosen(coba, runs=runs, precision=precision)
            for runs, precision in panels
        }
        or {"COBA-HH": []}
    )


def draw_cold(rows: list[Row]) -> Figure:
    """Draw a bar for each row; its name says what differs between rows, the title what does not."""
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


FIGURES = {
    "throughput": draw_throughput,
    "cells": draw_cells,
    "sine": draw_sine,
    "product": draw_product,
    "bars": draw_bars,
    "coba": draw_coba,
    "cold": draw_cold,
}
