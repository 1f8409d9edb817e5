"""The documentation site: builds without a warning, its links lead somewhere, and nothing comes from the network."""

import functools
import http.server
import pkgutil
import re
import subprocess
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import psst_core
from support.paths import ROOT
from support.sweeps import run_sweep

SOURCE = ROOT / "notebooks"

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What a page links to, what it loads, its anchors, and its scripts' text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = {""}
        self.scripts = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if "href" in given:
            (self.links if tag in ("a", "area") or given.get("rel") == "canonical" else self.loaded).append(
                given["href"]
            )
        self.loaded += [given[name] for name in ("src", "srcset", "poster", "data", "xlink:href") if name in given]

    def handle_data(self, data):
        if self.cdata_elem in ("script", "style"):
            self.scripts += data


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    built = subprocess.run(["make", "docs", f"SITE={folder}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    return {path.resolve(): Page(path) for path in site.rglob("*.html")}


def test_links_lead_somewhere(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].anchors if target in pages else {""}
            if not target.is_file() or (target in pages and unquote(parts.fragment) not in anchors):
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_nothing_comes_from_the_network(site, pages):
    elsewhere = re.compile(r"https?:|//")
    loaded = [f"{path.name}: {link}" for path, page in pages.items() for link in page.loaded if elsewhere.match(link)]
    scripts = [path.name for path, page in pages.items() if re.search(r"https?://", page.scripts)]
    styles = [
        path.name
        for path in site.rglob("*.css")
        if re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", path.read_text())
    ]
    assert not loaded + scripts + styles


@pytest.mark.browser
def test_pages_and_their_search_ask_only_their_own_server(site, page):
    handler = functools.partial(SilentHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home, seen = f"http://127.0.0.1:{server.server_port}/", []
        page.on("request", lambda request: seen.append(request.url))
        page.route(home + "favicon.ico", lambda route: route.fulfill(status=204))  # which a browser asks of any server
        page.goto(home + "tutorial.html")
        page.goto(home + "search.html?q=synapse")
        page.locator("#search-results li").first.wait_for(timeout=20_000)
        page.wait_for_load_state("networkidle")
        page.goto(home + "search.html?q=firing+rate")
        page.locator("#search-results a[href*='reference/measures.html']").first.wait_for(timeout=20_000)
        page.wait_for_load_state("networkidle")
        server.shutdown()
    assert page.complaints == []
    assert not [url for url in seen if not url.startswith((home, "data:"))]


def test_sources_of_odd_names_are_linked_whole(pages):
    links = {unquote(link) for page in pages.values() for link in page.links if "doi.org" in link}
    assert "https://doi.org/10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2" in links


def test_every_module_is_there(pages):
    there = {anchor for page in pages.values() for anchor in page.anchors}
    modules = {module.name for module in pkgutil.walk_packages(psst_core.__path__, "psst_core.")}
    assert not {f"module-{name}" for name in modules} - there


def test_the_files_are_read_as_the_guide_says(tmp_path, monkeypatch):
    sweep = run_sweep(
        tmp_path / "results",
        "chain_of_three",
        "run.duration=120 recorder.window=[0,120] analysis.spectrum=[0,120] network.coupling=0,1",
        "NAME",
    )
    monkeypatch.chdir(tmp_path)
    guide = (SOURCE / "guides" / "files.md").read_text(encoding="utf-8")
    found: dict = {}
    for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(block, found)
    run = sweep.run(run_id=found["row"].run_id)
    assert found["times"].tolist() == run.spike_time.tolist() != []
    assert found["cells"].tolist() == run.spike_cell.tolist()
    assert found["v"].shape[0] == 3
    assert found["rate"].shape == tuple(
        sweep.cube.sizes[name] for name in ("coupling", "network", "trial", "population")
    )
    assert (found["silent"].values == sweep.cube["isi_cv"].isnull().values).all()
