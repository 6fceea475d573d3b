"""``pe-kit demo``: the tour from top to bottom, a report of it, and what each event caused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pe_kit.cli.caused import COLUMNS
from pe_kit.notebook.runner import Played, Step, notebook_path, play, report_html

__all__ = ["demo"]


def demo(
    notebook: Annotated[Path | None, typer.Argument(help="A notebook to run instead of the tour.")] = None,
    to: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = Path("reports/tour.html"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run the tour from top to bottom, write it as an HTML report and show what its events caused."""
    console = Console(stderr=as_json, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=as_json, highlight=False, width=120)
    path = notebook or notebook_path("tour.ipynb")
    with _progress(console) as progress:
        played = play(path, progress)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(report_html(played.notebook, path.stem), encoding="utf-8")
    if as_json:
        failed = played.failure and {
            "cell": played.failure.step.number,
            "error": Text.from_ansi(played.failure.text).plain,
        }
        typer.echo(json.dumps({"report": str(to), "cells": played.cells, "failed": failed, "events": played.caused}))
    else:
        _tell(console, played, to)
    raise typer.Exit(1 if played.failure else 0)


@contextmanager
def _progress(console: Console) -> Iterator[_Show]:
    columns = (BarColumn(), TextColumn("cell {task.completed} of {task.total}"), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bar:
        yield _Show(console, bar)


class _Show:
    """A bar that moves where the output is a terminal, a line for each cell where it is not."""

    def __init__(self, console: Console, bar: Progress) -> None:
        self._console, self._bar = console, bar
        self._task = bar.add_task("", total=None)

    def __call__(self, step: Step) -> None:
        self._bar.update(self._task, completed=step.number, total=step.total, description=step.heading)
        if self._bar.disable:
            self._console.print(f"cell {step.number} of {step.total}: {step.heading}", soft_wrap=True)


def _tell(console: Console, played: Played, to: Path) -> None:
    if played.failure:
        step = played.failure.step
        console.print(f"\nCell {step.number} of {step.total} failed, under {step.heading!r}:\n", style="bold red")
        console.print(Text(played.failure.source), style="dim")
        console.print(Text.from_ansi(played.failure.text))
    else:
        table = Table(title="Events and what each caused", title_justify="left", header_style="bold", box=SIMPLE_HEAD)
        for name, side in COLUMNS.items():
            table.add_column(name, justify="right" if side == "right" else "left", overflow="fold")
        for row in played.caused:
            table.add_row(*(Text(str(row[name])) for name in COLUMNS), style=None if row["ok"] else "red")
        console.print(table)
    console.print(f"Report: {to.resolve()}", soft_wrap=True)
