"""The fixtures pane: what is kept in a folder, what its replay gave, differences to accept or reject."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pe_kit.errors import PeKitError, UsageError
from pe_kit.fixtures import Report, find, load, pending
from pe_kit.notebook.fixtures import differences_html, report_html
from pe_kit.notebook.html import Cell, Room, cell, data, page, table
from pe_kit.notebook.visible import count, visible
from pe_kit.notebook.workbench.looks import button

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["Kept"]

_MOST = 100
_TICKS = 200


def _found(folder: str) -> list[Path]:
    return find(folder) if os.path.isdir(folder) else []


class Kept:
    """The fixtures of ``folder`` and the reports of those that were replayed from here.

    Each verb gives what to show and the line of Python or magic that does the same.
    """

    def __init__(self, engine: Engine, variable: str) -> None:
        self._engine = engine
        self._variable = variable
        self._reports: dict[Path, Report] = {}
        self._open: Path | None = None
        self.folder = "fixtures"

    def choose(self, folder: str) -> None:
        """Look at another folder, at the first of what is pending there."""
        if folder != self.folder or self._open is None:
            self._open = next((path for path in _found(folder) if pending.is_pending(path)), None)
        self.folder = folder

    def freeze(self, name: str, last: str) -> tuple[str, str]:
        """Keep the session, or its newest events, as a fixture."""
        if last.strip() and not last.strip().isdigit():
            raise UsageError(f"last={last!r} is no number of events")
        newest = int(last) if last.strip() else None
        path = self._engine.freeze(name, last=newest, to=self.folder)
        self._open = path
        self._reports.pop(path, None)
        given = f", last={newest}" if newest is not None else ""
        given += f", to={self.folder!r}" if self.folder != "fixtures" else ""
        held = count(len(load(path).fixture.events), "event")
        return page(
            f"✔ frozen: {data(str(path), 300)}, {held}; it reproduces"
        ), f"{self._variable}.freeze({name!r}{given})"

    def replay(self, path: str) -> tuple[str, str]:
        """Do a fixture again with the live plugins."""
        where = Path(path)
        report = load(where).replay(plugin_dir=self._engine.plugin_dir)
        self._reports[where], self._open = report, where
        line = f"load({path!r}).replay(plugin_dir={self._variable}.plugin_dir)"
        shown = report_html(report)
        if report.differences:  # the pane shows them
            shown = page(f"✘ {data(report.name, 100)}: {count(len(report.differences), 'difference')}, see below")
        return shown, f"from pe_kit.fixtures import load\n{line}"

    def show(self, path: str) -> tuple[str, str]:
        """Look at what is pending."""
        self._open = Path(path)
        return "", f"from pe_kit.fixtures import load\nload({path!r}).pending"

    def accept(self, path: str, rows: Collection[str]) -> tuple[str, str]:
        """Take the ticked differences as what is expected."""
        chosen = {int(row) for row in rows}
        if not chosen:
            raise UsageError("no difference is ticked")
        where = Path(path)
        every = {change.row for change in load(where).pending}
        changes = pending.accept(where, None if chosen == every else chosen)
        self._reports.pop(where, None)
        only = "" if chosen == every else f" --rows {','.join(map(str, sorted(chosen)))}"
        said = f"✔ accepted: {count(len(changes), 'difference')} of {data(where.name, 100)}"
        return page(said), f"%pe accept {where.name}{only}{self._to(where)}"

    def reject(self, path: str) -> tuple[str, str]:
        """Throw what is pending away."""
        where = Path(path)
        pending.reject(where)
        self._reports.pop(where, None)
        return page(f"✔ rejected: {data(where.name, 100)} stays as it was"), f"%pe reject {where.name}{self._to(where)}"

    @staticmethod
    def _to(path: Path) -> str:
        folder = path.parent.as_posix()
        return "" if folder == "fixtures" else f" --to {folder}"

    def html(self) -> str:
        """The fixtures of the folder, each with its state and buttons, and the differences of the one that is open."""
        found = _found(self.folder)
        rows = [("", self._row(path)) for path in found[:_MOST]]
        body = (
            table(["fixture", "events", "state", "do"], rows, len(found), Room(80_000), "pe_kit.fixtures.find")
            if rows
            else ""
        )
        if not rows:
            body = f'<div class="pe-dim">no fixtures in {data(self.folder, 200)} yet: freeze this session</div>'
        return page(body) + (self._differences(self._open) if self._open in found else "")

    def _row(self, path: Path) -> list[Cell]:
        acts = button("replay", str(path), "Replay", f"Replay {path.name}")
        try:
            events: Any = len(load(path).fixture.events)
            report = self._reports.get(path)
            if pending.is_pending(path):
                state = f"⚠ pending: {count(len(load(path).pending), 'difference')}"
                acts += " " + button("pending", str(path), "Differences", f"Differences of {path.name}")
            else:
                state = "not replayed here" if report is None else "✔ ok" if report.ok else "✘ failed"
        except PeKitError as error:
            events, state = "", f"✘ {visible(error.message, 300)}"
        return [cell(path.name, 100), cell(events), cell(state, 400), Cell(acts, "pe-short")]

    def _differences(self, path: Path) -> str:
        if not pending.is_pending(path):
            return ""
        try:
            found = load(path).pending
        except PeKitError as error:
            return page(data(error.message, 500))
        lines = {change.row: str(change) for change in reversed(found)}
        ticks = "".join(
            f'<label><input type="checkbox" name="row" value="{row}" data-key="row {row}" checked> row {row}</label>'
            for row in sorted(lines)[:_TICKS]
        )
        more = (
            f'<span class="pe-dim">… {len(lines) - _TICKS} more: pe-kit fixtures accept</span>'
            if len(lines) > _TICKS
            else ""
        )
        acts = button("accept", str(path), "Accept ticked", f"Accept the ticked rows of {path.name}")
        acts += button("reject", str(path), "Reject all", f"Reject what is pending of {path.name}")
        head = f"<div><b>{data(path.name, 100)}</b>: what came instead of what is expected</div>"
        group = f'<div class="pe-bar" role="group" aria-label="differences">{ticks}{more}</div>'
        group += f'<div class="pe-bar">{acts}</div>'
        return page(f'<div data-form="differences">{head}{differences_html(found)}{group}</div>')
