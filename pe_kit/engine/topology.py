"""Who feeds whom: tables, triggers and plugins, from what was observed and from reading the plugins' source."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pe_kit.errors import PluginError
from pe_kit.lineprotocol.grammar import parse

if TYPE_CHECKING:
    import pandas as pd

    from pe_kit.engine.runtime import Runtime

__all__ = ["Edge", "Topology", "topology"]

_FROM = re.compile(r"\b(?:from|join)\s+(\"[^\"]+\"|[A-Za-z_][\w]*)", re.IGNORECASE)


class Edge(NamedTuple):
    """One arrow. Nodes are ``table DB.NAME``, ``trigger DB.NAME``, ``schedule SPEC`` and ``path PATH``.

    ``kind``: ``fires`` (a table's writes, a schedule or a request fire a trigger), ``writes``, ``reads``.
    ``seen``: how often it was observed; 0 for what only the source says.
    """

    source: str
    target: str
    kind: str
    seen: int


@dataclass(frozen=True, slots=True, eq=False)
class Topology:
    """The graph. ``loops`` are the cycles through ``fires`` and ``writes``: possible feedback, each a list of nodes."""

    edges: tuple[Edge, ...]
    loops: tuple[tuple[str, ...], ...]
    plugins: dict[str, str]

    @property
    def frame(self) -> pd.DataFrame:
        """One row an arrow: source, target, kind, seen, loop (part of a possible feedback loop)."""
        import pandas as pd

        frame = pd.DataFrame(list(self.edges), columns=list(Edge._fields))
        frame["loop"] = [self.in_loop(e) for e in self.edges]
        return frame

    def in_loop(self, edge: Edge) -> bool:
        """True when the arrow is a part of a possible feedback loop."""
        return any((edge.source, edge.target) in set(pairwise(loop)) for loop in self.loops)

    def __repr__(self) -> str:
        lines = [f"{e.source} -{e.kind}-> {e.target}" + (f" ({e.seen} times)" if e.seen else "") for e in self.edges]
        lines += [f"possible feedback loop: {' -> '.join(loop)}" for loop in self.loops]
        return "\n".join(lines) or "<no triggers>"


def topology(runtime: Runtime) -> Topology:
    """Make the graph of an engine."""
    edges: Counter[tuple[str, str, str]] = Counter()
    plugins: dict[str, str] = {}
    for trigger in runtime.triggers:
        name, db = f"trigger {trigger.database}.{trigger.name}", trigger.database
        plugins[name] = trigger.path
        writes, reads = _declared(runtime, trigger.path, db)
        for table in writes:
            edges[name, f"table {table}", "writes"] += 0
        for table in reads:
            edges[f"table {table}", name, "reads"] += 0
        kind = trigger.spec.kind
        if kind == "table":
            edges[f"table {db}.{trigger.spec.value}", name, "fires"] += 0
        elif kind == "request":
            edges[f"path {trigger.spec.value}", name, "fires"] += 0
        elif kind != "all_tables":
            edges[f"schedule {trigger.spec.text}", name, "fires"] += 0
    for run in runtime.runs:
        name = f"trigger {run.database}.{run.trigger}"
        for written in run.written:
            for item in parse(written.line):
                if item.line is not None:
                    edges[name, f"table {written.database}.{item.line.measurement}", "writes"] += 1
        for query in run.query_records:
            for table in _tables_of(query.sql):
                edges[f"table {query.database}.{table}", name, "reads"] += 1
        for table, _ in run.tables:
            edges[f"table {run.database}.{table}", name, "fires"] += 1
    for trigger in runtime.triggers:
        if trigger.spec.kind == "all_tables":
            name = f"trigger {trigger.database}.{trigger.name}"
            tables = {t for _, t, k in edges if k == "writes" and t.startswith(f"table {trigger.database}.")}
            tables |= {f"table {trigger.database}.{t}" for t in _stored(runtime, trigger.database)}
            for table in tables:
                edges[table, name, "fires"] += 0
    found = tuple(Edge(source, target, kind, seen) for (source, target, kind), seen in sorted(edges.items()))
    return Topology(found, tuple(_loops(found)), plugins)


def _stored(runtime: Runtime, database: str) -> list[str]:
    return runtime.store.table_names(database) if runtime.store.has_database(database) else []


def _declared(runtime: Runtime, path: str, database: str) -> tuple[set[str], set[str]]:
    """Tables that a plugin's source names: those it builds lines for and those its SQL reads."""
    if runtime.folder is None:
        return set(), set()
    try:
        tree = ast.parse(runtime.folder.resolve(path).code())
    except (PluginError, SyntaxError):
        return set(), set()
    writes, reads, targets = set(), set(), {database}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            first = node.args[0] if node.args else None
            if called == "LineBuilder" and isinstance(first, ast.Constant):
                writes.add(str(first.value))
            if called in ("write_to_db", "write_sync_to_db") and isinstance(first, ast.Constant):
                targets.add(str(first.value))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " from " in f" {node.value.lower()} ":
            reads.update(_tables_of(node.value))
    # a source does not say which line goes to which database: the trigger's own, or the only other one that it names
    target = next(iter(targets - {database})) if len(targets) == 2 and _only_elsewhere(tree) else database
    return {f"{target}.{table}" for table in writes}, {f"{database}.{table}" for table in reads}


def _only_elsewhere(tree: ast.AST) -> bool:
    called = {n.func.attr for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}
    return not called & {"write", "write_sync"}


def _tables_of(sql: str) -> set[str]:
    found = (name.strip('"') if name.startswith('"') else name.lower() for name in _FROM.findall(sql))
    return {name for name in found if name not in ("information_schema", "system", "select", "last_cache")}


def _loops(edges: tuple[Edge, ...]) -> Iterator[tuple[str, ...]]:
    """Simple cycles through what fires and writes; each once, from its smallest node."""
    following: dict[str, list[str]] = {}
    for edge in edges:
        if edge.kind in ("fires", "writes"):
            following.setdefault(edge.source, []).append(edge.target)
    found: set[tuple[str, ...]] = set()

    def walk(path: list[str]) -> None:
        if len(found) >= 20 or len(path) > 12:
            return
        for node in following.get(path[-1], ()):
            if node == path[0]:
                found.add((*path, node))
            elif node > path[0] and node not in path:
                walk([*path, node])

    for start in sorted(following):
        walk([start])
    yield from sorted(found)
