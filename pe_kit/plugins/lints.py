"""Mistakes that parse and load but fail, or do something else than meant, when the server runs a plugin.

Every rule is one that plugins were really caught by. What the server does: influxdb3_py_api/src/system_py.rs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pe_kit.errors import near_match
from pe_kit.plugins.entrypoints import definitions
from pe_kit.plugins.metadata import docstring_metadata

__all__ = ["Lint", "lint", "lint_arguments"]

_CALLED_WITH = {"process_writes": 3, "process_scheduled_call": 3, "process_request": 5}
_METHODS = {
    *("info", "warn", "error", "query", "write", "write_to_db", "write_sync", "write_sync_to_db"),
}
_NO_SYNC_AT = {"write_sync": 1, "write_sync_to_db": 2}
_UNNAMED = {"QueryError", "InfluxDBError", "InvalidMeasurementError", "InvalidKeyError", "InvalidLineError"}
_KINDS = {"process_writes": "onwrite", "process_scheduled_call": "scheduled", "process_request": "http"}
_LOOPS = (ast.For, ast.While)


class Lint(NamedTuple):
    """One mistake: its rule, how bad, the line (0: the whole file), what it is, why it matters, how to mend it."""

    rule: str
    level: Literal["error", "warning"]
    line: int
    message: str
    why: str
    mend: str


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
    api = {"influxdb3_local"}
    for name, function in definitions(tree).items():
        if name in _CALLED_WITH and isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            api |= {arg.arg for arg in function.args.args[:1]}
    found = [
        *_arity(tree),
        *_calls(tree, api),
        *_handlers(tree),
        *_retries(tree, api),
        *_unused_arguments(tree, source),
    ]
    if table is not None:
        found += _feedback(tree, table)
    return sorted(found, key=lambda one: one.line)


def lint_arguments(source: str, function: str, arguments: Mapping[str, str] | None) -> list[Lint]:
    """Check a trigger's arguments against the plugin's metadata; nothing when it has none for this function."""
    metadata = docstring_metadata(source) or {}
    known = {entry["name"]: entry for entry in _entries(metadata, _KINDS[function])}
    if not known:
        return []
    given = arguments or {}
    why = "The server passes whatever is given; the plugin alone decides, when it runs."
    by_file = bool(given.get("config_file_path"))  # the official plugins' argument: a file that holds the others
    missing = [
        name for name, entry in known.items() if entry.get("required") is True and name not in given and not by_file
    ]
    return [
        Lint(
            "argument-missing",
            "error",
            0,
            f"the required argument {name!r} is not given",
            why,
            f"For example {name}={known[name].get('example', '...')}.",
        )
        for name in missing
    ] + [
        Lint("argument-unknown", "warning", 0, f"the metadata names no argument {name!r}", why, near_match(name, known))
        for name in given
        if name not in known
    ]


def _entries(metadata: Mapping[str, object], kind: str) -> list[dict[str, Any]]:
    found = metadata.get(f"{kind}_args_config")
    return [e for e in found if isinstance(e, dict) and "name" in e] if isinstance(found, list) else []


def _arity(tree: ast.Module) -> Iterator[Lint]:
    for name, function in definitions(tree).items():
        if name not in _CALLED_WITH or not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(function, ast.AsyncFunctionDef):
            yield Lint(
                "async-entry-point",
                "error",
                function.lineno,
                f"{name} is an `async def`",
                "The server calls it and drops the coroutine: nothing of it runs.",
                "Write a plain `def`; asyncio.run(...) inside it runs what is asynchronous.",
            )
        given, a = _CALLED_WITH[name], function.args
        most = len(a.posonlyargs) + len(a.args)
        if (
            (given > most and a.vararg is None)
            or given < most - len(a.defaults)
            or any(default is None for default in a.kw_defaults)
        ):
            yield Lint(
                "arity",
                "error",
                function.lineno,
                f"{name} takes {most} positional arguments, {given} are given",
                "The server calls it by position, with the trigger's arguments last (None when there are none).",
                "Add the parameter `args=None` at the end."
                if given == most + 1
                else f"It must take {given} positional arguments.",
            )


def _calls(tree: ast.Module, api: set[str]) -> Iterator[Lint]:
    for call, method in _api_calls(tree, api):
        words = {word.arg: word.value for word in call.keywords}
        if method not in _METHODS:
            hint = near_match(method, _METHODS)
            mend = (
                "Use info, warn or error." if method in ("debug", "log", "warning", "critical", "exception") else hint
            )
            yield Lint(
                "no-such-method",
                "error",
                call.lineno,
                f"there is no influxdb3_local.{method}",
                "The call raises AttributeError.",
                mend,
            )
        if method == "query":
            if "params" in words:
                yield Lint(
                    "params-for-args",
                    "error",
                    call.lineno,
                    "query() takes args=, not params=",
                    "The call raises TypeError: unexpected keyword argument.",
                    "Write query(sql, {...}) or query(sql, args={...}).",
                )
            values = words.get("args", words.get("params", call.args[1] if len(call.args) > 1 else None))
            for key in _not_text(values):
                yield Lint(
                    "parameter-not-text",
                    "error",
                    call.lineno,
                    f"the query parameter {key} is not text",
                    "Parameters must be str: the call raises TypeError.",
                    f"Write str(...); in SQL cast it where a number is needed: ${key.strip(chr(39))}::BIGINT.",
                )
        at = _NO_SYNC_AT.get(method)
        starred = any(isinstance(a, ast.Starred) for a in call.args) or None in words
        if at is not None and len(call.args) <= at and "no_sync" not in words and not starred:
            yield Lint(
                "no-sync-missing",
                "error",
                call.lineno,
                f"{method}() needs no_sync",
                "It has no default: the call raises TypeError.",
                "no_sync=False waits for the WAL, no_sync=True does not.",
            )


def _api_calls(tree: ast.AST, api: set[str]) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            if isinstance(of, ast.Name) and of.id in api:
                yield node, node.func.attr


def _not_text(values: ast.expr | None) -> Iterator[str]:
    if not isinstance(values, ast.Dict):
        return
    for key, value in zip(values.keys, values.values, strict=True):
        number = isinstance(value, ast.Constant) and not isinstance(value.value, str)
        made = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("int", "float")
        if key is not None and (number or made):
            yield ast.unparse(key)


def _handlers(tree: ast.Module) -> Iterator[Lint]:
    bound = {a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}
    bound |= {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} & _UNNAMED - bound
            for name in sorted(names):
                yield Lint(
                    "unnamed-exception",
                    "error",
                    node.lineno,
                    f"`except {name}` names what a plugin cannot name",
                    "The name is not bound: when something is raised there, a NameError takes its place.",
                    f"Catch Exception and look at type(error).__name__ == {name!r}.",
                )


def _retries(tree: ast.Module, api: set[str]) -> Iterator[Lint]:
    seen: set[int] = set()
    for loop in (node for node in ast.walk(tree) if isinstance(node, _LOOPS)):
        for attempt in (node for node in ast.walk(loop) if isinstance(node, ast.Try)):
            leaves = any(
                isinstance(n, ast.Break | ast.Return) for s in attempt.body + attempt.orelse for n in ast.walk(s)
            )
            waits = any("sleep" in ast.unparse(handler) for handler in attempt.handlers)
            if not (leaves or waits):
                continue
            for call, method in _api_calls(ast.Module(attempt.body, []), api):
                if method in ("write", "write_to_db") and id(call) not in seen:
                    seen.add(id(call))
                    sync = method.replace("write", "write_sync", 1)
                    yield Lint(
                        "buffered-write-retried",
                        "warning",
                        call.lineno,
                        f"{method}() inside a retry loop",
                        "It only puts the line aside: it never fails here, and what the server refuses later is "
                        "only a log row.",
                        f"Use {sync}(..., no_sync=False): it raises, so it can be retried.",
                    )


def _feedback(tree: ast.Module, table: str) -> Iterator[Lint]:
    compared = {
        constant.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("LineBuilder") and node.args):
            continue
        name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
        if name is None or name in compared or table not in ("", name):
            continue
        yield Lint(
            "writes-what-fires-it",
            "warning",
            node.lineno,
            f"it writes to {name!r}, which fires it again",
            "What a plugin writes is flushed and fires triggers like any write: without an end.",
            f'Skip it: if batch["table_name"] == {name!r}: continue; or write to a table that fires nothing.',
        )


def _unused_arguments(tree: ast.Module, source: str) -> Iterator[Lint]:
    """Metadata and code that disagree about the names of arguments."""
    metadata = docstring_metadata(source)
    known = {e["name"] for kind in _KINDS.values() for e in _entries(metadata or {}, kind)}
    if not known:
        return
    code = [node for part in tree.body[1:] for node in ast.walk(part)]
    for name in sorted(name for name in known if not _spoken_of(name, code)):
        yield Lint(
            "argument-unused",
            "warning",
            1,
            f"the metadata names {name!r}, the code never does",
            "Whoever sets it in the Explorer changes nothing.",
            "Read it from args, or take it out.",
        )
    own = {key for node in code if (key := _set_key(node)) is not None}
    for node in _where_args_are_the_triggers(tree, metadata or {}):
        key = _read_key(node)
        if key is not None and key not in known | own:
            yield Lint(
                "argument-undocumented",
                "warning",
                getattr(node, "lineno", 0),
                f"args[{key!r}] is read, the metadata does not name it",
                "The Explorer does not offer it.",
                near_match(key, known),
            )


def _spoken_of(name: str, code: list[ast.AST]) -> bool:
    """Whether code may read an argument: by its name, an attribute, a field of a class, or a name that it composes."""
    for node in code:
        if isinstance(node, ast.Constant) and node.value == name:
            return True
        if name in (getattr(node, "attr", None), getattr(node, "arg", None)):
            return True
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            return True
        if isinstance(node, ast.JoinedStr):
            parts = [part.value for part in node.values if isinstance(part, ast.Constant) and len(str(part.value)) > 3]
            if any(name.startswith(str(part)) or name.endswith(str(part)) for part in parts):
                return True
    return False


def _where_args_are_the_triggers(tree: ast.Module, metadata: Mapping[str, object]) -> Iterator[ast.AST]:
    """Code in which ``args`` means the trigger's arguments: not what a request plugin makes of a request's body."""
    functions = definitions(tree)
    by_body = "process_request" in functions and not _entries(metadata, "http")
    for part in tree.body[1:]:
        name = getattr(part, "name", None)
        if not by_body or (name in _CALLED_WITH and name != "process_request"):
            yield from ast.walk(part)


def _read_key(node: ast.AST) -> str | None:
    """The name in ``args["name"]`` or ``args.get("name")``."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "args.get" and node.args:
        return _text(node.args[0])
    return _key_of_args(node) if isinstance(getattr(node, "ctx", None), ast.Load) else None


def _set_key(node: ast.AST) -> str | None:
    """The name in ``args["name"] = ...``: the plugin's own, whoever reads it."""
    return _key_of_args(node) if isinstance(getattr(node, "ctx", None), ast.Store) else None


def _key_of_args(node: ast.AST) -> str | None:
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "args":
        return _text(node.slice)
    return None


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
