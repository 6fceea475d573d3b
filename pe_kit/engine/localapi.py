"""``influxdb3_local``: the object that plugins call. Exactly nine public names.

Behaviour: ``influxdb3_py_api/src/system_py.rs`` of the emulated server; the class carries its name there, so that
Python's own ``TypeError`` texts for wrong arguments are the server's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_kit.engine.cache import PyCache, typed
from pe_kit.types import LineSource

if TYPE_CHECKING:
    from pe_kit.engine.call import Call

__all__ = ["PyPluginCallApi", "QueryError"]


class QueryError(Exception):
    """A query that failed, as plugins see it. Plugins cannot import it on the server, so not name it in ``except``."""


QueryError.__module__ = "influxdb3_py_api"


def _text(line_builder: LineSource) -> str:
    text = line_builder.build()
    if not isinstance(text, str):
        raise TypeError(f"'{type(text).__name__}' object is not an instance of 'str'")
    return text


class PyPluginCallApi:
    """The plugin's way to the log, the database and the cache."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    def info(self, *args: object) -> None:
        """Log the arguments, joined by spaces, at INFO."""
        self._call.log("INFO", " ".join(map(str, args)))

    def warn(self, *args: object) -> None:
        """Log the arguments, joined by spaces, at WARN."""
        self._call.log("WARN", " ".join(map(str, args)))

    def error(self, *args: object) -> None:
        """Log the arguments, joined by spaces, at ERROR."""
        self._call.log("ERROR", " ".join(map(str, args)))

    def query(
        self, query: str, args: dict[str, str] | None = None, database: str | None = None
    ) -> list[dict[str, Any]]:
        """Run SQL.

        Args:
            query: one SQL statement; parameters are written ``$name``.
            args: parameter name -> string value (values only, never names of tables or columns).
            database: another database than the trigger's.

        Returns:
            One dict a row with every selected column; NULL is None, times are int nanoseconds.

        Raises:
            QueryError: the query failed. TypeError: a parameter is not a string.
            ValueError: a column has a type that the server does not hand to plugins.
        """
        typed("query", query, str)
        if args is not None:
            typed("args", args, dict)
            for key, value in args.items():
                typed("args", key, str)
                typed("args", value, str)
        if database is not None:
            typed("database", database, str)
        return self._call.query(query, args, database)

    def write(self, line_builder: LineSource) -> None:
        """Queue lines for the trigger's database; written after the function has returned without an error."""
        self._call.queue(self._call.database, _text(line_builder))

    def write_to_db(self, db_name: str, line_builder: LineSource) -> None:
        """Queue lines for another database."""
        typed("db_name", db_name, str)
        self._call.queue(db_name, _text(line_builder))

    def write_sync(self, line_builder: LineSource, no_sync: bool) -> None:
        """Write lines at once.

        Args:
            line_builder: anything with ``build()``.
            no_sync: True returns before the WAL flush, False after it.

        Raises:
            Exception: the lines were refused.
        """
        typed("no_sync", no_sync, bool)
        self._call.write_now(self._call.database, _text(line_builder), no_sync)

    def write_sync_to_db(self, db_name: str, line_builder: LineSource, no_sync: bool) -> None:
        """Write lines to another database at once."""
        typed("db_name", db_name, str)
        typed("no_sync", no_sync, bool)
        self._call.write_now(db_name, _text(line_builder), no_sync)

    @property
    def cache(self) -> PyCache:
        """The in-memory cache of this trigger (and, with ``use_global=True``, of the whole engine)."""
        return self._call.cache()
