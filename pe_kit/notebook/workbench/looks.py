"""What the panes show: HTML of a state, which is an engine or a moment of its past.

A button carries what it does in ``data-do`` and with what in ``data-id`` (JSON); the screen sends both.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any

from pe_kit.clock import as_text
from pe_kit.engine.cache import CacheEntry
from pe_kit.notebook.display import log_row
from pe_kit.notebook.html import Cell, Room, cell, data, page, pre, table
from pe_kit.notebook.text import folded_line, run_line
from pe_kit.notebook.tree import Branch, Folded, causes, fold
from pe_kit.notebook.visible import count, lasting, show_object, visible

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine
    from pe_kit.engine.trigger_table import Trigger
    from pe_kit.notebook.workbench.rows import Page

__all__ = ["ROWS", "button", "cache_html", "logs_html", "pages", "rows_html", "runs_html", "triggers_html"]

ROWS = 50
_LONG_KEY = 500
_DEEP = 24


def button(do: str, given: Any, text: str, label: str = "", *, key: bool = True, more: str = "") -> str:
    """Make a button; ``label`` says more than its text, ``more`` are attributes."""
    of = escape(json.dumps(given))
    named = escape(visible(label, 200))
    more += f' title="{named}" aria-label="{named}"' if label else ""
    more += f' data-key="{do} {of}"' if key else ""
    return f'<button type="button" data-do="{do}" data-id="{of}" {more}>{text}</button>'


def pages(pane: str, number: int, last: int, said: str) -> str:
    """Make the line with which pages are turned."""
    back = button("page", [pane, number - 1], "◀", "page before", key=False) if number > 1 else ""
    on = button("page", [pane, number + 1], "▶", "next page", key=False) if number < last else ""
    return f'<div class="pe-bar">{back}<span>{escape(said)}</span>{on}</div>'


def triggers_html(state: Engine) -> str:
    """State, settings, next time, calls, errors, p50, a sparkline of durations; buttons to enable and disable."""
    triggers = list(state._runtime.triggers)
    if not triggers:
        return page("no triggers yet")
    columns = ["trigger", "state", "settings", "next", "calls", "errors", "p50", "durations"]
    rows = [("", _trigger(t)) for t in triggers[:200]]
    return page(table(columns, rows, len(triggers), Room(120_000), "engine.triggers"))


def _trigger(t: Trigger) -> list[Cell]:
    name, durations = f"{t.database}.{t.name}", list(t.stats.durations)
    of = f'<b>{data(name)}</b><div class="pe-dim">{data(t.spec.text)} · {data(t.path)}</div>'
    symbol = "⏸ disabled" if t.disabled else f"✘ {t.stopped}" if t.stopped else "✔ running"
    do, word = ("enable", "Enable") if t.disabled else ("disable", "Disable")
    act = button(do, [t.database, t.name], word, f"{word} {name}")
    settings = [t.error_behavior, *(["asynchronous"] if t.run_async else [])]
    settings += [f"{k}={visible(v, 60)}" for k, v in (t.arguments or {}).items()]
    upcoming = as_text(t.next_ns) if t.next_ns is not None and t.running else ""
    p50 = lasting(sorted(durations)[len(durations) // 2]) if durations else ""
    spark = f'<span role="img" aria-label="durations of the last runs">{_spark(durations[-16:])}</span>'
    return [
        Cell(of, "pe-short"),
        Cell(f'<div style="min-width: 10em">{data(symbol)} {act}</div>'),
        cell(", ".join(settings)),
        *(cell(value, short=True) for value in (upcoming, t.stats.runs, t.stats.errors)),
        Cell(p50, "pe-number"),
        Cell(spark, "pe-short"),
    ]


def _spark(values: list[float]) -> str:
    top = max(values, default=0.0) or 1.0
    return "".join("▁▂▃▄▅▆▇█"[min(7, int(8 * v / top))] for v in values)


def cache_html(state: Engine) -> str:
    """Namespaces, keys, values that can be unfolded, and how much virtual time is left; buttons to edit and delete."""
    now, found = state.now_ns, list(state._runtime.cache.entries())
    rows = (("", _entry(now, *entry)) for entry in found[:200])
    columns = ["namespace", "trigger", "key", "value", "expires", "do"]
    if not found:
        return page("the cache is empty")
    return page(table(columns, rows, len(found), Room(160_000), "engine.cache"))


def _entry(
    now: int, namespace: str, database: str | None, trigger: str | None, key: str, entry: CacheEntry
) -> list[Cell]:
    left = "never" if entry.expires_ns is None else f"in {(entry.expires_ns - now) / 1e9:,.0f} s"
    owner = f"{database}.{trigger}" if database else (trigger or "")
    short, full = show_object(entry.value), show_object(entry.value, 4000)
    value = cell(short, 400)
    if len(short) > 60 or full != short:
        folded = f'<details data-key="{escape(visible(f"{owner} {key}"))}"><summary>{data(short, 60)}</summary>'
        value = Cell(f"{folded}{pre(full, 8000)}</details>")
    acts = ""
    if namespace != "test" and len(key) <= _LONG_KEY:
        where = [database, trigger, key]
        acts = button("edit", where, "Edit", f"Edit {key}") + " " + button("delete", where, "Delete", f"Delete {key}")
    return [cell(namespace), cell(owner), cell(key), value, cell(left), Cell(acts, "pe-short")]


def logs_html(state: Engine, trigger: str, level: str, text: str, number: int) -> str:
    """The log rows that fit the filters, newest first, in pages."""
    found = [
        r
        for r in reversed(tuple(state._runtime.logbook))
        if (not trigger or f"{r.database}.{r.trigger_name}" == trigger)
        and (not level or r.level == level)
        and text in r.text
    ]
    last = max(1, -(-len(found) // ROWS))
    first = (min(number, last) - 1) * ROWS
    rows = [log_row(row) for row in found[first : first + ROWS]]
    if not rows:
        return page("no rows")
    said = f"{first + 1:,} to {first + len(rows):,} of {count(len(found), 'row')}, newest first"
    body = table(["level", "time", "trigger", "text"], rows, len(rows), Room(120_000), "engine.logs()")
    return page(pages("logs", min(number, last), last, said) + body)


def rows_html(found: Page) -> str:
    """One page of a table, and its schema."""
    rows = [("", [cell(value) for value in row]) for row in found.rows]
    said = f"rows {found.first:,} to {found.first + len(rows) - bool(rows):,} of {found.total:,}"
    body = table(found.columns, rows, len(rows), Room(120_000), "engine.query(...)") if rows else ""
    types = [("", [cell(n), cell(t)]) for n, t in zip(found.columns, found.types, strict=True)]
    schema = table(["column", "type"], types, len(types), Room(30_000), "engine.query(...)")
    folded = f'<details data-key="schema"><summary>Schema: {count(len(types), "column")}</summary>{schema}</details>'
    return page(pages("tables", found.number, found.pages, said) + body + folded)


def runs_html(state: Engine, number: int, event: int | None) -> str:
    """The runs, newest first, as the tree of their causes, in pages; or those of one event."""
    runs = state._runtime.runs
    total = len(runs)
    if event is None:
        last = max(1, -(-total // ROWS))
        number = min(number, last)
        found = list(islice(reversed(runs), (number - 1) * ROWS, number * ROWS))
        said = f"runs, newest first: {len(found):,} of {total:,}"
    else:
        last, number = 1, 1
        found = [r for r in islice(reversed(runs), 20_000) if r.event.id == event]
        said = f"{count(len(found), 'run')} of event {event}"
        found = found[-200:]
    if not found:
        return page("no runs yet" if event is None else f"event {event} fired nothing")
    every = button("page", ["runs", 1], "Show all runs", key=False) if event is not None else ""
    tree = _tree(list(reversed(causes(reversed(found)))), Room(100_000))
    return page(pages("runs", number, last, said) + every + tree)


def _tree(branches: Sequence[Branch], room: Room, depth: int = 0) -> str:
    items: list[str] = []
    entries = fold(branches, ROWS)
    for entry in entries:
        if isinstance(entry, Folded):
            items.append(f'<li class="pe-dim">{data(folded_line(entry), 400)}</li>')
            continue
        run, below = entry.run, entry.children
        sign = f'<span role="img" aria-label="{"ok" if run.ok else "failed"}">{"✔" if run.ok else "✘"}</span>'
        text = f"{sign} <b>{data(run.trigger, 80)}</b> · {data(run_line(run), 200)}"
        line = button("run", run.id, text)
        if not room.take(line):
            items.append(f'<li class="pe-dim">… {count(len(entries) - len(items), "more run")} not shown</li>')
            break
        if below and depth < _DEEP:
            line += f'<details open data-key="below {run.id}"><summary>fired {count(len(below), "run")}</summary>'
            line += f"{_tree(below, room, depth + 1)}</details>"
        items.append(f"<li>{line}</li>")
    return f'<ul class="pe-tree">{"".join(items)}</ul>'
