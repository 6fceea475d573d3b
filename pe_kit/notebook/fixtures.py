"""Fixtures in a notebook: ``%pe freeze``, ``accept``, ``reject``, ``review``, and reports as coloured tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pe_kit.errors import UsageError, near_match
from pe_kit.fixtures import find, load, pending
from pe_kit.fixtures.changes import Change, Differences
from pe_kit.fixtures.replay import Report
from pe_kit.notebook.card import Card
from pe_kit.notebook.html import Cell, Room, cell, data, mark, page, pre, table
from pe_kit.notebook.options import Options, Subcommand, word
from pe_kit.notebook.visible import count

if TYPE_CHECKING:
    from argparse import Namespace

    from pe_kit.notebook.magics import Magics
    from pe_kit.notebook.workbench import Workbench

__all__ = ["SUBCOMMANDS", "differences_html", "report_html"]

_SIGNS = {"added": ("pe-good", "+"), "removed": ("pe-bad", "−"), "changed": ("pe-warn", "~")}
_ROWS = 200


# -- displays --------------------------------------------------------------------------------


def report_html(report: Report) -> str:
    """Show a replay: its state, its warnings, what differs."""
    word = mark("✔", "ok") if report.ok else mark("✘", "failed")
    title = f"{data(report.name, 100)}{' (empty twin)' if report.twin else ''}"
    if report.differences:
        title += f": {count(len(report.differences), 'difference')}"
    parts = [f'<div class="pe-head {"pe-good" if report.ok else "pe-bad"}">{word} {title}</div>']
    parts += [
        f'<div class="pe-box pe-warn">{mark("⚠", "warning")} {data(str(w), 1000)}</div>' for w in report.warnings[:50]
    ]
    parts.append(_changes(report.differences))
    errors = dict.fromkeys(run.traceback for run in report.played.runs if run.traceback)
    if report.differences:
        parts += [pre(text, 4000) for text in list(errors)[:3]]
    return page("".join(parts))


def differences_html(differences: Differences) -> str:
    """Show differences as a coloured table; a sign and a word say what the colour says."""
    return page(_changes(differences) or f'<div class="pe-head pe-good">{mark("✔", "no difference")}</div>')


def _changes(differences: Differences) -> str:
    if not differences:
        return ""
    rows = [(_SIGNS[change.change][0], _cells(change)) for change in differences[:_ROWS]]
    columns = ("row", "change", "kind", "file", "record", "column", "before", "after")
    return table(columns, rows, len(differences), Room(80_000), ".differences.frame")


def _cells(change: Change) -> list[Cell]:
    record = "" if change.column == "*" else change.key
    said = f"{_SIGNS[change.change][1]} {change.change}"
    values = (None if v is None else v if isinstance(v, str | int | float) else repr(v) for v in change[6:])
    return [
        cell(change.row),
        *(cell(text, 300, short=len(text) < 24) for text in (said, change.kind, change.file, record, change.column)),
        *(cell(value, 300) for value in values),
    ]


# -- %pe --------------------------------------------------------------------------------


def _run_freeze(magics: Magics, got: Namespace) -> Card:
    """Freeze, and say where it is."""
    path = magics.engine.freeze(got.name, last=got.last, to=got.to, as_=got.form)
    rows = [("folder" if path.is_dir() else "file", str(path))]
    if path.is_dir():
        fixture = load(path).fixture
        rows += [("events", str(len(fixture.events)))]
        rows += [("masked", ", ".join(fixture.masked))] if fixture.masked else []
        rows += [("not held", ", ".join(fixture.lost))] if fixture.lost else []
    return Card("good", "frozen", f"{got.name}: replayed from scratch, it reproduces", rows)


def _waiting(folder: str) -> list[Path]:
    return [path for path in find(folder) if pending.is_pending(path)]


def _chosen(which: str, folder: str) -> Path:
    waiting = _waiting(folder)
    names = {path.name: path for path in waiting}
    if which in names:
        return names[which]
    if which.isdigit() and 1 <= int(which) <= len(waiting):
        return waiting[int(which) - 1]
    raise UsageError(f"nothing is pending as {which!r}", mend=near_match(which, names, what="pending fixtures"))


def _run_accept(magics: Magics, got: Namespace) -> Card:
    """Accept, or list what is pending."""
    del magics
    if got.which is None:
        rows = [(str(n), path.name, str(len(load(path).pending))) for n, path in enumerate(_waiting(got.to), 1)]
        return Card("info", "pending", count(len(rows), "fixture"), rows, ("N", "fixture", "differences"))
    path = _chosen(got.which, got.to)
    changes = pending.accept(path, pending.rows_of(got.rows))
    return Card("good", "accepted", f"{count(len(changes), 'difference')} of {path.name}")


def _run_reject(magics: Magics, got: Namespace) -> Card:
    """Reject."""
    del magics
    path = _chosen(got.which, got.to)
    pending.reject(path)
    return Card("good", "rejected", path.name)


def _run_review(magics: Magics, got: Namespace) -> Workbench:
    """Open the workbench where differences are looked through."""
    from pe_kit.notebook.workbench import Workbench

    return Workbench(magics.engine, magics.variable, fixtures=got.to)


SUBCOMMANDS = {
    "freeze": Subcommand(
        Options(
            "%pe freeze",
            "Keep this session, or its newest events, as a fixture.",
            word("name", metavar="NAME"),
            word("--last", metavar="N", type=int, help="only the newest N events that can fire a plugin"),
            word("--to", metavar="DIR", default="fixtures", help="the folder that it goes to"),
            word("--as", dest="form", metavar="FORM", default="fixture", help="pytest, script, curl or commands"),
        ),
        _run_freeze,
    ),
    "accept": Subcommand(
        Options(
            "%pe accept",
            "Take the result of a failed replay as expected; without words: what is pending.",
            word("which", metavar="N|NAME", nargs="?", help="a number of that list, or a fixture's name"),
            word("--rows", metavar="ROWS", help="only these rows of the differences, such as 1,3-5"),
            word("--to", metavar="DIR", default="fixtures", help="the folder of the fixtures"),
        ),
        _run_accept,
    ),
    "reject": Subcommand(
        Options(
            "%pe reject",
            "Throw the result of a failed replay away.",
            word("which", metavar="N|NAME"),
            word("--to", metavar="DIR", default="fixtures", help="the folder of the fixtures"),
        ),
        _run_reject,
    ),
    "review": Subcommand(
        Options(
            "%pe review",
            "The workbench with what is pending, to accept and reject by fixture and row.",
            word("--to", metavar="DIR", default="fixtures", help="the folder of the fixtures"),
        ),
        _run_review,
    ),
}
"""The words of ``%pe`` for fixtures."""
