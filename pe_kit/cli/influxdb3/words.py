"""The words and flags of ``influxdb3``, with its defaults (influxdb3/src/commands, influxdb3_commands/src)."""

from __future__ import annotations

import argparse
import os
import re
from typing import Any, NoReturn

from pe_kit.errors import UsageError, near_match
from pe_kit.notebook.options import HelpRequested

__all__ = ["DEFAULT_HOST", "parser"]

DEFAULT_HOST = "http://127.0.0.1:8181"
_NAMED = "INFLUXDB3_DATABASE_NAME"
_UNUSED = ("--plugin-dir", "--virtual-env-location", "--package-manager", "--plugin-repo")


class _Words(argparse.ArgumentParser):
    """Speaks as the kit does: a wrong word raises :class:`UsageError`, ``--help`` raises :class:`HelpRequested`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "add_help": False, **given})
        self.add_argument("-h", "--help", action="store_true", default=argparse.SUPPRESS)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if args and args[0] in ("-h", "--help"):
            raise HelpRequested(self.format_help())
        found, extra = super().parse_known_args(args, namespace)
        if getattr(found, "help", False):
            raise HelpRequested(self.format_help())
        return found, extra

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, extra = self.parse_known_args(args, namespace)
        if extra:
            known = [option for option in found.known if option.startswith("--")]
            mend = near_match(extra[0].partition("=")[0], known) if extra[0].startswith("-") else "Is a quote missing?"
            raise UsageError(f"error: unexpected argument '{extra[0]}' found", mend=mend)
        return found

    def error(self, message: str) -> NoReturn:
        found = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
        if found:
            known = [word.strip(" '") for word in found[2].split(",")]
            raise UsageError(
                f"{self.prog}: {found[1]!r} is no word of it", mend=near_match(found[1], known, what="words")
            )
        raise UsageError(f"{self.prog}: {message}", mend=self.format_usage().strip())


def parser() -> argparse.ArgumentParser:
    """Build the parser; what it reads has ``word``, such as ``create trigger``, and one attribute for each flag."""
    root = _Words(prog="influxdb3", description="The command words of InfluxDB 3 Core.")
    words = root.add_subparsers(metavar="COMMAND", required=True)
    _write(_leaf(words, "write", "Write line protocol.", "w"))
    _query(_leaf(words, "query", "Run a query.", "q"))
    _create(_group(words, "create", "Create databases, tables, caches, triggers."))
    _delete(_group(words, "delete", "Delete what was created."))
    update = _group(words, "update", "Change databases and triggers.")
    command = _leaf(update, "update database", "Change or clear the retention period.")
    command.add_argument("-r", "--retention-period", metavar="DURATION", required=True, help="30d, 24h, or none")
    command = _leaf(update, "update trigger", "Replace the code of a trigger by local files.")
    command.add_argument("-t", "--trigger-name", metavar="NAME", required=True)
    command.add_argument("-p", "--path", required=True, metavar="PATH", help="local file or folder")
    for verb in ("enable", "disable"):
        group = _group(words, verb, f"{verb.capitalize()} a trigger.")
        _leaf(group, f"{verb} trigger", f"{verb.capitalize()} a trigger.").add_argument("name", metavar="NAME")
    _test(_group(words, "test", "Dry-run a plugin: nothing is written."))
    _show(_group(words, "show", "Look at databases, plugins and system tables."))
    install = _leaf(_group(words, "install", "Install Python packages."), "install package",
                    "Install into the plugins' own environment.", database=False)  # fmt: skip
    install.add_argument("packages", metavar="PACKAGE", nargs="*")
    install.add_argument("-r", "--requirements", metavar="FILE")
    for option in (*_UNUSED, "--restrict-plugin-triggers-to"):
        install.add_argument(option, help="accepted, without effect, as on the server")
    return root


def _group(words: Any, name: str, about: str) -> Any:
    made = words.add_parser(name, help=about, description=about)
    return made.add_subparsers(metavar="WHAT", required=True)


def _leaf(words: Any, word: str, about: str, *aliases: str, database: bool = True) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = words.add_parser(
        word.split()[-1], help=about, description=about, aliases=list(aliases)
    )
    made.set_defaults(word=word, known=made._option_string_actions)
    _connection(made, database)
    return made


def _connection(made: argparse.ArgumentParser, database: bool) -> None:
    default = os.environ.get
    made.add_argument("-H", "--host", metavar="URL", help=f"else INFLUXDB3_HOST_URL, else {DEFAULT_HOST}")
    made.add_argument("--token", default=default("INFLUXDB3_AUTH_TOKEN"), help="else INFLUXDB3_AUTH_TOKEN")
    made.add_argument("--tls-ca", metavar="FILE", default=default("INFLUXDB3_TLS_CA"), help="else INFLUXDB3_TLS_CA")
    made.add_argument("--tls-no-verify", action="store_true", default=bool(default("INFLUXDB3_TLS_NO_VERIFY")))
    if database:
        name = default(_NAMED)
        made.add_argument("-d", "--database", metavar="DB", default=name, required=not name, help=f"else {_NAMED}")


def _write(command: argparse.ArgumentParser) -> None:
    command.add_argument("-f", "--file", metavar="FILE", help="read the lines from a file")
    command.add_argument("-p", "--precision", choices=("auto", "ns", "us", "ms", "s"))
    command.add_argument("--accept-partial", action="store_true", help="store the good lines; the server's default")
    command.add_argument("--no-sync", action="store_true", help="do not wait for the WAL flush")
    command.add_argument("lines", metavar="LINE PROTOCOL", nargs="*")


def _query(command: argparse.ArgumentParser) -> None:
    command.add_argument("-l", "--lang", choices=("sql", "influxql"), default="sql")
    _format(command)
    command.add_argument("-o", "--output", metavar="FILE", help="write the result to a file")
    command.add_argument("-f", "--file", metavar="FILE", help="read the query from a file")
    command.add_argument("sql", metavar="QUERY", nargs="*")


def _format(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", choices=("pretty", "json", "jsonl", "csv", "parquet"), default="pretty")


def _list(text: str) -> list[str]:
    return text.split(",")


def _create(words: Any) -> None:
    command = _leaf(words, "create database", "Create a database.", database=False)
    command.add_argument("--retention-period", metavar="DURATION", help="such as 30d")
    _database(command)
    command = _leaf(words, "create table", "Create a table.")
    command.add_argument("--tags", type=_list, action="extend", nargs="+", metavar="TAG,...", default=[])
    command.add_argument("-f", "--fields", type=_list, action="extend", metavar="NAME:TYPE,...", default=[])
    command.add_argument("name", metavar="TABLE")
    command = _leaf(words, "create trigger", "Create a trigger for a plugin.")
    command.add_argument("--path", metavar="PATH", help="of the plugin, below the plugin folder, or gh:PATH")
    command.add_argument("--plugin-filename", metavar="PATH", help="the older name of --path")
    command.add_argument("--trigger-spec", metavar="SPEC", required=True)
    command.add_argument("--trigger-arguments", metavar="K=V,K=V")
    command.add_argument("--disabled", action="store_true")
    command.add_argument("--run-asynchronous", action="store_true")
    command.add_argument("--error-behavior", choices=("log", "retry", "disable"), default="log")
    command.add_argument("--upload", action="store_true", help="--path is local; upload it first")
    command.add_argument("name", metavar="TRIGGER")
    command = _leaf(words, "create token", "Create a token; its text is shown once.", database=False)
    command.add_argument("--admin", action="store_true", required=True, help="all tokens of the Core edition are")
    command.add_argument("--name", help="not given: the operator's token")
    command.add_argument("--expiry", metavar="DURATION", help="such as 90d; with --name")
    command.add_argument("--regenerate", action="store_true", help="replace the operator's token")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command = _leaf(words, "create last_cache", "Create a last-value cache.")
    command.add_argument("-t", "--table", required=True)
    command.add_argument("--key-columns", type=_list, metavar="COLUMN,...")
    command.add_argument("--value-columns", type=_list, metavar="COLUMN,...")
    command.add_argument("--count", type=int, default=1)
    command.add_argument("--ttl", default="4 hours", metavar="DURATION")
    command.add_argument("name", metavar="CACHE", nargs="?")
    command = _leaf(words, "create distinct_cache", "Create a distinct-value cache.")
    command.add_argument("-t", "--table", required=True)
    command.add_argument("--columns", type=_list, metavar="COLUMN,...", required=True)
    command.add_argument("--max-cardinality", type=int, default=100_000, metavar="N")
    command.add_argument("--max-age", default="1d", metavar="DURATION")
    command.add_argument("name", metavar="CACHE", nargs="?")


def _database(command: argparse.ArgumentParser) -> None:
    name = os.environ.get(_NAMED)
    command.add_argument("name", metavar="DB", nargs="?" if name else None, default=name, help=f"else {_NAMED}")


def _delete(words: Any) -> None:
    for what in ("database", "table"):
        command = _leaf(words, f"delete {what}", f"Delete a {what}.", database=what == "table")
        command.add_argument("--hard-delete", metavar="WHEN", help="never, now, default or a time")
        command.add_argument("-y", "--yes", action="store_true", help="do not ask")
        if what == "database":
            _database(command)
        else:
            command.add_argument("name", metavar="TABLE")
    for what in ("last_cache", "distinct_cache"):
        command = _leaf(words, f"delete {what}", f"Delete a {what.replace('_', '-value ')}.")
        command.add_argument("-t", "--table", required=True)
        command.add_argument("name", metavar="CACHE")
    command = _leaf(words, "delete token", "Delete a token.", database=False)
    command.add_argument("--token-name", metavar="NAME", required=True)
    command.add_argument("-y", "--yes", action="store_true", help="do not ask")
    command = _leaf(words, "delete trigger", "Delete a trigger.")
    command.add_argument("--force", action="store_true", help="even when it is enabled")
    command.add_argument("name", metavar="TRIGGER")


def _test(words: Any) -> None:
    wal = _leaf(words, "test wal_plugin", "Call process_writes with lines.")
    wal.add_argument("--lp", metavar="LINE PROTOCOL")
    wal.add_argument("--file", metavar="FILE", help="local file of line protocol")
    schedule = _leaf(words, "test schedule_plugin", "Call process_scheduled_call.")
    schedule.add_argument("--schedule", metavar="CRON", help="six fields, without `cron:`")
    for command in (wal, schedule):
        command.add_argument("--input-arguments", metavar="K=V,K=V")
        command.add_argument("--cache-name", metavar="NAME")
        command.add_argument("filename", metavar="FILENAME")


def _show(words: Any) -> None:
    command = _leaf(words, "show databases", "List databases.", database=False)
    command.add_argument("--show-deleted", action="store_true")
    _format(command)
    _format(_leaf(words, "show plugins", "List the plugin files of triggers.", database=False))
    _format(_leaf(words, "show tokens", "List tokens.", database=False))
    command = _leaf(words, "show retention", "List how long databases keep rows.", database=False)
    command.add_argument("--database", metavar="DB", help="only this one")
    _format(command)
    about = "Look at system tables."
    system = words.add_parser("system", help=about, description=about)
    _connection(system, False)
    system.add_argument("-d", "--database", metavar="DB", default=os.environ.get(_NAMED), help=f"else {_NAMED}")
    tables = system.add_subparsers(metavar="WHAT", required=True)
    for name, about in (("table-list", "List the tables."), ("table", "Show a table."), ("summary", "Show all.")):
        command = tables.add_parser(name, help=about, description=about)
        command.set_defaults(word=f"show system {name}", known=command._option_string_actions)
        _format(command)
        if name == "table":
            command.add_argument("-o", "--order-by", metavar="COLUMN,...")
            command.add_argument("-s", "--select", metavar="COLUMN,...")
            command.add_argument("table", metavar="TABLE")
        if name != "table-list":
            command.add_argument("-l", "--limit", type=int, default=100 if name == "table" else 10, help="0: all")
        command.add_argument("-d", "--database", metavar="DB", default=argparse.SUPPRESS)
