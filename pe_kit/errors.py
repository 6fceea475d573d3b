"""Every exception that a user of the kit can meet.

Two voices in one object: ``message`` is what the emulated server says, to the letter; ``mend`` is what the kit adds
so that the reader knows what to do. ``str()`` gives both. Errors that the server would answer over HTTP also carry
``status`` and ``body``, so that every door (Python, notebook, HTTP, command line) can speak in its own way.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "CascadeLimitError",
    "ClockError",
    "ConflictError",
    "DatabaseNotFoundError",
    "DurationError",
    "EngineClosedError",
    "EngineOffError",
    "FixtureError",
    "InvalidNameError",
    "LimitError",
    "LineProtocolError",
    "NotFoundError",
    "OutcomeError",
    "PartialWriteError",
    "PeKitError",
    "PluginError",
    "QueryError",
    "RetryLimitError",
    "RunLimitError",
    "ServerError",
    "StorageError",
    "TriggerSpecError",
    "UsageError",
    "json_body",
    "near_match",
]


def near_match(wanted: str, known: Iterable[str], *, what: str = "") -> str:
    """Say which known name was probably meant, or which names there are.

    Args:
        wanted: the name that was not found.
        known: the names that exist.
        what: the plural noun for the list, e.g. ``"tables"``.

    Returns:
        A sentence such as ``Did you mean 'cpu'?``, or an empty string when nothing exists.
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    if not names:
        return f"There are no {what} yet." if what else ""
    shown = ", ".join(repr(n) for n in names[:8]) + (", ..." if len(names) > 8 else "")
    return f"Known {what}: {shown}." if what else f"Known: {shown}."


def json_body(message: str) -> str:
    """Write the JSON with which the server answers an error that it does not answer as plain text."""
    return json.dumps({"error": message}, ensure_ascii=False, separators=(",", ":"))


class PeKitError(Exception):
    """Base of all errors of the kit: what happened, and how to mend it.

    Attributes:
        message: what happened; the server's own words where the server has words for it.
        mend: what to do about it; may be empty.
    """

    def __init__(self, message: str, *, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message}\n{self.mend}" if self.mend else self.message


class UsageError(PeKitError):
    """An argument of the kit's own API makes no sense: a wrong type, a missing name, an unknown option."""


class ClockError(UsageError):
    """A move of virtual time that cannot be honoured, such as a move backwards."""


class DurationError(UsageError):
    """A text that is not a duration as the server spells it (``10s``, ``1h 30m``)."""


class EngineClosedError(UsageError):
    """A call on an engine after ``close()``."""


class FixtureError(PeKitError):
    """A fixture that cannot be read, frozen or accepted; names the file, and the line where there is one."""


class OutcomeError(PeKitError):
    """Raised by ``raise_for_error()`` and ``Outcome.run`` when an outcome is not what was asked for."""


class LimitError(PeKitError):
    """Base of the kit's own stops (:class:`pe_kit.Limits`)."""


class CascadeLimitError(LimitError):
    """Plugins kept firing each other; the text names the cycle. ``cycle`` lists trigger names in order."""

    def __init__(self, message: str, *, mend: str = "", cycle: Sequence[str] = ()) -> None:
        super().__init__(message, mend=mend)
        self.cycle = tuple(cycle)


class RetryLimitError(LimitError):
    """A trigger with ``error_behavior="retry"`` failed as often as ``Limits.retries`` allows."""


class RunLimitError(LimitError):
    """A plugin went over a limit of one run. ``limit`` is its name in :class:`pe_kit.Limits`."""

    def __init__(self, message: str, *, mend: str = "", limit: str = "") -> None:
        super().__init__(message, mend=mend)
        self.limit = limit


class StorageError(PeKitError):
    """A data folder cannot be used: another engine has it, the disk refused, or it is of another version."""


class ServerError(PeKitError):
    """Something that the emulated server refuses.

    Attributes:
        status: the HTTP status that the server answers with.
        body: the exact HTTP body: ``message`` as plain text unless the server answers JSON.
    """

    default_status = 500

    def __init__(self, message: str, *, mend: str = "", status: int | None = None, body: str | None = None) -> None:
        super().__init__(message, mend=mend)
        self.status = self.default_status if status is None else status
        self.body = message if body is None else body


class NotFoundError(ServerError):
    """A trigger, cache or other resource that does not exist (404)."""

    default_status = 404


class DatabaseNotFoundError(NotFoundError):
    """A database that does not exist (404)."""


class ConflictError(ServerError):
    """A name that is taken, or a resource that was deleted (409)."""

    default_status = 409


class InvalidNameError(ServerError):
    """A database, table or column name that the server refuses (400)."""

    default_status = 400


class TriggerSpecError(ServerError):
    """A trigger specification that the server cannot parse; ``mend`` says what was probably meant."""


class PluginError(ServerError):
    """A plugin file that cannot be read or written. ``message`` is the server's text without its prefix."""


class EngineOffError(PluginError):
    """The processing engine is off because no plugin folder is configured."""


class QueryError(ServerError):
    """A query that failed.

    Attributes:
        stage: ``database``, ``planning``, ``executing`` or ``streaming``: it decides the text that a plugin sees.
    """

    default_status = 400

    def __init__(
        self, message: str, *, stage: str, mend: str = "", status: int | None = None, body: str | None = None
    ) -> None:
        super().__init__(message, mend=mend, status=status, body=body)
        self.stage = stage


class LineProtocolError(ServerError):
    """One line that the server refuses; nothing of the write was stored.

    Attributes:
        error_message: the server's text for the line.
        line_number: 1-based, as the server counts (blank and comment lines do not count).
        original_line: the line as the server names it, before it cuts it to 20 bytes.
        text_line: 1-based number of the line in the text that was given, or None for data that was no text.
        line: that line in full. column: 1-based column where the parser stopped, or None.
    """

    default_status = 400

    def __init__(
        self,
        error_message: str,
        *,
        line_number: int,
        original_line: str,
        line: str | None = None,
        text_line: int | None = None,
        column: int | None = None,
        mend: str = "",
    ) -> None:
        self.error_message = error_message
        self.line_number = line_number
        self.original_line = original_line
        self.line = line
        self.text_line = text_line
        self.column = column
        body = json.dumps(
            {"error": "line protocol parsing error", "data": self.as_json()}, ensure_ascii=False, separators=(",", ":")
        )
        super().__init__(f"line protocol parse failed: {error_message}", mend=mend, body=body)

    def as_json(self) -> dict[str, Any]:
        """Give the error as the server's JSON object; ``original_line`` is cut to 20 bytes as there."""
        cut = self.original_line.encode("utf-8", "surrogatepass")[:20].decode("utf-8", "ignore")
        return {"error_message": self.error_message, "line_number": self.line_number, "original_line": cut}

    def where(self) -> str:
        """Say where the error is: line, column, the line itself and a caret under the column."""
        number = self.text_line if self.text_line is not None else self.line_number
        if self.line is None:
            return f"line {number}: {self.error_message}"
        start = 0
        if self.column is not None:
            start = max(0, min(self.column - 40, len(self.line) - 100))
        shown = (
            self.line[start : start + 100].replace("\t", "␉").replace("\r", "␍").replace("\n", "␤").replace("\0", "␀")
        )
        text = (
            f"line {number}"
            + (f", column {self.column}" if self.column is not None else "")
            + f": {self.error_message}"
        )
        text += f"\n  {shown}"
        if self.column is not None:
            text += "\n  " + " " * (self.column - 1 - start) + "^"
        return text

    def __str__(self) -> str:
        return self.where() + (f"\n{self.mend}" if self.mend else "")


class PartialWriteError(ServerError):
    """Some lines were refused (``accept_partial=True``); the good ones are stored.

    Attributes:
        errors: one :class:`LineProtocolError` a refused line, in the order of the lines.
        outcome: the Outcome of the lines that were stored; set by ``Engine.write``.
    """

    default_status = 400
    outcome: Any = None

    def __init__(self, errors: Sequence[LineProtocolError], *, status: int | None = None) -> None:
        self.errors = tuple(errors)
        body = json.dumps(
            {"error": "partial write of line protocol occurred", "data": [e.as_json() for e in self.errors]},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        super().__init__("partial write of line protocol occurred", status=status, body=body)

    def __str__(self) -> str:
        shown = "\n".join(e.where() for e in self.errors[:5])
        more = f"\n... and {len(self.errors) - 5} more refused lines in .errors" if len(self.errors) > 5 else ""
        return f"{self.message}: {len(self.errors)} line(s) refused, the others are stored\n{shown}{more}"
