"""A browser of results for notebooks: measures over any axes, any run's spikes and traces, and its origin.

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
import numpy as np
from matplotlib.figure import Figure
from traitlets import TraitError

from psst_core.attributes import RUN, STATUS, status_word
from psst_core.commands.blame import blame, find
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.figures import STYLE, raster, traces
from psst_core.figures.shared import views
from psst_core.figures.shared.style import (
    has_membranes,
    label,
    numeric_names,
    numeric_parameters,
    short,
)
from psst_core.files import to_yaml
from psst_core.results.about import facts, first_run
from psst_core.results.sweep_results import Results, open_sweep
from psst_core.store.dataset import status_counts
from psst_core.store.folder import CUBE, RESULTS, SweepFolder, cubes

PAGES = ("Measure", "Run", "Origin")
POPULATION = "population"
MANY = 1000
WIDE = {"width": "22em"}
UNREADABLE = (PsstError, OSError, RuntimeError)
NO_RUN = "No run is planned here: a constraint of the sweep leaves it out."


class Browser:
    """Widgets over the sweeps of a folder, or over one sweep; a notebook shows them if they are the value of a cell.

    Args:
        folder: a folder such as `results` or `results/locust_coupling`, or the file of a cube.

    Attributes:
        sweep: the open sweep. Its cube is read lazily; a run is read when it is shown.
        place: by dimension of the cube, the position of the marked point, whose run is shown.

    Raises:
        PsstError: when there is no gathered sweep.
    """

    def __init__(self, folder: str | Path = RESULTS) -> None:
        plt.draw_if_interactive()  # type: ignore[no-untyped-call]  # loads the notebook's backend before any style does
        self.folder, self.silent = Path(folder), False
        self.opened: Results | None = None
        self.about = ""
        self.sliders: dict[str, Any] = {}
        self.sweeps = self._dropdown("sweep", self._open)
        self.x = self._dropdown("x axis", self._turn)
        self.measure, self.y = self._dropdown("measure", self._look), self._dropdown("y axis, lines", self._look)
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
        self.view.observe(self._showing_errors(self._look), "value")
        self.pages.observe(self._showing_errors(self._show), "selected_index")
        self.again.on_click(self._showing_errors(self._again))
        self._list()
        self._showing_errors(self._open)(None)

    @property
    def sweep(self) -> Results:
        if self.opened is None:
            raise PsstError("No sweep is open: choose one that can be read.")
        return self.opened

    @property
    def place(self) -> dict[str, int]:
        return {dim: getattr(slider, "index", slider.value) for dim, slider in self.sliders.items()}

    @property
    def run_id(self) -> str:
        """The id of the run at the place; empty if none is planned there."""
        return str(self.sweep.cube["run_id"].isel({d: i for d, i in self.place.items() if d != POPULATION}).item())

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, Any]:
        """Return the widgets, and the picture if there is one, for pages on which widgets do not work."""
        picture = {"image/png": base64.b64encode(self.picture.value).decode()} if self.picture.value else {}
        return dict(self.box._repr_mimebundle_(**kwargs)) | picture

    def _dropdown(self, name: str, then: Callable[[], None]) -> Any:
        made = widgets.Dropdown(description=name, layout=WIDE, style={"description_width": "7em"})
        made.observe(self._showing_errors(then), "value")
        return made

    def _showing_errors(self, then: Callable[[], None]) -> Callable[[Any], None]:
        """Return a callback for a control; it shows an error beside the pages, as nobody would see it elsewhere."""

        def follow(change: object) -> None:
            if self.silent:
                return
            self.message.value = ""
            try:
                then()
            except UNREADABLE as error:
                self.message.value = f"<p>{escape(str(error))}</p>"

        return follow

    @contextlib.contextmanager
    def _silence(self) -> Iterator[None]:
        """Let controls be set within this block without drawing."""
        self.silent = True
        try:
            yield
        finally:
            self.silent = False

    def _again(self) -> None:
        self._list()
        self._open()

    def _list(self) -> None:
        """Look for sweeps; keep the chosen one, or choose the one that was gathered last."""
        found = [self.folder] if self.folder.is_file() else cubes(self.folder)
        if not found:
            raise PsstError(
                f"{self.folder.resolve()}: no {CUBE} in it or in its folders; run snakemake, or gather what is "
                "finished: psst gather NAME --partial"
            )
        there = {_name(file, self.folder): file for file in found}
        chosen = self.sweeps.value
        if chosen not in found and chosen is not None:
            chosen = SweepFolder(chosen.parent).whole.cube  # the cube of the whole sweep has replaced the partial one
        with self._silence():
            self.sweeps.options = there
            self.sweeps.value = chosen if chosen in found else max(found, key=lambda file: file.stat().st_mtime_ns)

    def _open(self) -> None:
        """Open the chosen sweep: its measures, its axes, a slider for each dimension.

        Choices stay, if the new sweep has them too. A sweep that cannot be read leaves everything as it was.
        """
        try:
            opened = open_sweep(self.sweeps.value)
            cube, counts, _ = opened.cube, status_counts(opened.cube), opened.axes
        except UNREADABLE:
            if self.opened and self.opened.file in self.sweeps.options.values():
                with self._silence():
                    self.sweeps.value = self.opened.file
            raise
        self.opened, self.about, before = opened, "", self.sliders
        written = ", ".join(f"{count:,} {word}" for word, count in counts.items())
        self.title.value = f"<b>{escape(str(cube.attrs['title']))}</b><br>runs: {written}"
        with self._silence():
            _fill(self.measure, views.measures(cube))
            along = [RUN] if cube.sizes.get(RUN, 1) > 1 else []
            _fill(self.x, {label(cube[name]): name for name in (*self._grid(), *self._parameters(), *along)})
            self.sliders = {str(dim): self._slider(str(dim)) for dim in (*cube["status"].dims, POPULATION)}
            for dim, slider in before.items():
                with contextlib.suppress(KeyError, TraitError):
                    self.sliders[dim].value = slider.value
                slider.close()
            became = cube["status"].isel({dim: i for dim, i in self.place.items() if dim != POPULATION})
            if not before or became >= STATUS["not_run"]:
                self._first()
            self.point.children = [slider for dim, slider in self.sliders.items() if cube.sizes[dim] > 1]
            self._others()
        self._show()

    def _first(self) -> None:
        """Move to the first run that is ok or, if none is, that has diverged."""
        status = self.sweep.cube["status"]
        for word in ("ok", "diverged"):
            if (found := (status == STATUS[word]).values).any():
                place = np.unravel_index(int(found.argmax()), found.shape)
                for dim, i in zip(status.dims, place, strict=True):
                    slider = self.sliders[str(dim)]
                    setattr(slider, "index" if hasattr(slider, "index") else "value", int(i))
                return

    def _grid(self) -> list[str]:
        """Return the dimensions of several values that are no replicates."""
        return [
            name for name, axis in self.sweep.axes.items() if axis.dimension == name and self.sweep.cube.sizes[name] > 1
        ]

    def _parameters(self) -> list[str]:
        """Return the parameters along `run`."""
        return numeric_parameters(self.sweep.axes.values())

    def _slider(self, dim: str) -> Any:
        """Return a slider over the positions along a dimension; it shows the values if these are few."""
        values = self.sweep.cube[dim].values
        settings: dict[str, Any] = {"description": dim, "layout": WIDE, "continuous_update": False}
        words = [short(value) for value in values]
        if dim == RUN or len(set(words)) < len(words) or len(words) > MANY:
            slider = widgets.IntSlider(min=0, max=len(words) - 1, **settings)
        else:
            slider = widgets.SelectionSlider(options=words, **settings)
        slider.observe(self._showing_errors(self._show), "value")
        return slider

    def _others(self) -> None:
        """Offer the partners of the x axis: other dimensions of the grid, or other parameters along `run`."""
        alike = self._grid() if self.x.value in self._grid() else self._parameters()
        cube, others = self.sweep.cube, [name for name in alike if name != self.x.value]
        _fill(self.y, {label(cube[name]): name for name in others} | {"none": None})

    def _turn(self) -> None:
        """React to another x axis."""
        with self._silence():
            self._others()
        self._look()

    def _look(self) -> None:
        """React to another measure or view, which the other pages do not show."""
        if PAGES[self.pages.selected_index] == "Measure":
            self._show()

    def _show(self) -> None:
        """Draw the page that is open."""
        self.run.value = self._measured()
        self.view.disabled = not {self.x.value, self.y.value} <= set(numeric_names(self.sweep))
        try:
            with plt.style.context(STYLE):
                (self._show_measure, self._show_run, self._show_origin)[self.pages.selected_index]()
        except UNREADABLE:
            self.picture.value = self.raster.value = self.traces.value = b""
            raise

    def _show_measure(self) -> None:
        x, y, picture = self.x.value, self.y.value, (self.sweep, self.measure.value)
        if x is None:
            raise PsstError("One point: its measures stand on the left, its spikes under Run.")
        if x in (*self._parameters(), RUN):
            figure = views.draw_points(*picture, x, y, self.place)
        elif self.view.value == "map" and not self.view.disabled:
            figure = views.draw_map(*picture, x, y, self.place)
        else:
            figure = views.draw_curves(*picture, x, y, self.place)
        self.picture.value = _png(figure)

    def _show_run(self) -> None:
        if not self.run_id:
            raise PsstError(NO_RUN)
        run = self.sweep.run(run_id=self.run_id)
        self.raster.value = _png(raster.draw_run(run)) if has_membranes(run.config) else b""
        self.traces.value = _png(traces.draw_run(run)) if run.traces else b""
        if not run.traces:
            self.message.value = "<p>No traces were kept of this run: see recorder.variables and recorder.runs.</p>"

    def _show_origin(self) -> None:
        self.origin.value = ""
        if not self.about:
            configuration = _folded(self.sweep.config, first_run(self.sweep))
            self.about = f"<h3>The sweep</h3>{_table(facts(self.sweep))}{configuration}"
        self.origin.value = self.about
        if not self.run_id:
            raise PsstError(NO_RUN)
        known = blame(self.sweep, find(self.sweep, [f"run_id={self.run_id}"]))
        configuration = known.pop("configuration")
        rows = [(name, to_yaml(value) if isinstance(value, dict) else str(value)) for name, value in known.items()]
        self.origin.value = f"<h3>This run</h3>{_table(rows)}{_folded(configuration)}{self.about}"

    def _measured(self) -> str:
        """Return a table of the run at the place: its status, its parameters along `run`, and its measures."""
        here = self.sweep.cube.isel(self.place)
        rows = [("run", str(here["run_id"].item())), ("status", status_word(here["status"]))]
        along = [name for name, axis in self.sweep.axes.items() if axis.dimension == RUN]
        rows += [(label(here[name]), short(here[name].item())) for name in along]
        undefined = "undefined" if here["status"] == STATUS["ok"] else ""
        for name, measure in views.measures(self.sweep.cube).items():
            value = here[measure].item()
            rows.append((name, short(value) if np.isfinite(value) else undefined))
        return _table(rows)


def _name(file: Path, above: Path) -> str:
    """Return the name of a sweep in the list: `NAME`, or `NAME, partial`."""
    if file.parent == above or file == above:
        return above.name
    return ", ".join(file.parent.relative_to(above).parts)


def _fill(dropdown: Any, options: dict[str, Any]) -> None:
    """Set the options of a dropdown; keep what was chosen among several, if it is among the new ones."""
    chosen = dropdown.label if len(dropdown.options) > 1 else None
    dropdown.options = options
    dropdown.index = list(options).index(chosen) if chosen in options else 0 if options else None


def _folded(configuration: Config, whose: str = "") -> str:
    """Return a configuration as HTML that opens on a click."""
    text = escape(to_yaml(configuration))
    return f"<details><summary>Its configuration</summary><p>{escape(whose)}</p><pre>{text}</pre></details>"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    """Return rows as an HTML table."""
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
