"""Mistakes that parse and load but fail, or do something else than meant, when the server runs a plugin.

Every rule is one that plugins were really caught by. What the server does: influxdb3_py_api/src/system_py.rs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pe_kit.errors import near_match
from pe_kit.plugins.entrypoints import definitions
from pe_kit.plugins.metadata import docstring_metadata

__all__ = ["Lint", "lint", "lint_arguments"]


class _Rule(NamedTuple):
    level: str
    message: str
    why: str
    mend: str


_RULES = {
    "async-entry-point": _Rule(
        "error",
        "{name} is an `async def`",
        "The server calls it and drops the coroutine: nothing of it runs.",
        "Write a plain `def`; asyncio.run(...) inside it runs what is asynchronous.",
    ),
    "arity": _Rule(
        "error",
        "{name} takes {most} positional arguments, {given} are given",
        "The server calls it by position, with the trigger's arguments last (None when there are none).",
        "{mend}",
    ),
    "no-such-method": _Rule("error", "there is no influxdb3_local.{name}", "The call raises AttributeError.", "{mend}"),
    "params-for-args": _Rule(
        "error",
        "query() takes args=, not params=",
        "The call raises TypeError: unexpected keyword argument.",
        "Write query(sql, {{...}}) or query(sql, args={{...}}).",
    ),
    "parameter-not-text": _Rule(
        "error",
        "the query parameter {name!r} is not text",
        "Parameters must be str: the call raises TypeError.",
        "Write str(...); in SQL cast it where a number is needed: ${name}::BIGINT.",
    ),
    "no-sync-missing": _Rule(
        "error",
        "{name}() needs no_sync",
        "It has no default: the call raises TypeError.",
        "no_sync=False waits for the WAL, no_sync=True does not.",
    ),
    "unnamed-exception": _Rule(
        "error",
        "`except {name}` names what a plugin cannot name",
        "The name is not bound: when something is raised there, a NameError takes its place.",
        "Catch Exception and look at type(error).__name__ == {name!r}.",
    ),
    "buffered-write-retried": _Rule(
        "warning",
        "{name}() inside a retry loop",
        "It only puts the line aside: it never fails here, and what the server refuses later is only a log row.",
        "Use {sync}(..., no_sync=False): it raises, so it can be retried.",
    ),
    "writes-what-fires-it": _Rule(
        "warning",
        "it writes to {name!r}, which fires it again",
        "What a plugin writes is flushed and fires triggers like any write: without an end.",
        'Skip it: if batch["table_name"] == {name!r}: continue; or write to a table that fires nothing.',
    ),
    "argument-missing": _Rule(
        "error",
        "the required argument {name!r} is not given",
        "The server passes whatever is given; the plugin alone decides, when it runs.",
        "For example {name}={example}.",
    ),
    "argument-unknown": _Rule(
        "warning",
        "the metadata names no argument {name!r}",
        "The server passes whatever is given; the plugin alone decides, when it runs.",
        "{mend}",
    ),
}
_CALLED_WITH = {"process_writes": 3, "process_scheduled_call": 3, "process_request": 5}
_METHODS = ("info", "warn", "error", "query", "write", "write_to_db", "write_sync", "write_sync_to_db")
_LOGGING = ("debug", "log", "warning", "critical", "exception")
_NO_SYNC_AT = {"write_sync": 1, "write_sync_to_db": 2}
_UNNAMED = {"QueryError", "InfluxDBError", "InvalidMeasurementError", "InvalidKeyError", "InvalidLineError"}
_KINDS = {"process_writes": "onwrite", "process_scheduled_call": "scheduled", "process_request": "http"}


class Lint(NamedTuple):
    """One mistake: its rule, ``error`` or ``warning``, the line (0: the whole file), what, why, and how to mend it."""

    rule: str
    level: str
    line: int
    message: str
    why: str
    mend: str


def _found(rule: str, line: int, **named: object) -> Lint:
    level, *texts = _RULES[rule]
    return Lint(rule, level, line, *(text.format(**named) for text in texts))


def lint(source: str, table: str | None = None) -> list[Lint]:
    """Look for known mistakes in a plugin's source; none in one that does not parse.

    Args:
        source: the text of one file.
        table: the table that fires it; empty: any table does; None: not known, or no table at all.
    """
    try:
        tree = ast.parse(source.removeprefix("\ufeff"))
    except (SyntaxError, ValueError):
        return []
    entries = [f for name, f in definitions(tree).items() if name in _CALLED_WITH]
    api = {"influxdb3_local"} | {arg.arg for function in entries for arg in function.args.args[:1]}
    found = [
        *(one for function in entries for one in _signature(function)),
        *(one for call, method in _api_calls(tree, api) for one in _call(call, method)),
        *_handlers(tree),
        *_retries(tree, api),
    ]
    if table is not None:
        found += _feedback(tree, table)
    return sorted(found, key=lambda one: one.line)


def lint_arguments(source: str, function: str, arguments: Mapping[str, str] | None) -> list[Lint]:
    """Check a trigger's arguments against the plugin's metadata; nothing when it has none for this function."""
    entries = (docstring_metadata(source) or {}).get(f"{_KINDS[function]}_args_config")
    known: dict[str, dict[str, Any]] = {
        e["name"]: e for e in (entries if isinstance(entries, list) else ()) if isinstance(e, dict) and "name" in e
    }
    if not known:
        return []
    given = arguments or {}
    by_file = bool(given.get("config_file_path"))  # the official plugins' argument: a file that holds the others
    return [
        _found("argument-missing", 0, name=name, example=entry.get("example", "..."))
        for name, entry in known.items()
        if entry.get("required") is True and name not in given and not by_file
    ] + [_found("argument-unknown", 0, name=name, mend=near_match(name, known)) for name in given if name not in known]


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Lint]:
    name, line, a = function.name, function.lineno, function.args
    if isinstance(function, ast.AsyncFunctionDef):
        yield _found("async-entry-point", line, name=name)
    given, most = _CALLED_WITH[name], len(a.posonlyargs) + len(a.args)
    too_many = given > most and a.vararg is None
    if too_many or given < most - len(a.defaults) or any(default is None for default in a.kw_defaults):
        mend = "Add the parameter `args=None` at the end." if given == most + 1 else f"It must take {given} of them."
        yield _found("arity", line, name=name, most=most, given=given, mend=mend)


def _api_calls(tree: ast.AST, api: set[str]) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            if isinstance(of, ast.Name) and of.id in api:
                yield node, node.func.attr


def _call(call: ast.Call, method: str) -> Iterator[Lint]:
    words = {word.arg: word.value for word in call.keywords}
    if method not in _METHODS:
        mend = "Use info, warn or error." if method in _LOGGING else near_match(method, _METHODS)
        yield _found("no-such-method", call.lineno, name=method, mend=mend)
    if method == "query":
        if "params" in words:
            yield _found("params-for-args", call.lineno)
        values = words.get("args", words.get("params", call.args[1] if len(call.args) > 1 else None))
        for name in _not_text(values):
            yield _found("parameter-not-text", call.lineno, name=name)
    at = _NO_SYNC_AT.get(method)
    starred = any(isinstance(a, ast.Starred) for a in call.args) or None in words
    if at is not None and len(call.args) <= at and "no_sync" not in words and not starred:
        yield _found("no-sync-missing", call.lineno, name=method)


def _not_text(values: ast.expr | None) -> Iterator[str]:
    """The keys of a dict whose values are numbers, as far as the source tells."""
    if not isinstance(values, ast.Dict):
        return
    for key, value in zip(values.keys, values.values, strict=True):
        number = isinstance(value, ast.Constant) and not isinstance(value.value, str)
        made = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("int", "float")
        if key is not None and (number or made):
            yield str(key.value) if isinstance(key, ast.Constant) else ast.unparse(key)


def _handlers(tree: ast.Module) -> Iterator[Lint]:
    bound = {a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}
    bound |= {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} & _UNNAMED - bound
            yield from (_found("unnamed-exception", node.lineno, name=name) for name in sorted(names))


def _retries(tree: ast.Module, api: set[str]) -> Iterator[Lint]:
    seen: set[int] = set()
    for loop in (node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)):
        for attempt in (node for node in ast.walk(loop) if isinstance(node, ast.Try)):
            succeeded = [n for part in attempt.body + attempt.orelse for n in ast.walk(part)]
            leaves = any(isinstance(n, ast.Break | ast.Return) for n in succeeded)
            if not leaves and not any("sleep" in ast.unparse(handler) for handler in attempt.handlers):
                continue
            for call, method in _api_calls(ast.Module(attempt.body, []), api):
                if method in ("write", "write_to_db") and id(call) not in seen:
                    seen.add(id(call))
                    sync = method.replace("write", "write_sync", 1)
                    yield _found("buffered-write-retried", call.lineno, name=method, sync=sync)


def _feedback(tree: ast.Module, table: str) -> Iterator[Lint]:
    compares = [inner for node in ast.walk(tree) if isinstance(node, ast.Compare) for inner in ast.walk(node)]
    compared = {node.value for node in compares if isinstance(node, ast.Constant)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("LineBuilder") and node.args):
            continue
        name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
        if name is not None and name not in compared and table in ("", name):
            yield _found("writes-what-fires-it", node.lineno, name=name)
