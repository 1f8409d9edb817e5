"""Power spectra of the mean potentials, at the point where the oscillation is strongest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from psst_core.arrays import Array
from psst_core.attributes import REPLICATES
from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.raster import strongest
from psst_core.figures.shared.style import COLUMN, PAGE, at, no_membranes, nothing, population_name
from psst_core.measures.oscillation import Oscillation, peak, spectrum, within
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

AT_MOST = 40


@register("figure", "spectra")
@dataclass
class Spectra(Figure):
    """Power spectra of the mean potentials, at the point where the oscillation is strongest."""

    caption = """
    Power spectral density of each population's mean potential (Hann window, linear trend removed) in
    analysis.spectrum, at the point where the last population's oscillation is strongest. Thin: each network and
    trial; thick: their mean; grey: the band, where one is given.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        start, stop = config.analysis.spectrum
        if stop > config.run.duration:
            return f"analysis.spectrum ends after the run, at {config.run.duration:g} ms"
        if stop - start < 3 * config.recorder.interval:
            return "analysis.spectrum holds fewer than three samples"
        return no_membranes(config)

    def draw(self, results: Results) -> Picture:
        """Draw a panel for each population at one point: thin, each run; thick, their mean; grey, the band."""
        import matplotlib.pyplot as plt

        found = densities(results)
        if found is None:
            return nothing(results)
        frequency, density, place = found
        analysis = results.config.analysis
        low, high = _band(results)
        shown = (frequency > 0) & (frequency <= analysis.background)
        width = COLUMN if len(density) == 1 else PAGE
        figure, axes = plt.subplots(1, len(density), figsize=(width, 2.4), squeeze=False, sharex=True)
        for number, (panel, (name, lines)) in enumerate(zip(axes[0], density.items(), strict=True)):
            if analysis.band:
                panel.axvspan(low, high, color="0.9", lw=0)
            if len(lines) > 1:
                panel.plot(frequency[shown], lines[:, shown].T, color=f"C{number}", lw=0.4, alpha=0.5)
            panel.plot(frequency[shown], lines[:, shown].mean(axis=0), color=f"C{number}", lw=1.5)
            panel.set(title=population_name(name), xlabel="frequency (Hz)")
            if (lines[:, shown] > 0).any():
                panel.set_yscale("log")
                panel.set_ylim(bottom=np.quantile(lines[:, shown][lines[:, shown] > 0], 0.02) / 2)
        axes[0, 0].set_ylabel("power spectral density\nof the mean potential (mV²/Hz)")
        count = len(next(iter(density.values())))
        replicates = f"{count} runs" if count > 1 else "1 run"
        grey = [f"grey: {low:g}–{high:g} Hz"] if analysis.band else []
        figure.suptitle(", ".join(filter(None, [place, replicates, *grey])), size=8)
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each population: the band, the peak of the mean spectrum inside it, the power in the band.

        A largest value at an end of the band is no peak.
        """
        ends = ["band from (Hz)", "band to (Hz)"]
        columns = ["population", "runs", *ends, "peak (Hz)", "peak (mV²/Hz)", "power in the band (mV²)"]
        found = densities(results)
        if found is None:
            return pd.DataFrame(columns=columns)
        frequency, density, _ = found
        low, high = _band(results)
        inside = within(frequency, low, high)
        rows = []
        for name, lines in density.items():
            mean = lines.mean(axis=0)[inside]
            best = float(peak(frequency[inside], mean)) if inside.any() else np.nan
            height = mean.max() if np.isfinite(best) else np.nan
            rows.append((name, len(lines), low, high, best, height, mean.sum() * frequency[1]))
        return pd.DataFrame(rows, columns=columns)


def _band(results: Results) -> tuple[float, float]:
    analysis = results.config.analysis
    oscillation = Oscillation(analysis.spectrum, analysis.band, analysis.background)
    return oscillation.limits(results.config.recorder.interval)


def densities(results: Results) -> tuple[Array, dict[str, Array], str] | None:
    """Return the spectra at the point of the raster's run, or None without a run that is ok.

    Returns:
        Frequencies [Hz]; by population, densities [run, frequency], mV²/Hz; words that name the point.
    """
    best = strongest(results)
    if best is None or best.status != "ok":
        return None
    place = {name: value for name, value in best.point.items() if name not in REPLICATES}
    rows = results.select(**place)
    ids = rows[rows["run_id"].isin(results.ok["run_id"])]["run_id"].iloc[:AT_MOST]
    stretch = results.config.analysis.spectrum
    potentials = [results.run(run_id=run_id).mean_potential for run_id in ids]
    interval = float(potentials[0]["time"][1] - potentials[0]["time"][0])
    frequency, density = spectrum(np.stack([p.values.astype(float) for p in potentials]), interval, stretch)
    names = [str(name) for name in potentials[0]["population"].values]
    by_population = {name: density[:, number] for number, name in enumerate(names)}
    return frequency, by_population, at(place, results.cube)
