"""Numbers that show how easy the code is to enter: its rooms, imports, missing types, prose and sizes."""

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "psst_core"
RIDDLES = ("What ", "Whether ", "Of ", "How ", "The same", "Where ")
LINES, BRANCHES = 50, 10  # of a function
CONFIGURATIONS = {"config", "network", "run", "solver", "recorder", "hardware", "stimulus", "analysis", "settings"}
CONFIGURATIONS |= {"population", "projection", "part", "numerics", "its"}
TYPES = "TYPE_CHECKING"
MANIFESTS = {"manifest", "claim"}
READ = ("config", "schema", "checks", "reads", "plausible")  # these modules make or check configurations


def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of each module, by its name."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(file.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(file.read_text(encoding="utf-8"))
    return found


def imports(name: str, tree: ast.Module, known: set[str]) -> set[str]:
    """Return the modules of PSST that a module imports when it runs, not those for type checkers alone."""
    found: set[str] = set()
    typed = (node for node in ast.walk(tree) if isinstance(node, ast.If) and getattr(node.test, "id", "") == TYPES)
    left_out = {part for block in typed for line in block.body for part in ast.walk(line)}
    for node in (node for node in ast.walk(tree) if node not in left_out):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names} & known
            found |= whole or {node.module}
    return (found & known) - {name}


def layers() -> list[set[str]]:
    """Return the rooms of each floor, the highest first, from the contract in pyproject.toml."""
    (contract, *_) = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [{f"psst_core.{room.strip()}" for room in layer.split("|")} for layer in contract["layers"]]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that import each other, directly or not (Tarjan)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        for other in graph[name]:
            if other not in number:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            members = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            found.extend([members] if len(members) > 1 else [])

    for name in graph:
        if name not in number:
            visit(name)
    return found


def subscripts(tree: ast.Module, roots: set[str]) -> int:
    """Count the subscripts by a text of a variable with one of these names, or of such a subscript."""
    found: set[ast.AST] = set()
    for _ in range(3):  # config["network"]["size"] is a subscript of a subscript
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                name = getattr(node.value, "id", getattr(node.value, "attr", None))
                if isinstance(node.slice.value, str) and (name in roots or node.value in found):
                    found.add(node)
    return len(found)


def annotations(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield the types that a module states for arguments, results and variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield from (arg.annotation for arg in ast.walk(node.args) if isinstance(arg, ast.arg) and arg.annotation)
            yield from [node.returns] if node.returns else []
        elif isinstance(node, ast.AnnAssign):
            yield node.annotation


def branches(function: ast.FunctionDef) -> int:
    """Return the cyclomatic complexity, as McCabe counts it."""
    kinds = (ast.If, ast.For, ast.While, ast.IfExp, ast.ExceptHandler, ast.comprehension, ast.BoolOp, ast.match_case)
    return 1 + sum(isinstance(node, kinds) for node in ast.walk(function))


def main() -> None:
    trees = modules()
    graph = {name: imports(name, tree, set(trees)) for name, tree in trees.items()}
    floors = layers()
    floor = {room: number for number, rooms in enumerate(floors) for room in rooms}

    longest = sorted(floor, key=len, reverse=True)

    def room(name: str) -> str | None:
        return next((known for known in longest if f"{name}.".startswith(f"{known}.")), None)

    arrows = {(room(name), room(other)) for name, others in graph.items() for other in others}
    arrows = {(one, other) for one, other in arrows if one and other and one != other}
    print(f"rooms: {len(floor)} on {len(floors)} floors, {len(trees)} modules")
    upward = sorted(f"{one} -> {other}" for one, other in arrows if floor[one] >= floor[other])
    print(f"imports upward or along a floor: {len(upward)} of {len(arrows)}", *upward)
    print(f"circles: {len(circles(graph))}")
    readers = [tree for name, tree in trees.items() if name.rpartition(".")[2] not in READ]
    print(f"texts as subscripts of configurations: {sum(subscripts(tree, CONFIGURATIONS) for tree in readers)}")
    print(f"texts as subscripts of manifests: {sum(subscripts(tree, MANIFESTS) for tree in readers)}")
    stated = [annotation for tree in trees.values() for annotation in annotations(tree)]
    vague = sum(any(isinstance(n, ast.Name) and n.id == "Any" for n in ast.walk(found)) for found in stated)
    print(f"types with Any: {vague} of {len(stated)}, {100 * vague / len(stated):.0f} %")
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, documented)]
    texts = [text for node in nodes if (text := ast.get_docstring(node))]
    riddles = Counter(next((word for word in RIDDLES if text.startswith(word)), "") for text in texts)
    del riddles[""]
    print(f"docstrings that begin with {', '.join(map(str.strip, RIDDLES))}: {riddles.total()} of {len(texts)}")
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    long = sum((node.end_lineno or 0) - node.lineno >= LINES for node in functions)
    complex_ones = sum(branches(node) > BRANCHES for node in functions)
    print(f"functions of more than {LINES} lines: {long}, of more than {BRANCHES} branches: {complex_ones}")


if __name__ == "__main__":
    main()
