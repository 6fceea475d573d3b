"""What the forms mean: values of a form -> an Engine method and its arguments; templates; live checks."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pe_kit import synth
from pe_kit.clock import as_text
from pe_kit.errors import PeKitError, UsageError
from pe_kit.lineprotocol.grammar import parse
from pe_kit.notebook.html import data, page

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine
    from pe_kit.synth.series import Series

__all__ = ["TEMPLATES", "cached_of", "call_of", "check_lines", "fifth_time", "preview", "request_of", "signal_of",
           "signal_text", "values_of", "write_of"]  # fmt: skip

Data = dict[str, Any]

_CHECKED = 200
"""Lines that are checked while someone types."""
_POINTS = 100_000

TEMPLATES: dict[str, dict[str, Data]] = {
    "write": {
        "one point": {"lines": "cpu,host=a usage=0.5"},
        "two hosts": {"lines": "cpu,host=a usage=0.5\ncpu,host=b usage=0.75"},
        "every type": {"lines": 'm,tag=a float=1.5,int=3i,unsigned=3u,text="some words",yes=true'},
        "a late point": {"lines": "cpu,host=a usage=0.5 1767225600", "precision": "s"},
        "a bad line": {"lines": "cpu,host=a usage=0.5\ncpu,host=a usage="},
    },
    "signal": {
        "a day's temperature": {
            "field": "celsius",
            "signal": "sine('1d', 4) + noise(0.3) + 21",
            "every": "10m",
            "points": "144",
        },
        "a counter that resets": {
            "field": "total",
            "signal": "counter(rate=2.0, resets=0.02)",
            "every": "10s",
            "points": "200",
        },
        "a random walk with gaps": {
            "field": "level",
            "signal": "random_walk(0.5)",
            "spoil": "gaps(0.05)",
            "points": "200",
        },
        "spikes, some late": {
            "field": "load",
            "signal": "noise(0.2) + spikes(0.03)",
            "spoil": "late(0.1, by='2m')",
            "points": "200",
        },
        "states": {
            "field": "state",
            "signal": "states(['idle', 'busy', 'down'], 0.05)",
            "every": "1m",
            "points": "100",
        },
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


def write_of(values: Data) -> tuple[str, Data]:
    """A write of line protocol."""
    found: Data = {"data": values["lines"], "db": values["database"]}
    found |= {"precision": values["precision"]} if values.get("precision", "auto") != "auto" else {}
    return "write", found | ({"no_sync": True} if values.get("no_sync") else {})


def call_of(values: Data) -> tuple[str, Data]:
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


def request_of(values: Data) -> tuple[str, Data]:
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


def cached_of(values: Data) -> tuple[str, Data]:
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


# -- signals ---------------------------------------------------------------------------------------------------------


def signal_text(values: Data, start: str) -> str:
    """The expression that makes the points of the form."""
    text = f"series({values['table']!r}, {{{values['field']!r}: {values['signal'].strip() or '0'}}}"
    if tags := _tags(values.get("tags", "")):
        text += f", {tags!r}"
    text += (
        f", start={values.get('start', '').strip() or start!r}, every={values['every']!r}, points={_number(values)})"
    )
    return f"{text} | {spoil}" if (spoil := values.get("spoil", "").strip()) else text


def _number(values: Data) -> int:
    text = values["points"].strip()
    if not text.isdigit() or not 0 < int(text) <= _POINTS:
        raise UsageError(f"points={text!r}", mend=f"A number from 1 to {_POINTS:,}.")
    return int(text)


def _tags(text: str) -> dict[str, Any]:
    """Read ``room=kitchen,bath host=a``."""
    found: dict[str, Any] = {}
    for word in text.split():
        name, _, given = word.partition("=")
        parts = given.split(",")
        found[name] = parts if len(parts) > 1 else given
    return found


def signal_of(values: Data, start: str) -> tuple[Series, str, str]:
    """Make the points of the form.

    Returns:
        The points, the expression, and the line that imports its names.

    Raises:
        UsageError: the expression is none.
    """
    text = signal_text(values, start)
    words = {name: getattr(synth, name) for name in synth.__all__}
    try:
        names = sorted({n.id for n in ast.walk(ast.parse(text, mode="eval")) if isinstance(n, ast.Name)} & set(words))
        made = eval(text, {"__builtins__": {}}, words)
    except PeKitError:
        raise
    except Exception as error:
        raise UsageError(
            f"{type(error).__name__}: {error}", mend="For example sine('1d', 4) + noise(0.3) + 21."
        ) from None
    if not isinstance(made, synth.Series):
        raise UsageError("the expression makes no series", mend="For example sine('1d', 4) + noise(0.3) + 21.")
    return made, text, f"from pe_kit.synth import {', '.join(names)}"


def preview(values: Data, start: str) -> str:
    """Draw the points of the form, or say why there are none."""
    try:
        made, _, _ = signal_of(values, start)
        return made.plot().svg if len(made) else page("no points are left")
    except PeKitError as error:
        return page(f'<div class="pe-box pe-bad">✘ {data(error.message, 300)}</div>')


# -- back into the form ----------------------------------------------------------------------------------------------


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
