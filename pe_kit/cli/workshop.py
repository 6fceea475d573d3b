"""``pe-kit workshop``: a folder with the lessons and exercises, and how far a learner has come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pe_kit.errors import UsageError
from pe_kit.workshop import progress
from pe_kit.workshop.copying import lay_out
from pe_kit.workshop.exercises import folders, load

__all__ = ["workshop"]

workshop = typer.Typer(
    help="The lessons and their exercises.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@workshop.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where they go; made if it is not there.")],
    as_json: AsJson = False,
) -> None:
    """Copy the lessons and exercises into DIR. Files there that differ, such as your answers, are left as they are."""
    done = lay_out(folder)
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "written": done.written, "same": done.same, "kept": done.kept}))
        return
    typer.echo(f"{folder}: {len(done.written)} files written, {len(done.same)} were there already")
    for name in done.kept:
        typer.echo(f"not overwritten, as it has been changed: {name}")
    typer.echo(f"Begin with: pe-kit lab --folder {folder}")


@workshop.command()
def status(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder of the notebooks.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Show which exercises are solved, and how many checks, attempts and hints it took."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder", mend="Make it: pe-kit workshop init DIR")
    done = progress.read(folder)
    rows = []
    for number in folders(folder):
        exercise, mine = load(number, folder), done.get(number, progress.Done())
        state = "solved" if mine.solved else "begun" if mine.attempts else "not begun"
        facts = {"checks": len(exercise.checks), "passed": len(mine.passed), "attempts": mine.attempts}
        hints = sum(mine.hints.values())
        rows.append({"exercise": number, "title": exercise.title, "state": state, **facts, "hints": hints})
    solved = sum(row["state"] == "solved" for row in rows)
    if as_json:
        typer.echo(json.dumps({"solved": solved, "exercises": rows}, ensure_ascii=False))
        return
    console = Console(highlight=False)
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, collapse_padding=True)
    for name in ("exercise", "title", "state", "checks", "attempts", "hints"):
        side: Literal["left", "right"] = "left" if name in ("exercise", "title", "state") else "right"
        table.add_column(name, justify=side, no_wrap=name != "title")  # where it is narrow, titles give way
    signs = {"solved": ("✔", "green"), "begun": ("➜", "yellow"), "not begun": ("·", "dim")}
    for row in rows:
        sign, style = signs[str(row["state"])]
        cells = [row["exercise"], row["title"], f"{sign} {row['state']}"]
        cells += [f"{row['passed']} of {row['checks']}", row["attempts"] or "", row["hints"] or ""]
        table.add_row(*(Text(str(text)) for text in cells), style=style)
    console.print(table)
    console.print(f"{solved} of {len(rows)} exercises solved")
