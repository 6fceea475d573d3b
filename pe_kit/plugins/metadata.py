"""The metadata that InfluxDB 3 Explorer reads: a module docstring that is JSON.

Source: REQUIRED_PLUGIN_METADATA.md of the influxdb3_plugins repository. The server itself never parses it.
"""

from __future__ import annotations

import ast
import json
from typing import Any

__all__ = ["check_docstring", "docstring_metadata"]

_PLUGIN_TYPES = ("http", "onwrite", "scheduled")
_OTHER_WORDS = {
    "process_request": "http",
    "request": "http",
    "process_writes": "onwrite",
    "wal": "onwrite",
    "process_scheduled_call": "scheduled",
    "scheduler": "scheduled",
    "schedule": "scheduled",
}


def docstring_metadata(source: str) -> dict[str, Any] | None:
    """Give the JSON object of a module's docstring, None when it has none."""
    text = _docstring(source)
    try:
        found = json.loads(text) if text is not None else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def check_docstring(source: str) -> list[tuple[str, str]]:
    """Check the metadata of a module: (where, what is wrong), nothing when it has no docstring or a good one."""
    text = _docstring(source)
    if text is None:
        return []
    try:
        found = json.loads(text)
    except ValueError as error:
        return [("docstring", f"the module docstring is not valid JSON: {error}")] if "{" in text[:20] else []
    if not isinstance(found, dict):
        return [("docstring", "the module docstring must be a JSON object")]
    return list(_check(found))


def _docstring(source: str) -> str | None:
    try:
        return ast.get_docstring(ast.parse(source), clean=False)
    except (SyntaxError, ValueError):
        return None


def _check(found: dict[str, Any]) -> list[tuple[str, str]]:
    wrong: list[tuple[str, str]] = []
    kinds = found.get("plugin_type")
    if not isinstance(kinds, list) or not kinds:
        wrong.append(("plugin_type", "plugin_type must be a list of http, onwrite, scheduled"))
    for kind in kinds if isinstance(kinds, list) else []:
        if kind not in _PLUGIN_TYPES:
            meant = _OTHER_WORDS.get(str(kind), "")
            wrong.append(
                (
                    "plugin_type",
                    f"{kind!r} is none of http, onwrite, scheduled" + (f"; did you mean {meant!r}?" if meant else ""),
                )
            )
    for kind in _PLUGIN_TYPES:
        key = f"{kind}_args_config"
        entries = found.get(key, [])
        if not isinstance(entries, list):
            wrong.append((key, f"{key} must be a list of objects"))
            continue
        for number, entry in enumerate(entries):
            where = f"{key}[{number}]"
            if not isinstance(entry, dict):
                wrong.append((where, f"{where} must be an object"))
                continue
            wrong += [
                (f"{where}.{name}", f"{where}.{name} must be a {'boolean' if kind_of is bool else 'string'}")
                for name, kind_of in (("name", str), ("example", str), ("description", str), ("required", bool))
                if not isinstance(entry.get(name), kind_of)
            ]
    return wrong
