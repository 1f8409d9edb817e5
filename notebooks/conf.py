"""The documentation site: `make docs` builds it from this folder to `site/`, without the internet."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

project = "PSST"
author = "The PSST authors"
version = release = version_of("psst-core")
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
    "project_files",
    "generated",
]
exclude_patterns = ["README.md", ".ipynb_checkpoints", "**/.ipynb_checkpoints"]
suppress_warnings = ["toc.empty_glob"]

html_theme = "furo"
html_title = "PSST"
html_static_path = ["_static"]
html_css_files = ["psst.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_math_renderer = "mathml"
highlight_language = "python"

nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"

default_role = "literal"
autodoc_default_options = {"members": True, "ignore-module-all": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
viewcode_follow_imported_members = False
