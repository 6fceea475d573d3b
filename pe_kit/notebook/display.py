"""What a notebook shows of outcomes, runs, responses and errors: pure functions from records to HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from pe_kit.clock import as_text
from pe_kit.engine.outcome import Outcome, Run, Runs
from pe_kit.engine.records import CacheChange, LogRow, Response
from pe_kit.errors import LineProtocolError, PartialWriteError, PeKitError
from pe_kit.notebook.frames import frames
from pe_kit.notebook.html import Cell, Room, cell, data, mark, page, pre, section, table
from pe_kit.notebook.text import folded_line, headline, run_line
from pe_kit.notebook.tree import Branch, Folded, causes, fold
from pe_kit.notebook.visible import count, lasting, show_object
from pe_kit.notebook.written import written_tables

__all__ = ["error_html", "log_row", "outcome_html", "response_html", "run_html", "runs_html"]

_TONES = {"ERROR": ("pe-bad", "✘"), "WARN": ("pe-warn", "⚠"), "INFO": ("pe-info", "ℹ")}
_ROWS = 100
_COLUMNS = 20
_DEEP = 24


def outcome_html(outcome: Outcome) -> str:
    """Show an outcome; always under 200 kB."""
    runs = outcome.runs
    parts = [_head(outcome.ok, data(headline(outcome), 600))]
    room = Room(16_000)
    parts.extend(_box("pe-bad", "■ stopped", str(stop), room) for stop in outcome.stops)
    parts.extend(_box("pe-warn", "⚠ note", note, room) for note in outcome.notes)
    if outcome.dropped_runs:
        parts.append(
            _box(
                "pe-warn",
                "⚠ note",
                f"the oldest {count(outcome.dropped_runs, 'run')} are counted but no longer kept",
                room,
            )
        )
    parts.append(_tree(causes(runs), Room(56_000)))
    if outcome.response is not None:
        parts.append(_response(outcome.response))
    parts.append(_written(runs))
    parts.append(_cache([change for run in runs for change in run.cache_records], "outcome.cache"))
    parts.append(_logs([row for run in runs for row in run.log_rows], "outcome.logs"))
    return page("".join(parts))


def run_html(run: Run) -> str:
    """Show one run, without what it caused."""
    title = f"run {run.id} of {data(run.trigger, 80)} on {data(run.database, 80)}"
    parts = [_head(run.ok, title), _tree([Branch(run, [], 0, not run.ok)], Room(56_000))]
    parts.append(_response(run.response) if run.response is not None else "")
    parts.extend([_written([run]), _cache(run.cache_records, "run.cache_changes"), _logs(run.log_rows, "run.logs")])
    return page("".join(parts))


def runs_html(runs: Runs) -> str:
    """Show a sequence of runs as their tree."""
    bad = sum(not run.ok for run in runs)
    title = count(len(runs), "run") + (f", {bad:,} of them not ok" if bad else "")
    return page(_head(not bad, title) + _tree(causes(runs), Room(120_000)))


def response_html(response: Response) -> str:
    """Show what a request plugin answered."""
    return page(_response(response))


def error_html(error: PeKitError) -> str:
    """Show an error of the kit: the message, a caret under the column of a bad line, and the mend."""
    bad: Sequence[LineProtocolError] = error.errors if isinstance(error, PartialWriteError) else ()
    if isinstance(error, LineProtocolError):
        bad = [error]
    message = "line protocol refused" if isinstance(error, LineProtocolError) else error.message
    parts = [f'<div class="pe-head pe-bad">{mark("✘", type(error).__name__)} {data(message, 2000, lines=True)}</div>']
    parts.extend(pre(line.where(), 1500) for line in bad[:5])
    if len(bad) > 5:
        parts.append(f'<div class="pe-dim">… {count(len(bad) - 5, "more refused line")}: error.errors</div>')
    if error.mend:
        parts.append(f'<div class="pe-box pe-info">{data(error.mend, 2000, lines=True)}</div>')
    return page("".join(parts))


def _head(ok: bool, title: str) -> str:
    badge = mark("✔", "ok") if ok else mark("✘", "failed")
    return f'<div class="pe-head {"pe-good" if ok else "pe-bad"}">{badge} {title}</div>'


def _box(tone: str, word: str, text: str, room: Room) -> str:
    symbol, _, name = word.partition(" ")
    html = f'<div class="pe-box {tone}">{mark(symbol, name)} {data(text, 2000, lines=True)}</div>'
    return html if room.take(html) else ""


def _tree(branches: Sequence[Branch], room: Room, depth: int = 0) -> str:
    """Nest what fired what. Runs that failed come to the room first, so that none is missed for want of it."""
    entries = fold(branches)
    shown: dict[int, str] = {}
    for i in sorted(range(len(entries)), key=lambda i: not entries[i].failed):
        entry = entries[i]
        own = (
            f'<div class="pe-leaf pe-dim">{data(folded_line(entry), 400)}</div>'
            if isinstance(entry, Folded)
            else _run(entry.run)
        )
        if not room.take(own):
            continue
        shown[i] = own
        if isinstance(entry, Branch) and entry.children:
            shown[i] += _tree(entry.children, room, depth + 1) if depth < _DEEP else _deeper(len(entry.children))
    lost = len(entries) - len(shown)
    items = [f"<li>{shown[i]}</li>" for i in sorted(shown)]
    if lost:
        items.append(
            f'<li class="pe-dim">… {count(lost, "more entry/more entries")} not shown: outcome.runs.frame</li>'
        )
    return f'<ul class="pe-tree">{"".join(items)}</ul>' if items else ""


def _deeper(children: int) -> str:
    return (
        f'<div class="pe-leaf pe-dim">… {count(children, "run")} deeper and what they fired: outcome.runs.frame</div>'
    )


def _run(run: Run) -> str:
    """Show one run in a line; what went wrong and what it asked the database can be folded out."""
    symbol = "✔" if run.ok else "✘"
    line = (
        f'<span role="img" aria-label="{"ok" if run.ok else "failed"}">{symbol}</span> <b>{data(run.trigger, 80)}</b>'
    )
    line += f" · {data(run_line(run), 400)}"
    inner = _details(run)
    if not inner:
        return f'<div class="pe-leaf">{line}</div>'
    return f"<details{'' if run.ok else ' open'}><summary>{line}</summary>{inner}</details>"


def _details(run: Run) -> str:
    room = Room(24_000)
    parts: list[str] = []
    if run.error is not None:
        lines, marked = frames(run)
        parts.append(pre("\n".join(lines), 3000, marked))
    if run.printed:
        parts.append(f'<div class="pe-dim">printed</div>{pre(run.printed, 1000)}')
    parts.extend(_box("pe-warn", "⚠ note", text, room) for text in run.notes[:3])
    refused = [f"write-back to {r.database} refused, all its lines are lost: {r.error}" for r in run.rejected]
    parts.extend(_box("pe-bad", "✘ refused", text, room) for text in refused[:3])
    parts.extend(_box("pe-warn", "⚠ fault injected", text, room) for text in run.faults[:3])
    if run.query_records:
        rows = [
            (
                "pe-bad" if q.error else "",
                [
                    cell(q.sql.strip(), 400, lines=True),
                    cell(q.error or f"{q.rows:,}", 400, lines=True),
                    cell(lasting(q.seconds)),
                ],
            )
            for q in run.query_records[:5]
        ]
        parts.append(table(["query", "rows", "took"], rows, len(run.query_records), room, "run.queries"))
    return "".join(parts)


def _response(response: Response) -> str:
    body = response.text
    if "json" in response.headers.get("Content-Type", response.headers.get("content-type", "")).lower():
        try:
            body = json.dumps(response.json(), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            body = response.text
    bad = response.status >= 400
    badge = mark("✘" if bad else "✔", f"response {response.status}")
    names = list(response.headers.items())
    headers = " · ".join(data(f"{key}: {value}", 120) for key, value in names[:8])
    more = f" · {len(names) - 8} more" if len(names) > 8 else ""
    inner = f'<div class="pe-dim">{headers}{more}</div>' + (
        pre(body, 3000) if body else '<div class="pe-dim">no body</div>'
    )
    return f'<div class="{"pe-bad" if bad else "pe-good"}">{section(badge, inner)}</div>'


def _written(runs: Iterable[Run]) -> str:
    """Show the first rows that were written, a table for each table."""
    runs = list(runs)
    total = sum(len(run.written) for run in runs)
    room = Room(44_000)
    parts: list[str] = []
    shown = 0
    for written in written_tables(runs, _ROWS):
        columns = written.columns
        if len(columns) > _COLUMNS:
            columns = [*columns[: _COLUMNS - 1], "time"]
        rows = [("", [cell(row.get(name), short=name == "time") for name in columns]) for row in written.rows]
        caption = f"{data(written.table, 80)} in {data(written.database, 80)}"
        if len(columns) < len(written.columns):
            caption += f", {count(len(written.columns) - len(columns), 'more column')} not shown"
        parts.append(table(columns, rows, len(rows), room, "outcome.writes", caption))
        shown += len(rows)
    rest = (
        f'<div class="pe-dim">… {count(total - shown, "more line")} not shown: outcome.writes</div>'
        if total > shown
        else ""
    )
    return section(f"Written: {count(total, 'line')}", "".join(parts) + rest)


def _cache(changes: Sequence[CacheChange], where: str) -> str:
    def rows() -> Iterator[tuple[str, list[Cell]]]:
        for change in islice(changes, _ROWS):
            before, after = (cell("—" if v is None else show_object(v), 400) for v in (change.before, change.after))
            yield "", [cell(change.run), cell(change.namespace, 80), cell(change.key), before, after]

    if not changes:
        return ""
    body = table(["run", "namespace", "key", "before", "after"], rows(), len(changes), Room(22_000), where)
    return section(f"Cache: {count(len(changes), 'change')}", body)


def log_row(row: LogRow) -> tuple[str, list[Cell]]:
    """Make the row of a table: level, time, trigger, text."""
    tone, symbol = _TONES.get(row.level, ("", ""))
    short = (cell(t, 40, short=True) for t in (f"{symbol} {row.level}", as_text(row.time_ns), row.trigger_name))
    return tone, [*short, cell(row.text, 500, lines=True)]


def _logs(logs: Sequence[LogRow], where: str) -> str:
    if not logs:
        return ""
    levels = ", ".join(
        f"{n:,} {level}" for level in ("ERROR", "WARN") if (n := sum(row.level == level for row in logs))
    )
    rows = map(log_row, islice(logs, _ROWS))
    body = table(["level", "time", "trigger", "text"], rows, len(logs), Room(36_000), where)
    return section(
        f"Logs: {count(len(logs), 'row')}{f' ({levels})' if levels else ''}", body, shut=not levels and len(logs) > 12
    )
