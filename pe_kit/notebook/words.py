"""The words of every magic and of ``%pe``: read by the magics, shown by ``%pe help``, offered by completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_kit.errors import UsageError, near_match
from pe_kit.notebook import fixtures, servers
from pe_kit.notebook.card import Card
from pe_kit.notebook.options import Options, Subcommand, word

if TYPE_CHECKING:
    from argparse import Namespace

    from pe_kit.notebook.magics import Magics

__all__ = ["SUBCOMMANDS", "WORDS"]


def _moment(text: str) -> str | int:
    return int(text) if text.removeprefix("-").isdecimal() else text


WORDS: dict[str, Options] = {
    "plugin": Options(
        "%%plugin",
        "Save the cell as a plugin file; with --trigger also create or replace a trigger.",
        word("file", metavar="FILE.py", help="file below the plugin folder"),
        word("--trigger", metavar="NAME", help="name of the trigger"),
        word(
            "--trigger-spec", metavar="SPEC", help='table:NAME, all_tables, every:10s, "cron:0 0 6 * * *", request:PATH'
        ),
        word("-d", "--database", metavar="DB", help="database of the trigger"),
        word("--trigger-arguments", metavar="K=V,K=V", help="arguments that the plugin gets as args"),
        word("--run-asynchronous", action="store_true", help="calls need not wait for each other"),
        word("--error-behavior", choices=("log", "retry", "disable"), default="log", help="what an error does"),
    ),
    "write": Options(
        "%%write",
        "Write the cell, which is line protocol; the triggers run before the cell ends.",
        word("db", metavar="DB"),
        word("--precision", metavar="P", default="auto", help="auto, s, ms, us or ns"),
        word("--no-sync", action="store_true", help="leave the lines in the WAL buffer until the next flush"),
        word("--load", action="store_true", help="store without firing triggers"),
    ),
    "query": Options(
        "%%query",
        "Run the cell as SQL and give a DataFrame; or in one line: %query DB SELECT ...",
        word("db", metavar="DB"),
        word("-o", dest="output", metavar="NAME", help="keep the DataFrame in this variable, too"),
    ),
    "request": Options(
        "%%request",
        "Send a request to a request trigger; the cell is the body. In one line: %request PATH, without body.",
        word("path", metavar="PATH"),
        word("--method", metavar="M", help="GET or POST"),
        word("--param", metavar="K=V", nargs="+", action="extend", help="query parameters"),
        word("--header", metavar="K=V", nargs="+", action="extend", help="headers"),
    ),
    "advance": Options(
        "%advance",
        "Let virtual time pass; every flush and schedule on the way fires.",
        word("duration", metavar="DURATION", nargs="+", help="such as 10m or 1h 30m"),
    ),
    "step": Options("%step", "Do the next due thing only: one WAL flush or one schedule, and what it causes."),
    "call": Options(
        "%call",
        "Fire a schedule trigger now; the clock does not move.",
        word("trigger", metavar="TRIGGER"),
        word("-d", "--database", metavar="DB", help="needed when several databases have such a trigger"),
        word("--at", metavar="T", type=_moment, help="the scheduled time: 2026-01-01T06:00:00Z, or nanoseconds"),
    ),
    "exercise": Options(
        "%%exercise",
        "Check the cell, a plugin, against an exercise of the lessons.",
        word("number", metavar="NN.M", help="as the lesson says, such as 01.1"),
        word("--hint", action="store_true", help="show the next hint of each check that fails"),
    ),
    "influxdb3": Options(
        "%influxdb3", "The server's own command words, to this engine or with --host to a server; --help lists them."
    ),
}


def _run_inject(magics: Magics, got: Namespace) -> Any:
    if got.site is None:
        return magics.engine.faults
    when = {k: getattr(got, k) for k in ("trigger", "nth", "match", "chance") if getattr(got, k) is not None}
    magics.engine.inject(got.site, got.fault or "", when=when, times=got.times or None)
    return magics.engine.faults


def _run_use(magics: Magics, got: Namespace) -> Card:
    before = magics.variable
    magics.variable = got.variable
    try:
        return Card("good", "using", f"{got.variable}: {magics.engine!r}")
    except Exception:
        magics.variable = before
        raise


def _run_help(magics: Magics, got: Namespace) -> Card:
    if got.word is not None:
        known = {**WORDS, **{name: subcommand.options for name, subcommand in SUBCOMMANDS.items()}}
        options = known.get(got.word.lstrip("%"))
        if options is None:
            raise UsageError(f"there is no magic {got.word!r}", mend=near_match(got.word, known, what="magics"))
        options.read("--help")
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
    "logs": Subcommand(
        Options(
            "%pe logs",
            "The log as a DataFrame, oldest first.",
            word("trigger", metavar="TRIGGER", nargs="?"),
            word("--level", choices=("INFO", "WARN", "ERROR"), type=str.upper),
        ),
        lambda magics, got: magics.engine.logs(trigger=got.trigger, level=got.level),
    ),
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
    "inject": Subcommand(
        Options(
            "%pe inject",
            "Let something go wrong on purpose; without words: the faults that there are.",
            word("site", metavar="SITE", nargs="?", help="query, write_sync, write_back, cache, batch, call, http"),
            word("fault", metavar="FAULT", nargs="?", help="such as error, slow:30s, reject, vanish, twice, jump:1h"),
            word("--trigger", metavar="NAME", help="only in this trigger's calls"),
            word("--nth", metavar="N", type=int, help="only the n-th pass of the site"),
            word("--match", metavar="TEXT", help="only where the SQL, key, database or URL has this text"),
            word("--chance", metavar="P", type=float, help="with this probability, drawn from the engine's seed"),
            word("--times", metavar="N", type=int, default=1, help="how often; 0: every time"),
        ),
        _run_inject,
    ),
    **fixtures.SUBCOMMANDS,
    **servers.SUBCOMMANDS,
    "use": Subcommand(
        Options(
            "%pe use", "Let the magics speak to the Engine in this variable.", word("variable", metavar="VARIABLE")
        ),
        _run_use,
    ),
    "help": Subcommand(
        Options("%pe help", "This table, or what one magic takes.", word("word", metavar="WORD", nargs="?")), _run_help
    ),
}
"""What ``%pe`` knows; a face that is added to the notebook adds its word here."""
