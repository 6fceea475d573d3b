"""What the forms mean: values of a form -> an Engine method and its arguments, and back; templates; live checks."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pe_kit.clock import as_text
from pe_kit.errors import UsageError
from pe_kit.lineprotocol.grammar import parse
from pe_kit.notebook.html import data, page

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["EVENTS", "TEMPLATES", "check_lines", "fifth_time", "values_of"]

Data = dict[str, Any]

_CHECKED = 200
"""Lines that are checked while someone types."""

TEMPLATES: dict[str, dict[str, Data]] = {
    "write": {
        "one point": {"lines": "cpu,host=a usage=0.5"},
        "two hosts": {"lines": "cpu,host=a usage=0.5\ncpu,host=b usage=0.75"},
        "every type": {"lines": 'm,tag=a float=1.5,int=3i,unsigned=3u,text="some words",yes=true'},
        "a late point": {"lines": "cpu,host=a usage=0.5 1767225600", "precision": "s"},
        "a bad line": {"lines": "cpu,host=a usage=0.5\ncpu,host=a usage="},
    },
    "signal": {
        "a day's temperature": {"field": "celsius", "signal": "sine('1d', 4) + noise(0.3) + 21", "every": "10m"},
        "a counter that resets": {"field": "total", "signal": "counter(rate=2.0, resets=0.02)", "every": "10s"},
        "a random walk with gaps": {"field": "level", "signal": "random_walk(0.5)", "spoil": "gaps(0.05)"},
        "spikes, some late": {"field": "load", "signal": "noise(0.2) + spikes(0.03)", "spoil": "late(0.1, by='2m')"},
        "states": {"field": "state", "signal": "states(['idle', 'busy', 'down'], 0.05)", "every": "1m"},
    },
    "call": {"now": {"at": ""}, "at the beginning of 2026": {"at": "2026-01-01T00:00:00Z"}},
    "request": {
        "JSON": {"method": "POST", "headers": '{"content-type": "application/json"}', "body": '{"value": 1}'},
        "parameters only": {"method": "GET", "params": '{"limit": "10"}', "headers": "", "body": ""},
        "plain text": {"method": "POST", "params": "", "headers": "", "body": "hello"},
    },
}


def check_lines(text: str) -> str:
    """Say for each line of line protocol whether the grammar takes it; with the column where it does not."""
    good, total = 0, 0
    bad: list[str] = []
    for item in parse(text):
        if total == _CHECKED:
            return page(_checked(good, bad) + f'<div class="pe-dim">… only {_CHECKED} lines are checked here</div>')
        total += 1
        if item.error is None:
            good += 1
        else:
            bad.append(f"line {item.number}, column {item.error.offset + 1}: {item.error.message}")
    if not total:
        return page('<span class="pe-dim">line protocol: table,tag=value field=1.5 1767225600</span>')
    return page(_checked(good, bad))


def _checked(good: int, bad: list[str]) -> str:
    head = f"✔ {good} good" if not bad else f"✔ {good} good · ✘ {len(bad)} bad"
    more = f'<div class="pe-dim">… {len(bad) - 5} more</div>' if len(bad) > 5 else ""
    return f"<div>{head}</div>" + "".join(f'<div class="pe-box pe-bad">✘ {data(b, 300)}</div>' for b in bad[:5]) + more


def _write(values: Data) -> tuple[str, Data]:
    """A write of line protocol."""
    found: Data = {"data": values["lines"], "db": values["database"]}
    found |= {"precision": values["precision"]} if values.get("precision", "auto") != "auto" else {}
    return "write", found | ({"no_sync": True} if values.get("no_sync") else {})


def _call(values: Data) -> tuple[str, Data]:
    """A schedule trigger fired now, as if at a chosen time."""
    database, name = _trigger(values)
    return "call", {"trigger": name, "db": database} | ({"at": at} if (at := values.get("at", "").strip()) else {})


def fifth_time(engine: Engine, values: Data) -> tuple[str, Data]:
    """Time passes until a schedule trigger has fired five more times."""
    database, name = _trigger(values)
    trigger = engine._runtime.triggers.get(name, database)
    moment, schedule = trigger.next_ns, trigger.schedule
    if moment is None or schedule is None or not trigger.running:
        raise UsageError(f"{name} has no next time", mend="It is disabled or stopped, or its schedule is over.")
    for _ in range(4):
        moment = schedule.following(moment) or moment
    return "advance_to", {"t": as_text(moment)}


def _trigger(values: Data) -> tuple[str, str]:
    if not values.get("trigger"):
        raise UsageError("there is no schedule trigger", mend="Create one: spec='every:1m'.")
    database, name = json.loads(values["trigger"])
    return database, name


def _request(values: Data) -> tuple[str, Data]:
    """A request to a request trigger."""
    found: Data = {"path": values["path"]}
    found |= {"method": values["method"]} if values.get("method", "POST") != "POST" else {}
    for name in ("params", "headers"):
        if text := values.get(name, "").strip():
            try:
                found[name] = json.loads(text)
                if not isinstance(found[name], dict):
                    raise ValueError("not an object")
            except ValueError as error:
                raise UsageError(
                    f"{name} is no JSON object: {error}", mend='For example {"room": "kitchen"}.'
                ) from None
    return "request", found | ({"body": values["body"]} if values.get("body") else {})


def _put(values: Data) -> tuple[str, Data]:
    """A value put in the cache: a Python literal, or else text."""
    database, trigger = json.loads(values.get("scope") or "[null, null]")
    text = values["value"]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text
    found: Data = {"key": values["key"], "value": value, "trigger": trigger, "db": database}
    if ttl := values.get("ttl", "").strip():
        try:
            found["ttl"] = float(ttl)
        except ValueError:
            raise UsageError(f"ttl {ttl!r} is no number of seconds") from None
    return "put_cached", {k: v for k, v in found.items() if v is not None or k == "value"}


def _delete(values: Data) -> tuple[str, Data]:
    """A value taken out of the cache."""
    database, trigger, key = values["id"]
    found: Data = {"key": key, "trigger": trigger, "db": database}
    return "delete_cached", {k: v for k, v in found.items() if v is not None}


EVENTS: dict[str, Callable[[Data], tuple[str, Data]]] = {
    "step": lambda values: ("step", {}),
    "flush": lambda values: ("flush", {}),
    "advance": lambda values: ("advance", {"duration": values["duration"]}),
    "run_to": lambda values: ("advance_to", {"t": values["t"]}),
    "write": _write,
    "call": _call,
    "request": _request,
    "enable": lambda values: ("enable_trigger", {"name": values["id"][1], "db": values["id"][0]}),
    "disable": lambda values: ("disable_trigger", {"name": values["id"][1], "db": values["id"][0]}),
    "put": _put,
    "delete": _delete,
}
"""Buttons that are one call on the engine -> its method and arguments, of the values of the form."""


def values_of(method: str, given: Mapping[str, Any]) -> tuple[str, Data]:
    """Which form an event belongs to, and its values there, to fire it again with a change."""
    if method == "write":
        values: Data = {"lines": given["data"], "database": given["db"], "no_sync": bool(given.get("no_sync"))}
        return "write", values | {"precision": given.get("precision", "auto")}
    if method == "call":
        return "call", {"trigger": json.dumps([given["db"], given["trigger"]]), "at": str(given.get("at", ""))}
    texts = {name: json.dumps(given[name]) if given.get(name) else "" for name in ("params", "headers")}
    return "request", {
        "path": given["path"],
        "method": given.get("method", "POST"),
        "body": given.get("body", ""),
    } | texts
