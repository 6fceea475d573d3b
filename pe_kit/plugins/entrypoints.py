"""The three functions that the engine calls, and which of them a source text defines."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["ENTRY_POINTS", "bound_entry_points", "definitions"]

ENTRY_POINTS = {
    "process_writes": "process_writes(influxdb3_local, table_batches, args=None)",
    "process_scheduled_call": "process_scheduled_call(influxdb3_local, call_time, args=None)",
    "process_request": "process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None) "
    "-> Tuple[str, Optional[Dict[str, str]]]",
}
"""Name -> signature, in the words of influxdb3_py_api/src/error.rs."""


def bound_entry_points(source: str) -> tuple[str, ...]:
    """Name the entry points that a module binds at run time: ``def``, import or assignment, but no ``async def``.

    A source that does not parse defines none.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    bound: dict[str, bool] = {}
    for name, node in _bindings(tree.body):
        bound[name] = not isinstance(node, ast.AsyncFunctionDef)
    return tuple(name for name in ENTRY_POINTS if bound.get(name))


def definitions(tree: ast.Module) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Give the functions defined directly at the top level, the last definition of each name."""
    return {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def _bindings(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name, node) for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((t.id, node) for t in targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            for part in ("body", "handlers", "orelse", "finalbody"):
                for inner in getattr(node, part, []):
                    yield from _bindings(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])
