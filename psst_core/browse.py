"""A browser of results for notebooks: measures over any axes, any run's spikes and traces, and where it comes from.

Needs ipywidgets (the extra `notebooks`).
"""

import base64
import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from psst_core.about import facts, status_counts
from psst_core.axes import RUN
from psst_core.blame import blame, find
from psst_core.dataset import status_word
from psst_core.errors import PsstError
from psst_core.figures import STYLE, raster, traces, views
from psst_core.figures.style import has_membranes, label, numeric_names, numeric_parameters, population_name, short
from psst_core.files import to_yaml
from psst_core.gather import PARTIAL
from psst_core.results import Results, open_sweep

PAGES = ("Measure", "Run", "Origin")
POPULATION = "population"
MANY = 1000
WIDE = {"width": "22em"}


class Browser:
    """Widgets over the sweeps of a folder, or over one; a notebook shows them where it is the value of a cell.

    Args:
        folder: such as `results`, or `results/locust_coupling`.

    Attributes:
        sweep: the one that is open. Its cube is read lazily, a run when it is looked at.
        place: by dimension of the cube, the position of the point that is marked, and of which the run is shown.

    Raises:
        PsstError: when there is no gathered sweep.
    """

    def __init__(self, folder: str | Path = "results") -> None:
        plt.draw_if_interactive()  # type: ignore[no-untyped-call]  # loads the notebook's backend before any style does
        self.folder, self.silent = Path(folder), False
        self.sweep: Results
        self.sliders: dict[str, Any] = {}
        self.sweeps = self._dropdown("sweep", self._open)
        self.x = self._dropdown("x axis", self._offer)
        self.measure, self.y = self._dropdown("measure", self._show), self._dropdown("y axis, lines", self._show)
        self.view = widgets.ToggleButtons(options=["curves", "map"], style={"button_width": "6em"})
        self.again = widgets.Button(description="Read again", tooltip="what has been gathered since", icon="refresh")
        self.title, self.run, self.message, self.origin = (widgets.HTML() for _ in range(4))
        self.picture, self.raster, self.traces = (widgets.Image(layout={"max_width": "100%"}) for _ in range(3))
        self.point = widgets.VBox()
        pages = (self.picture, widgets.VBox([self.raster, self.traces]), self.origin)
        self.pages = widgets.Tab(pages, titles=PAGES)
        controls = [self.sweeps, self.again, self.title, self.measure, self.x, self.y, self.view, self.point, self.run]
        left = widgets.VBox(controls, layout={"flex": "0 0 auto", "width": "23em"})
        right = widgets.VBox([self.message, self.pages], layout={"flex": "1 1 0", "min_width": "20em"})
        self.box = widgets.HBox([left, right])
        self.view.observe(self._show, "value")
        self.pages.observe(self._show, "selected_index")
        self.again.on_click(self._list)
        self._list()

    @property
    def place(self) -> dict[str, int]:
        return {dim: getattr(slider, "index", slider.value) for dim, slider in self.sliders.items()}

    @property
    def run_id(self) -> str:
        """Of the run at the place; empty where none is planned."""
        return str(self.sweep.cube["run_id"].isel({d: i for d, i in self.place.items() if d != POPULATION}).item())

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widgets, and the picture, if there is one, for pages on which nothing moves."""
        picture = {"image/png": base64.b64encode(self.picture.value).decode()} if self.picture.value else {}
        return dict(self.box._repr_mimebundle_(**kwargs)) | picture

    @staticmethod
    def _dropdown(name: str, then: Callable[[Any], None]) -> Any:
        made = widgets.Dropdown(description=name, layout=WIDE, style={"description_width": "7em"})
        made.observe(then, "value")
        return made

    @contextlib.contextmanager
    def _silence(self) -> Iterator[None]:
        """Several controls are set, and nothing is drawn meanwhile."""
        self.silent = True
        try:
            yield
        finally:
            self.silent = False

    def _list(self, button: Any = None) -> None:
        """Look for sweeps, and open again the one that was open, or the first one."""
        folders = [self.folder, *sorted(self.folder.glob("*")), *sorted(self.folder.glob(f"*/{PARTIAL}"))]
        there = [folder for folder in folders if (folder / "sweep.nc").is_file()]
        if not there:
            raise PsstError(
                f"{self.folder.resolve()}: no sweep.nc in it or in its folders; run snakemake, or gather what is "
                "finished: psst gather NAME --partial"
            )
        chosen = self.sweeps.value
        with self._silence():
            _fill(self.sweeps, {_name(folder, self.folder): folder for folder in sorted(there)})
            self.sweeps.value = chosen if chosen in there else self.sweeps.value
        self._open()

    def _open(self, change: Any = None) -> None:
        """Open the chosen sweep: its measures, its axes, a slider for each dimension."""
        if self.silent:
            return
        with self._silence():
            self.sweep = open_sweep(self.sweeps.value)
            cube = self.sweep.cube
            counts = ", ".join(f"{count:,} {word}" for word, count in status_counts(cube).items())
            self.title.value = f"<b>{escape(str(cube.attrs['title']))}</b><br>runs: {counts}"
            _fill(self.measure, views.measures(cube))
            _fill(self.x, {label(cube[name]): name for name in (*self._grid(), *self._parameters())})
            self.sliders = {str(dim): self._slider(str(dim)) for dim in (*cube["status"].dims, POPULATION)}
            self.point.children = [slider for dim, slider in self.sliders.items() if cube.sizes[dim] > 1]
        self._offer()

    def _grid(self) -> list[str]:
        """The dimensions of several values that are no replicates."""
        return [
            name for name, axis in self.sweep.axes.items() if axis.dimension == name and self.sweep.cube.sizes[name] > 1
        ]

    def _parameters(self) -> list[str]:
        """The parameters along `run`."""
        return numeric_parameters(self.sweep.axes.values())

    def _slider(self, dim: str) -> Any:
        """Over the positions along a dimension, by their values where these are few."""
        values = self.sweep.cube[dim].values
        settings: dict[str, Any] = {"description": dim, "layout": WIDE, "continuous_update": False}
        words = [population_name(value) if dim == POPULATION else short(value) for value in values]
        if dim == RUN or len(set(words)) < len(words) or len(words) > MANY:
            slider = widgets.IntSlider(min=0, max=len(words) - 1, **settings)
        else:
            slider = widgets.SelectionSlider(options=words, **settings)
        slider.observe(self._show, "value")
        return slider

    def _offer(self, change: Any = None) -> None:
        """Offer what goes with the x axis: other dimensions of the grid, or other parameters along `run`."""
        if self.silent:
            return
        alike = self._grid() if self.x.value in self._grid() else self._parameters()
        cube, others = self.sweep.cube, [name for name in alike if name != self.x.value]
        with self._silence():
            _fill(self.y, {label(cube[name]): name for name in others} | {"none": None})
        self._show()

    def _show(self, change: Any = None) -> None:
        """Draw the page that is open; where that cannot be, say why."""
        if self.silent:
            return
        numbers = set(numeric_names(self.sweep))
        self.view.disabled = not {self.x.value, self.y.value} <= numbers
        self.run.value, self.message.value = self._measured(), ""
        try:
            with plt.style.context(STYLE):
                (self._show_measure, self._show_run, self._show_origin)[self.pages.selected_index]()
        except PsstError as error:
            self.message.value = f"<p>{escape(str(error))}</p>"

    def _show_measure(self) -> None:
        x, y, picture = self.x.value, self.y.value, (self.sweep, self.measure.value)
        if x is None:
            raise PsstError("One point: its measures stand on the left, its spikes under Run.")
        if x in self._parameters():
            figure = views.draw_points(*picture, x, y, self.place)
        elif self.view.value == "map" and not self.view.disabled:
            figure = views.draw_map(*picture, x, y, self.place)
        else:
            figure = views.draw_curves(*picture, x, y, self.place)
        self.picture.value = _png(figure)

    def _show_run(self) -> None:
        self.raster.value = self.traces.value = b""
        if not self.run_id:
            raise PsstError("No run is planned here: a constraint of the sweep leaves it out.")
        run = self.sweep.run(run_id=self.run_id)
        if has_membranes(run.config):
            self.raster.value = _png(raster.draw_run(run))
        if run.traces:
            self.traces.value = _png(traces.draw_run(run))
        else:
            self.message.value = "<p>No traces were kept of this run: see recorder.variables and recorder.runs.</p>"

    def _show_origin(self) -> None:
        self.origin.value = _table(facts(self.sweep))
        if self.run_id:
            known = blame(self.sweep, find(self.sweep, [f"run_id={self.run_id}"]))
            configuration = known.pop("configuration")
            rows = [(name, to_yaml(value) if isinstance(value, dict) else str(value)) for name, value in known.items()]
            self.origin.value = (
                f"<h3>This run</h3>{_table(rows)}<details><summary>Its configuration</summary>"
                f"<pre>{escape(to_yaml(configuration))}</pre></details><h3>The sweep</h3>{self.origin.value}"
            )

    def _measured(self) -> str:
        """The run at the place: what became of it, its parameters along `run`, and its measures."""
        here = self.sweep.cube.isel(self.place)
        rows = [("run", str(here["run_id"].item())), ("status", status_word(here["status"]))]
        along = [name for name, axis in self.sweep.axes.items() if axis.dimension == RUN]
        rows += [(label(here[name]), short(here[name].item())) for name in along]
        rows += [(name, short(here[measure].item())) for name, measure in views.measures(here).items()]
        return _table(rows)


def _name(folder: Path, above: Path) -> str:
    return folder.name if folder == above else ", ".join(folder.relative_to(above).parts)


def _fill(dropdown: Any, options: dict[str, Any]) -> None:
    """Give it these options, and choose the first one."""
    dropdown.options = options
    dropdown.index = 0 if options else None


def _table(rows: Iterable[tuple[str, str]]) -> str:
    """HTML, a row each."""
    cells = "".join(
        f"<tr><td style='vertical-align: top; padding-right: 1em; color: #555'>{escape(name)}</td>"
        f"<td style='white-space: pre-wrap; overflow-wrap: anywhere'>{escape(text)}</td></tr>"
        for name, text in rows
    )
    return f"<table style='line-height: 1.4'>{cells}</table>"


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, dpi=figure.dpi)
    plt.close(figure)
    return file.getvalue()
