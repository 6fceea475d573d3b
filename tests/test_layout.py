"""The rules of the house, as tests: floors, names, time and randomness, what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pe_kit"

# Each floor may import from itself and from those below it.
FLOORS = (
    {"errors", "types", "clock", "duration", "tagged"},
    {"lineprotocol"},
    {"store"},
    {"plugins"},
    {"engine"},
    {"ledger", "synth", "fixtures", "testing", "backtest"},
    {"notebook", "workshop", "server", "cli", "pe_kit", "__main__"},
)
# The one-line doors: they import a floor above when they are called.
DOORS = {
    "engine": {
        *("freeze", "backtest", "serve", "workbench", "plot", "play", "fidelity", "topology"),
        *("sweep_faults", "__repr__", "writes"),
    },
    "backtest": {"plot"},
}
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc"}
HEAVY = {"pandas", "polars", "IPython", "ipywidgets", "datafusion", "altair", "nbclient", "starlette"}

# Calls that read the machine's time or unseeded randomness.
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
RANDOM = {"uuid.uuid1", "uuid.uuid4", "uuid4", "os.urandom"}
SEEDED = {"Random", "seed", "getstate", "setstate", "default_rng", "Generator", "SeedSequence", "PCG64"}

MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


KNOWN = {_module_name(path) for path in MODULES}


def _floor(module: str) -> int:
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else parts[0]
    found = [level for level, names in enumerate(FLOORS) if name in names]
    assert found, f"{module} stands on no floor: name its floor in FLOORS"
    return found[0]


def _imports(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Give each imported module of the kit and the function that imports it; not what only type checkers read."""

    def walk(node: ast.AST, function: str | None) -> Iterator[tuple[str, str | None]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from ((alias.name, function) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, "imports are absolute"
                for alias in child.names:
                    full = f"{child.module}.{alias.name}"
                    yield (full if full in KNOWN else str(child.module)), function
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else None
            yield from walk(child, function or inner)

    yield from ((module, function) for module, function in walk(tree, None) if module.split(".")[0] == "pe_kit")


@pytest.mark.slow
def test_no_floor_imports_from_a_floor_above_it() -> None:
    climbing = []
    for path in MODULES:
        module = _module_name(path)
        for imported, function in _imports(_parse(path)):
            doors = DOORS.get(module.split(".")[1] if "." in module else "", set())
            if _floor(imported) > _floor(module) and function not in doors:
                climbing.append(f"{module} imports {imported}")
    assert climbing == []


@pytest.mark.slow
def test_no_two_modules_import_each_other() -> None:
    graph = {_module_name(path): {i for i, function in _imports(_parse(path)) if function is None} for path in MODULES}

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(graph[start])
        while todo:
            module = todo.pop()
            if module not in seen:
                seen.add(module)
                todo += graph.get(module, ())
        return seen

    assert [module for module in graph if module in reach(module)] == []


def test_no_module_is_a_drawer() -> None:
    files = [*MODULES, *(ROOT / "tests").rglob("*.py")]
    assert [str(path.relative_to(ROOT)) for path in files if path.stem.strip("_") in DRAWERS] == []


def _name(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def _taken_from_the_machine(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        name = _name(node) if isinstance(node, ast.Attribute | ast.Name) else ""
        head, _, last = name.rpartition(".")
        tail = ".".join(name.split(".")[-2:])
        if tail in CLOCKS | RANDOM or head == "secrets":
            yield name
        if head.split(".")[-1] == "random" and last not in SEEDED:
            yield name
        if isinstance(node, ast.ImportFrom) and node.module in {"random", "secrets"}:
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name not in SEEDED)
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"time.{alias.name}" for alias in node.names if f"time.{alias.name}" in CLOCKS)


@pytest.mark.slow
def test_time_and_randomness_come_from_the_engine() -> None:
    taken = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        if path != PACKAGE / "clock.py"
        for name in _taken_from_the_machine(_parse(path))
        # a token that guards a door has to be unguessable
        if not (name.startswith("secrets.") and path.is_relative_to(PACKAGE / "server"))
    ]
    assert taken == []


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.now()",
        "import random\nrandom.random()",
        "import numpy as np\nnp.random.normal()",
        "from time import time_ns",
        "import uuid\nuuid.uuid4()",
    ],
)
def test_the_rule_sees_each_way_to_ask_the_machine(source: str) -> None:
    assert list(_taken_from_the_machine(ast.parse(source))) != []


def test_a_seeded_generator_is_allowed() -> None:
    source = "import random, time\nrandom.Random(7)\ntime.perf_counter()"
    assert list(_taken_from_the_machine(ast.parse(source))) == []


@pytest.mark.slow
def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import sys, pe_kit; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(done.stdout.split()) & HEAVY == set()


def _asserts(test: ast.FunctionDef, helpers: dict[str, ast.FunctionDef], seen: frozenset[str] = frozenset()) -> bool:
    """True if the test, or a function of its file that it calls, asserts something."""
    for node in ast.walk(test):
        called = _name(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Assert) or called in {"pytest.raises", "pytest.warns", "pytest.fail", "expect"}:
            return True
        if called in helpers.keys() - seen and _asserts(helpers[called], helpers, seen | {called}):
            return True
    return False


@pytest.mark.slow
def test_every_test_asserts_something() -> None:
    idle = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        functions = {node.name: node for node in ast.walk(_parse(path)) if isinstance(node, ast.FunctionDef)}
        tests = [function for name, function in functions.items() if name.startswith("test_")]
        idle += [f"{path.relative_to(ROOT)}: {test.name}" for test in tests if not _asserts(test, functions)]
    assert idle == []


@pytest.mark.slow
def test_no_test_is_skipped_or_sleeps() -> None:
    marks = {f"pytest.{dot}{mark}" for dot in ("", "mark.") for mark in ("skip", "skipif", "xfail")}
    found = [
        f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(_parse(path))
        if (isinstance(node, ast.Attribute) and _name(node) in marks)
        or (isinstance(node, ast.Call) and _name(node.func) == "time.sleep")
    ]
    assert found == []
