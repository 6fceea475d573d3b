"""Outcomes and runs as plain text, for terminals and wherever HTML is not shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pe_kit.clock import as_text
from pe_kit.duration import format_duration
from pe_kit.engine.outcome import Outcome, Run
from pe_kit.engine.records import Response
from pe_kit.notebook.frames import frames
from pe_kit.notebook.tree import Branch, Folded, causes, fold, ran_on
from pe_kit.notebook.visible import count, lasting, visible

__all__ = ["error_lines", "folded_line", "headline", "outcome_text", "response_line", "run_line"]

_LINES = 60
_ERROR_LINES = 30
_DEEP = 24


def outcome_text(outcome: Outcome) -> str:
    """Write an outcome in one line when all went well and at most one run is worth a line, else as a tree."""
    entries = fold(causes(outcome.runs))
    head = f"<Outcome {'ok' if outcome.ok else 'failed'}: {headline(outcome)}>"
    notes = [f"  stopped: {line}" for stop in outcome.stops for line in _lines(str(stop))]
    notes += [f"  note: {line}" for note in outcome.notes for line in _lines(note)]
    if outcome.ok and not notes and len(entries) == 1 and isinstance(entries[0], Branch) and not entries[0].children:
        run = entries[0].run
        parts = [_asked(outcome), f"{visible(run.trigger, 80)}: {run_line(run)}", _when(outcome)]
        return f"<Outcome ok: {' · '.join(parts)}>"
    tree = list(_tree(entries, "  "))
    if len(tree) > _LINES:
        tree = [*tree[:_LINES], f"  … {count(len(tree) - _LINES, 'more line')}: outcome.runs.frame"]
    return "\n".join([head, *notes, *tree])


def error_lines(error: BaseException) -> list[str]:
    """Write an error for a terminal: its name in red, message, caret and mend, no frames."""
    return [f"\x1b[31m{type(error).__name__}\x1b[0m: {visible(str(error), 4000, lines=True)}"]


def headline(outcome: Outcome) -> str:
    """Say in a few words what was asked, what ran, what it gave and when."""
    runs = outcome.runs
    number = len(runs) + outcome.dropped_runs
    parts = [_asked(outcome), count(number, "run") if number else "no trigger ran"]
    failed = sum(not run.ok for run in runs)
    if failed:
        parts.append(f"{failed:,} not ok")
    written = sum(len(run.written) for run in runs)
    if written:
        parts.append(f"{count(written, 'line')} written")
    if outcome.response is not None:
        parts.append(response_line(outcome.response))
    if number:
        parts.append(lasting(sum(run.duration for run in runs)))
    return " · ".join([*parts, _when(outcome)])


def run_line(run: Run) -> str:
    """Say in a few words what a run ran on and what it did."""
    parts = [ran_on(run), lasting(run.duration)]
    for number, noun in (
        (len(run.written), "line"),
        (len(run.query_records), "query/queries"),
        (len(run.cache_records), "cache change"),
    ):
        if number:
            parts.append(count(number, noun) + (" written" if noun == "line" else ""))
    for level in ("ERROR", "WARN"):
        number = sum(row.level == level for row in run.log_rows)
        if number and run.error is None:
            parts.append(f"{number:,} {level} logged")
    if run.attempt > 1:
        parts.append(f"attempt {run.attempt}")
    if run.response is not None:
        parts.append(response_line(run.response))
    if run.error is not None:
        parts.append(type(run.error).__name__)
    if run.rejected:
        parts.append(f"{count(len(run.rejected), 'write-back')} refused")
    return " · ".join(parts)


def folded_line(folded: Folded) -> str:
    """Say what was folded: how many runs of which triggers went how."""
    run = folded.first.run
    names = ", ".join(visible(name, 80) for name in folded.triggers[:6]) + (", ..." if len(folded.triggers) > 6 else "")
    how = "that went the same way" + (", with what they fired" if folded.first.children else "")
    calls = count(folded.number, "more run") + f" {how}"
    if run.empty and run.ok:
        calls = count(folded.number, "call") + " with an empty batch"
    took = lasting(folded.seconds / folded.number) + " each" * (folded.number > 1)
    return f"{'✘' if folded.failed else '✔'} {names}: {calls}, {took}"


def response_line(response: Response) -> str:
    """Say status and size of a response."""
    return f"response {response.status}, {count(len(response.body), 'byte')}"


def _when(outcome: Outcome) -> str:
    start, end = as_text(outcome.started_ns), as_text(outcome.ended_ns)
    return f"at {end}" if start == end else f"{start} → {end}"


def _asked(outcome: Outcome) -> str:
    event = outcome.event
    if event.kind == "advance_to":
        return f"advance {format_duration(outcome.ended_ns - outcome.started_ns)}"
    if event.kind == "request":
        return visible(f"{event.data.get('method', 'POST')} /{str(event.data.get('path', '')).lstrip('/')}", 120)
    named = event.data.get("trigger")
    words = [
        event.kind.replace("_", " "),
        *([str(named), "of"] if named else ["to"] if event.database else []),
        event.database or "",
    ]
    return visible(" ".join(words).rstrip(), 160)


def _tree(entries: Sequence[Branch | Folded], indent: str, depth: int = 0) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, Folded):
            yield indent + folded_line(entry)
            continue
        run = entry.run
        yield f"{indent}{'✔' if run.ok else '✘'} {visible(run.trigger, 80)}: {run_line(run)}"
        if run.error is not None:
            for line in frames(run).lines[-_ERROR_LINES:]:
                yield f"{indent}  {visible(line, 200)}"
        for note in run.notes[:3]:
            yield f"{indent}  note: {visible(note, 300)}"
        for fault in run.faults[:3]:
            yield f"{indent}  injected fault: {visible(fault, 200)}"
        for refused in run.rejected[:3]:
            yield f"{indent}  write-back to {visible(refused.database, 80)} refused: {visible(refused.error, 400)}"
        if entry.children:
            if depth < _DEEP:
                yield from _tree(fold(entry.children), indent + "  ", depth + 1)
            else:
                yield f"{indent}  … {count(len(entry.children), 'run')} deeper and what they fired"


def _lines(text: str) -> list[str]:
    return [visible(line, 300) for line in text.split("\n")[:12]]
