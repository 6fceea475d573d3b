"""``pe-kit backtest``: a file of data through plugins, as time passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pe_kit.engine.engine import Engine
from pe_kit.errors import UsageError

__all__ = ["backtest"]


def backtest(
    data: Annotated[
        str, typer.Argument(help="Parquet, CSV, Arrow or line protocol file (or its URL), folder of Parquet.")
    ],
    trigger: Annotated[
        list[str],
        typer.Option("--trigger", metavar="NAME=SPEC=PATH", help='e.g. "alert=table:cpu=alert.py"; may be repeated'),
    ],
    database: Annotated[str, typer.Option("--database", "-d")] = "backtest",
    table: Annotated[str | None, typer.Option(help="The table, for data that is not line protocol.")] = None,
    tags: Annotated[str, typer.Option(help="Tag columns, comma separated.")] = "",
    plugin_dir: Annotated[Path, typer.Option(help="Where the plugin files are.")] = Path(),
    start: Annotated[
        str | None, typer.Option(help="Virtual time to begin at; not given: where the data begins.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Stop here; time passes up to it.")] = None,
    flush_every: Annotated[str, typer.Option(help="The length of a flush window.")] = "1m",
    arrival: Annotated[str | None, typer.Option(help="The column that says when a row came; not stored.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Send a file of data through plugins and sum up what they did; exit status 1 if a plugin failed."""
    names = [tag for tag in tags.split(",") if tag]
    place = data if "://" in data else Path(data)
    begin = start or _first_time(place, table, names)
    with Engine(start=begin, plugin_dir=plugin_dir) as engine:
        engine.create_database(database)
        for text in trigger:
            name, _, rest = text.partition("=")
            spec, _, path = rest.rpartition("=")
            if not (name and spec and path):
                raise UsageError(f"--trigger {text!r} is not NAME=SPEC=PATH", mend="e.g. alert=table:cpu=alert.py")
            engine.create_trigger(name, db=database, path=path, spec=spec)
        done = engine.backtest(
            place, database, table=table, tags=names, flush_every=flush_every, until=until, arrival=arrival
        )
        if as_json:
            summary: Any = json.loads(done.totals.to_json(orient="records"))
            print(
                json.dumps(
                    {"rows": done.rows, "flushes": done.flushes, "refused": len(done.refused), "triggers": summary}
                )
            )
        else:
            print(done)
        failed = not done.outcome.ok or done.refused
    raise typer.Exit(1 if failed or done.interrupted else 0)


def _first_time(data: Path | str, table: str | None, tags: list[str]) -> int:
    """The time of the first rows of a file, whole second."""
    from pe_kit.backtest.source import source
    from pe_kit.store.store import Store

    for piece in source(data, table).pieces:
        staged = Store(lambda: 0).stage(piece, "look", table=table, tags=tags)
        times = [int(part.times().min()) for rows in staged.tables for part in rows.parts if len(part)]
        if times:
            return min(times) // 1_000_000_000 * 1_000_000_000
    raise UsageError(f"{data} holds no rows", mend="Look at the file.")
