"""A cluster for the tests of a session, folders like a clone's, and the data of undisturbed local runs."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.clone import Clone
from support.cluster import Cluster, missing, running


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    yield from _cluster(accounting=False)


@pytest.fixture(scope="session")
def accounting() -> Iterator[Cluster]:
    """A cluster with a database of jobs."""
    yield from _cluster(accounting=True)


def _cluster(accounting: bool) -> Iterator[Cluster]:
    if absent := missing(accounting):
        if os.environ.get("CI"):
            pytest.fail(f"not installed: {', '.join(absent)}; .ci/run installs them")
        pytest.skip(f"needs a Slurm to start: {', '.join(absent)} missing")
    with running(accounting) as started:
        yield started


@pytest.fixture
def clone(tmp_path: Path, cluster: Cluster) -> Iterator[Clone]:
    made = Clone(tmp_path, cluster.environment)
    yield made
    made.stop()
    cluster.run("scancel", "--full", "-u", "root")


@pytest.fixture(scope="session")
def locally(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], dict[str, str]]:
    """The data of an undisturbed run on this machine, made once for each sweep."""
    made: dict[tuple[str, ...], dict[str, str]] = {}

    def run(words: list[str]) -> dict[str, str]:
        if tuple(words) not in made:
            clone = Clone(tmp_path_factory.mktemp("local"), dict(os.environ))
            clone.start("--config", *words)
            clone.done()
            made[tuple(words)] = clone.data()
        return made[tuple(words)]

    return run
