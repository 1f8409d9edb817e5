"""Identity by content: of plain data, and of the code that decides numbers."""

import ast
import functools
import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from psst_core.errors import PsstError

LENGTH = 16
PACKAGE = "psst_core"
UNCOUNTED = ("kind", "type_comment")  # of a syntax tree's nodes
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def digest(data: Any) -> str:
    """Sixteen hex digits of plain data, whatever the order of its keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def code_digest(modules: Iterable[str]) -> str:
    """The digest of some modules' code; comments, docstrings, layout and the Python version do not count."""
    return digest({module: _code(module) for module in modules})


def code_of(module: str) -> str | None:
    """The digest of one module's code; None where there is none of that name."""
    return code_digest([module]) if _source(module) is not None else None


def imported(modules: Iterable[str]) -> set[str]:
    """These modules and all that they import, directly or not, from PSST and from the package that each is in."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(module))
    return found


@functools.cache
def _code(module: str) -> str:
    return digest(_plain(_tree(module)))


@functools.cache
def _imports(module: str) -> tuple[str, ...]:
    """The modules of PSST, and of its own package, that a module imports by name."""
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, module)
            names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    packages = {PACKAGE, module.partition(".")[0]}
    near = {name for name in names if name.partition(".")[0] in packages and name != PACKAGE}
    return tuple(sorted(name for name in near if _source(name) is not None))


def _absolute(node: ast.ImportFrom, module: str) -> str:
    """What `from … import` imports from, with the dots of a relative import resolved."""
    if not node.level:
        return node.module or ""
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    return importlib.util.resolve_name("." * node.level + (node.module or ""), package)


def _tree(module: str) -> ast.Module:
    return ast.parse(_file(module).read_text(encoding="utf-8"))


def _file(module: str) -> Path:
    source = _source(module)
    if source is None:
        raise PsstError(f"{module}: has no file that a job could import; write it as a file in plugins/")
    return source


def _source(module: str) -> Path | None:
    """The file of a module, found without importing it or its package; None for a name that is no module in Python."""
    top, *below = module.split(".")
    try:
        spec = importlib.util.find_spec(top) if top else None
        for depth in range(len(below)):
            if spec is None:
                return None
            name = ".".join([top, *below[: depth + 1]])
            spec = PathFinder.find_spec(name, _places(spec))
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def _places(package: ModuleSpec) -> list[str]:
    """Where a package's modules lie: where it says, if it is imported, else where Python would look."""
    known = getattr(sys.modules.get(package.name), "__path__", None) or package.submodule_search_locations
    return list(known or [])


def _plain(node: Any) -> Any:
    """A syntax tree as plain data that every Python writes alike, without docstrings."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return node if node is None or isinstance(node, str) else repr(node)
    fields = {name: _plain(getattr(node, name, None)) for name in node._fields if name not in UNCOUNTED}
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = fields["body"][1:]
    return [type(node).__name__, {name: value for name, value in fields.items() if value is not None and value != []}]
