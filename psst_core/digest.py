"""Digests of plain data and of the code that decides numbers: what has the same content has the same digest."""

import ast
import functools
import hashlib
import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from psst_core.errors import PsstError

LENGTH = 16
PACKAGE = "psst_core"
TYPES = ("__future__", "typing", f"{PACKAGE}.arrays")  # what is imported from there says types alone
UNCOUNTED = ("kind", "type_comment", "returns")  # these fields of a syntax tree's nodes do not count


def digest(data: object) -> str:
    """Return sixteen hex digits for plain data. The order of its keys does not count."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def code_digest(modules: Iterable[str]) -> str:
    """Return the digest of what some modules do, each named by the last part of its name.

    The folder of a module, comments, docstrings, layout, types of arguments and results, the texts of errors and the
    Python version do not count.
    """
    return digest(sorted([module.rpartition(".")[2], _read(module)[1]] for module in modules))


def code_of(module: str) -> str | None:
    """Return the digest of one module's code; None where no module has that name."""
    return code_digest([module]) if _source(module) is not None else None


def imported(modules: Iterable[str]) -> set[str]:
    """Return these modules and all that they import, directly or not, from PSST and from each one's own package."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_read(module)[0])
    return found


@functools.cache
def _read(module: str) -> tuple[tuple[str, ...], str]:
    """Read a module once: what it imports from near, and the digest of its code."""
    tree = ast.parse(_file(module).read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not _is_for_types(node)]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, module)
            names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    near = sorted(name for name in names if _is_near(name, module) and name != PACKAGE)
    imports = tuple(name for name in near if _source(name) is not None)
    imported_names = sorted(_imported_names(tree, module))
    return imports, digest([imported_names, _plain(_Deciding(module).visit(tree))])


def _is_for_types(node: ast.stmt) -> bool:
    """Return whether a line of a module only serves those who check types."""
    checked = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return checked or (isinstance(node, ast.ImportFrom) and node.module in TYPES)


def _imported_names(tree: ast.Module, module: str) -> set[tuple[str, str, str]]:
    """Return the names that a module imports from PSST or from its own package.

    Returns:
        For each, what the module calls it, the last part of the module that it is from, and its name there; that name
        is empty where the module itself is imported.
    """
    found: set[tuple[str, str, str]] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom) or not _imports_near(node, module):
            continue
        origin = _absolute(node, module) if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            whole = f"{origin}.{alias.name}".strip(".")
            of, name = (whole, "") if _source(whole) is not None else (origin, alias.name)
            found.add((alias.asname or alias.name, of.rpartition(".")[2], name))
    return found


def _imports_near(node: ast.Import | ast.ImportFrom, module: str) -> bool:
    names = [_absolute(node, module)] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return all(_is_near(name, module) for name in names)


def _is_near(name: str, module: str) -> bool:
    """Return whether a name is of a module of PSST, or of the importing module's own package."""
    return name.partition(".")[0] in {PACKAGE, module.partition(".")[0]}


def _absolute(node: ast.ImportFrom, module: str) -> str:
    """Return the module that `from … import` imports from, with the dots of a relative import resolved."""
    if not node.level:
        return node.module or ""
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    return importlib.util.resolve_name("." * node.level + (node.module or ""), package)


def _file(module: str) -> Path:
    source = _source(module)
    if source is None:
        raise PsstError(f"{module}: has no file that a job could import; write it as a file in plugins/")
    return source


def _source(module: str) -> Path | None:
    """Find the file of a module, without importing it or its package; None where the name is of no module in Python."""
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
    """Return the folders of a package's modules: its own where it is imported, else those that Python would search."""
    known = getattr(sys.modules.get(package.name), "__path__", None) or package.submodule_search_locations
    return list(known or [])


class _Deciding(ast.NodeTransformer):
    """A filter of a module's syntax tree, which keeps what decides numbers.

    It removes docstrings, imports from PSST or from the module's own package, types of arguments and results, and the
    texts of errors. These texts are what stands in `raise`, and what is assigned to names that are read there alone.
    """

    def __init__(self, module: str) -> None:
        self.module = module

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        return None if _imports_near(node, self.module) else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if _imports_near(node, self.module) else node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._undocumented(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._undocumented(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        messages = _messages(node)
        for part in ast.walk(node) if messages else ():
            for name in ("body", "orelse", "finalbody"):
                if isinstance(body := getattr(part, name, None), list):
                    setattr(part, name, [line for line in body if line not in messages])
        return self._undocumented(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return node

    def _undocumented(self, node: ast.Module | ast.ClassDef | ast.FunctionDef) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)


def _messages(function: ast.FunctionDef) -> set[ast.stmt]:
    """Find the lines that assign text to names that are read in `raise`, or in such lines, and nowhere else."""
    nodes = list(ast.walk(function))
    telling: set[ast.stmt] = {node for node in nodes if isinstance(node, ast.Raise)}
    texts = [node for node in nodes if isinstance(node, ast.Assign) and _is_text(node)] if telling else []
    reads, found = _reads(nodes) if texts else Counter(), set[ast.stmt]()
    while texts:
        told = sum((_reads(ast.walk(line)) for line in telling), Counter())
        alone = {name for name, count in told.items() if count == reads[name]}
        new = {
            line for line in texts if all(isinstance(to, ast.Name) and to.id in alone for to in line.targets)
        } - found
        if not new:
            break
        found |= new
        telling |= new
    return found


def _reads(nodes: Iterable[ast.AST]) -> Counter[str]:
    """Count how often each name is read in some nodes."""
    return Counter(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))


def _is_text(line: ast.Assign) -> bool:
    """Say whether a line assigns text, or a choice of texts."""
    values = ast.walk(line.value)
    return any(isinstance(part, ast.JoinedStr) or isinstance(getattr(part, "value", None), str) for part in values)


def _plain(node: object) -> Any:
    """Convert a syntax tree to plain data that is the same in every version of Python."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return node if node is None or isinstance(node, str) else repr(node)
    fields = {name: _plain(getattr(node, name, None)) for name in node._fields if name not in UNCOUNTED}
    return [type(node).__name__, {name: value for name, value in fields.items() if value is not None and value != []}]
