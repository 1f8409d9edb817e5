"""A style of the user's own: the settings of matplotlib that change the look of figures, and no others.

Other settings name programs to start, functions to call and folders to write to; a style may not hold these.
"""

import re
from pathlib import Path
from typing import Any

from psst_core.errors import PsstError
from psst_core.files import read_text
from psst_core.registry import suggestion

GROUPS = (
    *("axes", "boxplot", "contour", "errorbar", "figure", "font", "grid", "hatch", "hist", "image", "legend", "lines"),
    *("markers", "mathtext", "patch", "polaraxes", "savefig", "scatter", "text", "xaxis", "xtick", "yaxis", "ytick"),
)
MORE = ("pdf.fonttype", "ps.fonttype", "svg.fonttype")
EXCEPT = ("figure.hooks", "figure.raise_window", "savefig.directory", "savefig.format", "text.usetex", "text.latex")
MOST_DPI = 1200.0
BYTES = 100_000
LINE = re.compile(r'\s*([^:#\s]*)\s*(:?)((?:"[^"]*"|[^"#])*)(?:#.*)?')


def settings_of(style: str) -> Any:
    """Return the settings of a style: a file, or a name of matplotlib's; None for an empty name.

    Raises:
        PsstError: when there is no such style, or for the first key that does not concern the look or has a wrong
            value.
    """
    if not style:
        return None
    import matplotlib.style

    if Path(style).is_file():
        return _own(style, read_text(Path(style), BYTES))
    known = matplotlib.style.available
    if style not in known:
        raise PsstError(
            f"style={style}: no such file, and no such style of matplotlib{suggestion(style, known)}; there are: "
            f"{', '.join(known)}"
        )
    settings = matplotlib.style.library[style]
    if not Path(matplotlib.get_data_path(), "stylelib", f"{style}.mplstyle").is_file():  # from the user's own folder
        for key in settings:
            _check_key(key, f"style={style}")
    return settings


def _own(style: str, text: str) -> Any:
    import matplotlib

    found: Any = matplotlib.RcParams()
    usual: Any = matplotlib.rcParamsDefault
    for number, line in enumerate(text.splitlines(), 1):
        where, parts = f"style={style}, line {number}", LINE.fullmatch(line)
        key, colon, value = parts.groups() if parts else (line.strip(), "", "")
        if not key and not colon:
            continue
        if not colon:
            raise PsstError(f"{where}: {key}: write KEY: VALUE, such as lines.linewidth: 1.5")
        _check_key(key, where)
        if key in found:
            raise PsstError(f"{where}: {key} is given twice")
        value = value.strip()
        try:
            found[key] = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
        except (ValueError, TypeError, RuntimeError):
            raise PsstError(f"{where}: {key}: {value!r} is no value for it; usual is {usual[key]!r}") from None
        if key.endswith(".dpi") and found[key] != "figure" and not 0 < found[key] <= MOST_DPI:
            raise PsstError(f"{where}: {key}={value}: must be above 0 and at most {MOST_DPI:g}")
    return found


def _check_key(key: str, where: str) -> None:
    import matplotlib

    known: Any = [name for name in matplotlib.rcParamsDefault if _of_look(name)]
    if key in known:
        return
    if key in matplotlib.rcParamsDefault:
        raise PsstError(
            f"{where}: {key} decides more than what figures look like, such as what is started or where is written; "
            f"take it away: a style may hold keys of {', '.join(GROUPS)}"
        )
    raise PsstError(f"{where}: {key}: matplotlib has no such setting{suggestion(key, known)}")


def _of_look(key: str) -> bool:
    return (key.partition(".")[0] in GROUPS and not key.startswith(EXCEPT)) or key in MORE
