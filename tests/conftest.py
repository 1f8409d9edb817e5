"""Hooks and fixtures of all tests: TensorFlow set up as in a job, an empty folder, and the page of a browser."""

import contextlib
import json
import os
import shutil

import pytest

from psst_core.configuration import HardwareConfig
from psst_core.host.hardware import prepare
from support.integrating import program

LONG = {"slow", "slurm", "peers", "browser"}
PLANNING = {"config", "sweep", "plan", "store", "terminal"}
LONG_SECONDS = 1800
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give more time to the tests that `make test` leaves out, and any time to those that count their kills."""
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        if "chaos" in marks:
            item.add_marker(pytest.mark.timeout(0))
        elif marks & LONG:
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))


@pytest.fixture(scope="session")
def tensorflow():
    """TensorFlow as in a job; XLA reads its flags only once in a process."""
    prepare(HardwareConfig())


@pytest.fixture(scope="module", autouse=True)
def _tensorflow_where_it_is_tested(request):
    """Set TensorFlow up; tests of planning load it only where they ask for it."""
    if request.path.parent.name not in PLANNING:
        request.getfixturevalue("tensorflow")


@pytest.fixture(scope="module")
def no_results(tmp_path_factory):
    """Plans are made in an empty folder: what whoever runs the tests has in results/ would change their division."""
    with contextlib.chdir(tmp_path_factory.mktemp("empty")):
        yield


@pytest.fixture
def page():
    """Of a real browser; what its console and its requests complain of is in `page.complaints`."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is in the extra `test`")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.complaints = []
        page.on("console", lambda line: page.complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("requestfailed", lambda request: page.complaints.append(request.url[:200]))
        yield page
        browser.close()


@pytest.fixture
def compiled_once(monkeypatch):
    """Jobs of a test share their compiled programs."""
    monkeypatch.setattr(
        "psst_core.integrate.backends.tensorflow.Program", lambda *arguments: program(json.dumps(arguments))
    )
