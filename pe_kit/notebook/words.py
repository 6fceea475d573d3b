"""The words of every magic and of ``%pe``: read by the magics, shown by ``%pe help``, offered by completion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from pe_kit.notebook import fixtures, servers
from pe_kit.notebook.card import Card
from pe_kit.notebook.options import Options

if TYPE_CHECKING:
    from argparse import Namespace

    from pe_kit.notebook.magics import Magics

__all__ = ["SUBCOMMANDS", "WORDS", "Subcommand"]


def _plugin() -> Options:
    words = Options("%%plugin", "Save the cell as a plugin file; with --trigger also create or replace a trigger.")
    words.add_argument("file", metavar="FILE.py", help="file below the plugin folder")
    words.add_argument("--trigger", metavar="NAME", help="name of the trigger")
    words.add_argument(
        "--trigger-spec", metavar="SPEC", help='table:NAME, all_tables, every:10s, "cron:0 0 6 * * *", request:PATH'
    )
    words.add_argument("-d", "--database", metavar="DB", help="database of the trigger")
    words.add_argument("--trigger-arguments", metavar="K=V,K=V", help="arguments that the plugin gets as args")
    words.add_argument("--run-asynchronous", action="store_true", help="calls need not wait for each other")
    words.add_argument(
        "--error-behavior", choices=("log", "retry", "disable"), default="log", help="what an error does"
    )
    return words


def _write() -> Options:
    words = Options("%%write", "Write the cell, which is line protocol; the triggers run before the cell ends.")
    words.add_argument("db", metavar="DB")
    words.add_argument("--precision", metavar="P", default="auto", help="auto, s, ms, us or ns")
    words.add_argument("--no-sync", action="store_true", help="leave the lines in the WAL buffer until the next flush")
    words.add_argument("--load", action="store_true", help="store without firing triggers")
    return words


def _query() -> Options:
    words = Options("%%query", "Run the cell as SQL and give a DataFrame; or in one line: %query DB SELECT ...")
    words.add_argument("db", metavar="DB")
    words.add_argument("-o", dest="output", metavar="NAME", help="keep the DataFrame in this variable, too")
    return words


def _request() -> Options:
    words = Options(
        "%%request",
        "Send a request to a request trigger; the cell is the body. In one line: %request PATH, without body.",
    )
    words.add_argument("path", metavar="PATH")
    words.add_argument("--method", metavar="M", help="GET or POST")
    words.add_argument("--param", metavar="K=V", nargs="+", action="extend", help="query parameters")
    words.add_argument("--header", metavar="K=V", nargs="+", action="extend", help="headers")
    return words


def _advance() -> Options:
    words = Options("%advance", "Let virtual time pass; every flush and schedule on the way fires.")
    words.add_argument("duration", metavar="DURATION", nargs="+", help="such as 10m or 1h 30m")
    return words


def _call() -> Options:
    words = Options("%call", "Fire a schedule trigger now; the clock does not move.")
    words.add_argument("trigger", metavar="TRIGGER")
    words.add_argument("-d", "--database", metavar="DB", help="needed when several databases have such a trigger")
    words.add_argument(
        "--at", metavar="T", help="the scheduled time that the plugin is given, such as 2026-01-01T06:00:00Z"
    )
    return words


def _exercise() -> Options:
    words = Options("%%exercise", "Check the cell, a plugin, against an exercise of the lessons.")
    words.add_argument("number", metavar="NN.M", help="as the lesson says, such as 01.1")
    words.add_argument("--hint", action="store_true", help="show the next hint of each check that fails")
    return words


WORDS: dict[str, Options] = {
    "plugin": _plugin(),
    "write": _write(),
    "query": _query(),
    "request": _request(),
    "advance": _advance(),
    "step": Options("%step", "Do the next due thing only: one WAL flush or one schedule, and what it causes."),
    "call": _call(),
    "exercise": _exercise(),
    "influxdb3": Options(
        "%influxdb3", "The server's own command words, to this engine or with --host to a server; --help lists them."
    ),
}


class Subcommand(NamedTuple):
    """One word after ``%pe``: its own words, and what it does with them."""

    options: Options
    run: Callable[[Magics, Namespace], Any]


def _logs() -> Options:
    words = Options("%pe logs", "The log as a DataFrame, oldest first.")
    words.add_argument("trigger", metavar="TRIGGER", nargs="?")
    words.add_argument("--level", choices=("INFO", "WARN", "ERROR"), type=str.upper)
    return words


def _inject() -> Options:
    words = Options("%pe inject", "Let something go wrong on purpose; without words: the faults that there are.")
    words.add_argument(
        "site", metavar="SITE", nargs="?", help="query, write_sync, write_back, cache, batch, call, http"
    )
    words.add_argument(
        "fault", metavar="FAULT", nargs="?", help="such as error, slow:30s, reject, vanish, twice, jump:1h"
    )
    words.add_argument("--trigger", metavar="NAME", help="only in this trigger's calls")
    words.add_argument("--nth", metavar="N", type=int, help="only the n-th pass of the site")
    words.add_argument("--match", metavar="TEXT", help="only where the SQL, key, database or URL has this text")
    words.add_argument("--chance", metavar="P", type=float, help="with this probability, drawn from the engine's seed")
    words.add_argument("--times", metavar="N", type=int, default=1, help="how often; 0: every time")
    return words


def _run_inject(magics: Magics, got: Namespace) -> Any:
    if got.site is None:
        return magics.engine.faults
    when = {k: getattr(got, k) for k in ("trigger", "nth", "match", "chance") if getattr(got, k) is not None}
    magics.engine.inject(got.site, got.fault or "", when=when, times=got.times or None)
    return magics.engine.faults


def _use() -> Options:
    words = Options("%pe use", "Let the magics speak to the Engine in this variable.")
    words.add_argument("variable", metavar="VARIABLE")
    return words


def _run_use(magics: Magics, got: Namespace) -> Card:
    before = magics.variable
    magics.variable = got.variable
    try:
        return Card("good", "using", f"{got.variable}: {magics.engine!r}")
    except Exception:
        magics.variable = before
        raise


def _run_help(magics: Magics, got: Namespace) -> Card:
    every = [*WORDS.values(), *(subcommand.options for subcommand in SUBCOMMANDS.values())]
    rows = [(options.usage_line, options.description or "") for options in every]
    return Card(
        "info",
        "pe_kit",
        f"the magics; each takes --help. They speak to the variable {magics.variable!r}.",
        rows,
        ("magic", "what it does"),
    )


def _run_workbench(magics: Magics, _: Namespace) -> Any:
    from pe_kit.notebook.workbench import Workbench

    return Workbench(magics.engine, magics.variable)


SUBCOMMANDS: dict[str, Subcommand] = {
    "runs": Subcommand(
        Options("%pe runs", "The newest runs as a DataFrame."), lambda magics, _: magics.engine.runs.frame
    ),
    "cache": Subcommand(
        Options("%pe cache", "The plugin cache as a DataFrame."), lambda magics, _: magics.engine.cache
    ),
    "logs": Subcommand(_logs(), lambda magics, got: magics.engine.logs(trigger=got.trigger, level=got.level)),
    "triggers": Subcommand(
        Options("%pe triggers", "All triggers, their state and what they cost."),
        lambda magics, _: magics.engine.triggers,
    ),
    "plugins": Subcommand(
        Options("%pe plugins", "The plugin files and who uses them."), lambda magics, _: magics.engine.plugins
    ),
    "workbench": Subcommand(
        Options("%pe workbench", "The widget to compose, fire and look with."),
        _run_workbench,
    ),
    "topology": Subcommand(
        Options("%pe topology", "Who feeds whom, as a picture."), lambda magics, _: magics.engine.topology()
    ),
    "inject": Subcommand(_inject(), _run_inject),
    "freeze": Subcommand(fixtures.freeze_words(), fixtures.run_freeze),
    "accept": Subcommand(fixtures.accept_words(), fixtures.run_accept),
    "reject": Subcommand(fixtures.reject_words(), fixtures.run_reject),
    "review": Subcommand(fixtures.review_words(), fixtures.run_review),
    "deploy": Subcommand(servers.deploy_words(), servers.run_deploy),
    "pull": Subcommand(servers.pull_words(), servers.run_pull),
    "use": Subcommand(_use(), _run_use),
    "help": Subcommand(Options("%pe help", "This table."), _run_help),
}
"""What ``%pe`` knows; a face that is added to the notebook adds its word here."""
