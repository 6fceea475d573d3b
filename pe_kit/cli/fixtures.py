"""``pe-kit fixtures``: replay recorded sessions, accept what changed, shrink, verify against a server."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from pe_kit.errors import FixtureError, PeKitError, UsageError, near_match
from pe_kit.fixtures import find, load, pending
from pe_kit.fixtures.files import write_folder
from pe_kit.fixtures.format import as_files
from pe_kit.fixtures.playing import live_sources
from pe_kit.fixtures.settings import settings

__all__ = ["fixtures"]

fixtures = typer.Typer(
    help="Replay recorded sessions, accept what changed, shrink, verify against a server.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Folder = Annotated[Path | None, typer.Option("--dir", help="Where the fixtures are; default: [tool.pe_kit] fixtures.")]
PluginDir = Annotated[
    Path | None, typer.Option("--plugin-dir", help="Where the live plugins are; default: [tool.pe_kit] plugin_dir.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

_DASK_PATIENCE = 10  # seconds


class _Checked(NamedTuple):
    """The result of one replay, small enough to pass between processes."""

    name: str
    ok: bool
    differences: int
    warnings: list[str]
    text: str


@fixtures.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="Where the fixtures are.")] = None,
    plugin_dir: PluginDir = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are failures.")] = False,
    empty_twin: Annotated[bool, typer.Option("--empty-twin", help="Replay on a database with no history.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="How many processes.")] = 1,
    dask: Annotated[
        str | None,
        typer.Option(help="A Dask scheduler, tcp://HOST:PORT, whose workers replay; they see the same folders."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay all fixtures: exit status 0 when all are well, 1 when one differs, 2 when one cannot be read."""
    paths = find(_folder(folder))
    if not paths:
        raise UsageError(f"there are no fixtures in {_folder(folder)}", mend="Freeze one: engine.freeze('name').")
    live = _plugin_dir(plugin_dir)
    console = _console(as_json)
    work = partial(_check, plugin_dir=live and live.absolute(), strict=strict, empty_twin=empty_twin)
    done: list[_Checked] = []
    with _pool(workers, dask) as (pool, share), _progress(console, "replaying", len(paths)) as advance:
        for result in map(work, paths) if pool is None else _each(work, paths, pool, share):
            done.append(result)
            advance(result.name)
            if not as_json and (not result.ok or result.warnings):
                console.print(Text(result.text), style=None if result.ok else "red", soft_wrap=True)
    done.sort(key=lambda result: result.name)
    failed = [r for r in done if not r.ok]
    if as_json:
        typer.echo(json.dumps({"ok": not failed, "fixtures": [r._asdict() for r in done]}, ensure_ascii=False))
    else:
        warned = sum(bool(r.warnings) for r in done)
        well = len(done) - len(failed)
        console.print(f"{len(done)} fixtures: {well} ok, {len(failed)} failed, {warned} with warnings")
    raise typer.Exit(2 if any(r.differences < 0 for r in done) else 1 if failed else 0)


def _check(path: Path, plugin_dir: Path | None, strict: bool, empty_twin: bool) -> _Checked:
    try:
        report = load(path).replay(plugin_dir, strict=strict, empty_twin=empty_twin)
    except PeKitError as error:
        return _Checked(path.name, False, -1, [], f"{path.name}: cannot be replayed: {error}")
    warnings = [str(warning) for warning in report.warnings]
    return _Checked(report.name, report.ok, len(report.differences), warnings, report.text())


@contextmanager
def _pool(workers: int, dask: str | None) -> Iterator[tuple[Executor | None, int]]:
    """Give what replays elsewhere, if anything does, and how many can at a time."""
    if dask is not None:
        try:
            from dask.distributed import Client
        except ModuleNotFoundError as error:
            raise UsageError(f"--dask needs {error.name}", mend="pip install 'pe-kit[dask]'") from None
        try:
            client = Client(dask, timeout=_DASK_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"no Dask scheduler at {dask}: {error}", mend="For example tcp://127.0.0.1:8786."
            ) from None
        with client:
            yield client.get_executor(), max(sum(client.ncores().values()), 1)
    elif workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield pool, workers
    else:
        yield None, 1


def _each(work: Callable[[Path], _Checked], paths: Sequence[Path], pool: Executor, share: int) -> Iterator[_Checked]:
    number = min(share * 8, len(paths))
    chunks = [[path.absolute() for path in paths[i::number]] for i in range(number)]
    for future in as_completed([pool.submit(_several, work, chunk) for chunk in chunks]):
        yield from future.result()


def _several(work: Callable[[Path], _Checked], paths: Sequence[Path]) -> list[_Checked]:
    return [work(path) for path in paths]


@fixtures.command()
def accept(
    names: Annotated[list[str] | None, typer.Argument(help="Fixtures; none: all that are pending.")] = None,
    rows: Annotated[str | None, typer.Option(help="Rows of the differences, such as 1,3-5.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this kind: create, fix, trim or update.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Take the results of failed replays as what is expected from now on. In CI nothing is accepted."""
    pending.refuse_in_ci()
    said = []
    for path in _pending(names, folder, rows):
        changes = pending.accept(path, pending.rows_of(rows), tuple(only) if only else pending.KINDS)
        said.append({"name": path.name, "accepted": len(changes), "kinds": sorted({c.kind for c in changes})})
    _tell(said, as_json, "accepted differences of {name}: {accepted}")


@fixtures.command()
def reject(
    names: Annotated[list[str] | None, typer.Argument(help="Fixtures; none: all that are pending.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Throw the results of failed replays away."""
    paths = _pending(names, folder, None)
    for path in paths:
        pending.reject(path)
    _tell([{"name": path.name} for path in paths], as_json, "rejected what was pending of {name}")


@fixtures.command()
def shrink(
    name: Annotated[str, typer.Argument(help="The fixture.")],
    keep: Annotated[
        str | None,
        typer.Option(help="What must stay: writes, logs, cache, runs, response, a warning's name, or an expression."),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Also keep the result, as a fixture of this name beside it.")] = None,
    plugin_dir: PluginDir = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Find the smallest recording with the same failure and print it as a cell. Ctrl-C ends with the best so far."""
    from pe_kit.fixtures.shrink import keeper
    from pe_kit.fixtures.shrink import shrink as search

    path = _named(name, folder)
    fixture = load(path).fixture
    live = live_sources(fixture, _plugin_dir(plugin_dir))
    check = keeper(fixture, live, keep)
    console = _console(as_json=True)  # the cell alone goes to the standard output
    with _progress(console, "shrinking", None) as advance:
        found = search(
            fixture, live, check, lambda tries, lines, events: advance(f"{lines} lines, {events} events left")
        )
    if to is not None:
        write_folder(path.parent / to, as_files(found.fixture), replaces="fixture.toml")
    facts = {"lines_before": found.lines_before, "lines": found.lines, "tries": found.tries}
    if as_json:
        typer.echo(json.dumps({**facts, "interrupted": found.interrupted, "cell": found.cell}, ensure_ascii=False))
        return
    console.print("{lines_before} lines came down to {lines} in {tries} tries".format(**facts))
    typer.echo(found.cell)


@fixtures.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Fixtures; none: all.")] = None,
    host: Annotated[str, typer.Option(help="The server's URL.")] = "http://127.0.0.1:8181",
    token: Annotated[str | None, typer.Option(envvar="INFLUXDB3_AUTH_TOKEN", help="Its token.")] = None,
    through_triggers: Annotated[
        bool, typer.Option("--live", help="Through real triggers, in scratch databases that are deleted afterwards.")
    ] = False,
    plugin_dir: PluginDir = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Play fixtures against a server's plugin_test endpoints and show what differs from the simulated result."""
    from pe_kit.fixtures import verify as dry
    from pe_kit.fixtures.live import live as play_live

    against = play_live if through_triggers else dry.verify
    paths = [_named(name, folder) for name in names] if names else find(_folder(folder))
    ask, live, results = dry.server(host, token), _plugin_dir(plugin_dir), []
    console = _console(as_json)
    with _progress(console, "verifying", len(paths)) as advance:
        for path in paths:
            fixture = load(path).fixture
            results.append(against(fixture, live_sources(fixture, live), ask))
            advance(path.name)
            if not as_json:
                console.print(Text(results[-1].text()), soft_wrap=True)
    failed = [r for r in results if r.differences]
    if as_json:
        rows = [{"name": r.name, "ok": r.ok, "tested": r.tested, "text": r.text()} for r in results]
        typer.echo(json.dumps({"ok": not failed, "fixtures": rows}, ensure_ascii=False))
    else:
        well, idle = sum(r.ok for r in results), sum(not r.tested for r in results)
        console.print(f"{len(results)} fixtures: {well} ok, {len(failed)} differ, {idle} could not be tested")
    raise typer.Exit(1 if failed else 0)


# -- what the commands have in common --------------------------------------------------------------------------------


def _folder(given: Path | None) -> Path:
    folder = given or settings(Path.cwd()).fixtures or Path("fixtures")
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", mend="Name it, or set fixtures in [tool.pe_kit].")
    return folder


def _plugin_dir(given: Path | None) -> Path | None:
    return given or settings(Path.cwd()).plugin_dir


def _named(name: str, folder: Path | None) -> Path:
    if (Path(name) / "fixture.toml").is_file():
        return Path(name)
    known = {path.name: path for path in find(_folder(folder))}
    if name not in known:
        raise FixtureError(f"there is no fixture {name!r}", mend=near_match(name, known, what="fixtures"))
    return known[name]


def _pending(names: list[str] | None, folder: Path | None, rows: str | None) -> list[Path]:
    paths = [_named(n, folder) for n in names] if names else [p for p in find(_folder(folder)) if pending.is_pending(p)]
    if rows is not None and len(paths) != 1:
        raise UsageError(f"--rows needs one fixture, these are {len(paths)}", mend="Name it.")
    if not paths:
        raise UsageError("nothing is pending", mend="A replay that fails leaves its result: pe-kit fixtures check.")
    return paths


def _tell(rows: Sequence[dict[str, Any]], as_json: bool, words: str) -> None:
    if as_json:
        typer.echo(json.dumps({"fixtures": rows}, ensure_ascii=False))
    for row in () if as_json else rows:
        typer.echo(words.format(**row))


def _console(as_json: bool) -> Console:
    console = Console(stderr=as_json, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=as_json, highlight=False, width=int(os.environ.get("COLUMNS", 160)))


@contextmanager
def _progress(console: Console, what: str, total: int | None) -> Iterator[Callable[[str], None]]:
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda text: bar.update(task, advance=1, description=text)
