"""What the workbench's panes show: HTML of a state, which is an engine or a moment of its past."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from pe_kit.clock import as_text
from pe_kit.engine.outcome import Runs
from pe_kit.notebook.html import Room, cell, page, table
from pe_kit.notebook.visible import show_object

if TYPE_CHECKING:
    import pandas as pd

    from pe_kit.engine.engine import Engine
    from pe_kit.engine.history import View

__all__ = ["cache_html", "frame_html", "logs_html", "runs_pane", "timeline_html", "triggers_html"]

_ROWS = 50
_MARKS = 300


def frame_html(frame: pd.DataFrame, where: str, most: int = _ROWS) -> str:
    """The first rows of a frame as a table."""
    rows = [("", [cell(value) for value in row]) for row in frame.head(most).itertuples(index=False)]
    return page(
        table([str(c) for c in frame.columns], rows, len(frame), Room(120_000), where) if len(frame) else "nothing yet"
    )


def triggers_html(state: Engine | View) -> str:
    """State, settings, next time, calls, errors, p50 and a sparkline of durations."""
    rows = []
    for t in state._runtime.triggers:
        stats = t.stats
        p50 = sorted(stats.durations)[len(stats.durations) // 2] * 1e3 if stats.durations else None
        symbol = "⏸ disabled" if t.disabled else f"✘ {t.stopped}" if t.stopped else "✔ running"
        values: list[Any] = [
            f"{t.database}.{t.name}", symbol, t.spec.text, t.path,
            as_text(t.next_ns) if t.next_ns is not None and t.running else "", stats.runs, stats.errors,
            "" if p50 is None else f"{p50:.3f} ms", _spark(list(stats.durations)[-40:]),
        ]  # fmt: skip
        rows.append(("", [cell(v) for v in values]))
    columns = ["trigger", "state", "specification", "plugin", "next", "calls", "errors", "p50", "durations"]
    return page(table(columns, rows, len(rows), Room(100_000), "engine.triggers") if rows else "no triggers yet")


def _spark(values: list[float]) -> str:
    top = max(values, default=0.0) or 1.0
    return "".join("▁▂▃▄▅▆▇█"[min(7, int(8 * v / top))] for v in values)


def cache_html(state: Engine | View) -> str:
    """Namespaces, keys, values, and how much virtual time is left."""
    now, rows = state.now_ns, []
    for namespace, database, trigger, key, entry in state._runtime.cache.entries():
        left = "" if entry.expires_ns is None else f"{(entry.expires_ns - now) / 1e9:,.0f} s left"
        owner = f"{database}.{trigger}" if database else (trigger or "")
        rows.append(("", [cell(namespace), cell(owner), cell(key), cell(show_object(entry.value, 400)), cell(left)]))
    columns = ["namespace", "trigger", "key", "value", "expiry"]
    return page(table(columns, rows[:200], len(rows), Room(120_000), "engine.cache") if rows else "the cache is empty")


def logs_html(state: Engine | View, trigger: str, level: str, text: str) -> str:
    """The newest log rows that fit the filters, newest first."""
    signs = {"ERROR": ("pe-bad", "✘ ERROR"), "WARN": ("pe-warn", "⚠ WARN"), "INFO": ("pe-info", "ℹ INFO")}
    found = [
        r
        for r in reversed(state._runtime.logbook)
        if (not trigger or r.trigger_name == trigger) and (not level or r.level == level) and text in r.text
    ]
    rows = [
        (
            signs[r.level][0],
            [cell(signs[r.level][1]), cell(as_text(r.time_ns)), cell(r.trigger_name), cell(r.text, 400)],
        )
        for r in found[:_ROWS]
    ]
    return page(
        table(["level", "time", "trigger", "text"], rows, len(found), Room(100_000), "engine.logs()")
        if rows
        else "no rows"
    )


def runs_pane(state: Engine | View, event: int | None = None) -> str:
    """The newest runs, or those of one event, as the tree of their causes."""
    from pe_kit.notebook.display import runs_html

    runs = [r for r in state._runtime.runs if event is None or r.event.id == event]
    return runs_html(Runs(runs[-_ROWS:])) if runs else page("no runs yet")


def timeline_html(engine: Engine, selected: int) -> str:
    """The newest events as marks in their order; the shape says the kind, so colour is not needed."""
    events = engine.history[-_MARKS:]
    if not events:
        return page("no events yet")
    first, last = events[0].time_ns, max(engine.now_ns, events[-1].time_ns + 1)
    shapes = {"write": "▲", "load": "△", "flush": "▼", "request": "●", "call": "◆", "advance_to": "▶", "step": "▷"}
    failed = {r.event.id for r in engine._runtime.runs if not r.ok}
    marks = []
    for place, e in enumerate(events):
        x = 10 + 960 * place / max(len(events) - 1, 1)
        symbol = shapes.get(e.kind, "■")
        tone = "var(--jp-error-color1,#d32f2f)" if e.id in failed else "currentColor"
        word = f"event {e.id}: {e.kind} at {as_text(e.time_ns)}" + (", with errors" if e.id in failed else "")
        y = 34 if e.id == selected else 24
        mark = "✘" if e.id in failed else symbol
        marks.append(f'<text x="{x:.1f}" y="{y}" fill="{tone}"><title>{escape(word)}</title>{mark}</text>')
    line = '<line x1="10" y1="40" x2="980" y2="40" stroke="currentColor"/>'
    ends = f'<text x="10" y="56">{as_text(first)}</text><text x="980" y="56" text-anchor="end">{as_text(last)}</text>'
    return page(
        f'<svg role="img" aria-label="timeline of {len(events)} events" viewBox="0 0 990 60" style="width:100%;'
        f'color:var(--jp-content-font-color1,currentColor);font-size:12px" fill="currentColor">'
        f"{line}{ends}{''.join(marks)}</svg>"
        '<div class="pe-dim">▲ write △ load ▼ flush ● request ◆ call ▶ advance ■ other ✘ with errors</div>'
    )
