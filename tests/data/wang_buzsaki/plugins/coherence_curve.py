from dataclasses import dataclass

from psst_core.figures.base import Figure
from psst_core.figures.shared.style import label, mean_and_band, nothing, numeric_names
from psst_core.registry import register


@register("figure", "coherence_curve")
@dataclass
class CoherenceCurve(Figure):
    """Coherence over the longest axis: mean and standard deviation over networks."""

    caption = "Coherence κ of the interneurons over what is swept; mean ± standard deviation over networks."

    def draw(self, results):
        import matplotlib.pyplot as plt

        if results.ok.empty:
            return nothing(results)
        x, cube = numeric_names(results)[0], results.cube
        mean, band = mean_and_band(cube["coherence"].squeeze("population"))
        figure, axes = plt.subplots(figsize=(3.4, 2.4))
        axes.errorbar(cube[x], mean, band, marker="o", capsize=2)
        axes.set(xlabel=label(cube[x]), ylabel=label(cube["coherence"]), ylim=(0, 1.05))
        return figure
