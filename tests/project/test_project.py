"""The project's own files agree with each other: version, packages, hooks, and the jobs of a forge."""

import importlib
import json
import pkgutil
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import psst_core
from project import codemeta
from support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()
LOCKED = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<marker>.*?))? \\\n(?P<hashes>(?:    --hash=\S+.*\n)+)", re.M
)


def from_yaml(name):
    return yaml.safe_load((ROOT / name).read_text())


def targets_of(command):
    """The targets that a command of make names."""
    return [word for word in command.split()[1:] if "=" not in word]


def test_the_table_of_rooms_is_that_of_the_code():
    rooms = [room for room in pkgutil.iter_modules(psst_core.__path__) if room.ispkg and room.name != "plugins"]
    said = {room.name: importlib.import_module(f"psst_core.{room.name}").__doc__ for room in rooms}
    rows = re.findall(r"^\| `psst_core/(\w+)/` \| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    assert dict(rows) == {name: text.partition("\n")[0].rstrip(".") for name, text in said.items()}


def test_there_is_one_version():
    assert psst_core.__version__ == metadata.version("psst-core")
    assert psst_core.__version__ == from_yaml("CITATION.cff")["version"]


def test_codemeta_says_what_the_citation_and_the_package_say():
    """Where it does not, `python tests/project/codemeta.py` writes it anew."""
    assert codemeta.FILE.read_text() == codemeta.text()
    found, cited = json.loads(codemeta.FILE.read_text()), from_yaml("CITATION.cff")
    assert found["license"].endswith(f"/{PROJECT['license']}") and cited["license"] == PROJECT["license"]
    assert found["name"] == cited["title"] and found["version"] == psst_core.__version__
    assert [author["name"] for author in found["author"]] == [author["name"] for author in PROJECT["authors"]]
    assert found["description"] == metadata.metadata("psst-core")["Summary"]
    assert found["programmingLanguage"]["name"] in found["runtimePlatform"]
    assert found["referencePublication"][0]["@id"].endswith(cited["references"][0]["doi"])


def test_the_package_says_that_it_is_typed():
    assert Path(psst_core.__file__).with_name("py.typed").is_file()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "py.typed" in settings["package-data"]["psst_core"]


def test_every_package_of_the_lock_has_hashes():
    text = (ROOT / "requirements.lock").read_text()
    found = [match["name"] for match in LOCKED.finditer(text)]
    assert found == re.findall(r"^([\w.-]+)==", text, re.M)
    assert "".join(match[0] for match in LOCKED.finditer(text)) == text
    assert "tensorflow" in found


@pytest.mark.parametrize("extra", [None, "notebooks", "docs", "test"])
def test_the_lock_holds_what_the_project_asks_for(extra):
    locked: dict[str, list[Version]] = {}
    for match in LOCKED.finditer((ROOT / "requirements.lock").read_text()):
        locked.setdefault(match["name"], []).append(Version(match["version"]))
    asked = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    for requirement in map(Requirement, asked):
        if requirement.name != PROJECT["name"]:
            versions = locked[requirement.name.lower()]
            assert all(version in requirement.specifier for version in versions), requirement


def test_the_jobs_of_the_forge_make_targets_that_exist_on_every_python():
    jobs = from_yaml(".github/workflows/check.yml")["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    made = [target for command in commands if command.startswith("make ") for target in targets_of(command)]
    ours = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make ")]
    assert {target for line in ours for target in targets_of(line)} <= set(made)
    assert all(re.search(rf"^{target}:", MAKEFILE, re.M) for target in made)
    supported = [
        f"3.{minor}" for minor in range(30) if f"3.{minor}" in Requirement(f"x{PROJECT['requires-python']}").specifier
    ]
    assert jobs["test"]["strategy"]["matrix"]["python"] == supported


def test_the_hooks_of_a_commit_are_part_of_make_check():
    hooks = [hook for repo in from_yaml(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert len(hooks) == 4
    for hook in hooks:
        tool = Path(hook["entry"].split()[0])
        assert (Path(sys.executable).parent / tool.name).exists() and f"$(BIN)/{tool.name}" in MAKEFILE


@pytest.mark.parametrize("form", ["bug", "question"])
def test_the_forms_ask_for_something_required(form):
    asked = from_yaml(f".github/ISSUE_TEMPLATE/{form}.yml")
    assert {"name", "description", "body"} <= asked.keys()
    assert len({field["id"] for field in asked["body"]}) == len(asked["body"])
    assert any(field.get("validations", {}).get("required") for field in asked["body"])
