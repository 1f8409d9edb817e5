"""Files of the project that pages include: their links to each other become links to the pages."""

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx

PAGES = {
    "CHANGELOG.md": "/guides/changelog.md",
    "CITATION.cff": "/guides/cite.md",
    "CONTRIBUTING.md": "/guides/channel.md",
    "notebooks/guides/numbers.md": "/guides/numbers.md",
    "workflow/profiles/README.md": "/guides/cluster.md",
    "workflow/report/figures.md": "/guides/figures.md",
}


def link_pages(app: Sphinx, path: Path, docname: str, content: list[str]) -> None:
    """Write the page of a file in place of its path, relative to the file that links to it."""
    folder = posixpath.dirname((app.srcdir / path).resolve().relative_to(app.srcdir.parent).as_posix())

    def page(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[1]))
        return f"]({PAGES.get(target, link[1])})"

    content[0] = re.sub(r"\]\(([^)]*)\)", page, content[0])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("include-read", link_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
