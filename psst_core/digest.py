"""Identity by content: of plain data, and of the code that decides numbers."""

import ast
import functools
import hashlib
import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LENGTH = 16
PACKAGE = "psst_core"


def digest(data: Any) -> str:
    """Sixteen hex digits of plain data, whatever the order of its keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def code_digest(modules: Iterable[str]) -> str:
    """The digest of some modules' code; comments, docstrings, layout and the Python version do not count."""
    return digest({module: _code(module) for module in modules})


def imported(modules: Iterable[str]) -> set[str]:
    """These modules and all of this package that they import, directly or not."""
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
    """The modules of this package that one imports by name."""
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return tuple(sorted(name for name in names if name.startswith(f"{PACKAGE}.") and _source(name) is not None))


def _tree(module: str) -> ast.Module:
    source = _source(module)
    if source is None:
        raise ModuleNotFoundError(module)
    return ast.parse(source.read_text(encoding="utf-8"))


def _source(module: str) -> Path | None:
    """The file of a module, found without importing it; None for a name that is no module."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


def _plain(node: Any) -> Any:
    """A syntax tree as plain data that every Python writes alike, without docstrings."""
    if isinstance(node, ast.AST):
        fields = {name: _plain(value) for name, value in ast.iter_fields(node) if name not in ("kind", "type_comment")}
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() if ast.get_docstring(node, clean=False) is not None:
                fields["body"] = fields["body"][1:]
        return [type(node).__name__, {name: value for name, value in fields.items() if value not in (None, [])}]
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return node if isinstance(node, str | None) else repr(node)
