"""Trigger specifications: ``table:NAME``, ``all_tables``, ``cron:EXPRESSION``, ``every:DURATION``, ``request:PATH``."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import Literal

from pe_kit.duration import format_duration, parse_duration
from pe_kit.engine.cron import WEEKDAYS, CronError, CronExpression
from pe_kit.errors import DurationError, TriggerSpecError, UsageError

__all__ = ["TriggerSpec", "parse_arguments", "parse_spec"]

Kind = Literal["table", "all_tables", "cron", "every", "request"]

_PLUGIN_KINDS = {"table": "wal", "all_tables": "wal", "cron": "schedule", "every": "schedule", "request": "request"}
_PLUGIN_TYPES = {"wal": "WalRows", "schedule": "Schedule", "request": "Request"}
_FUNCTIONS = {"wal": "process_writes", "schedule": "process_scheduled_call", "request": "process_request"}
_FORMS = (
    "expect one of the following forms: 'table:<TABLE_NAME>', 'all_tables', 'cron:<CRON_EXPRESSION>', "
    "'every:<DURATION>', or 'request:<PATH>'"
)
_SHORTHANDS = ["@yearly", "@monthly", "@weekly", "@daily", "@hourly"]
_YEAR = parse_duration("1 year")
_OTHER_WORDS = {
    "schedule": ("every", "cron"),
    "interval": ("every",),
    "http": ("request",),
    "path": ("request",),
    "wal": ("table",),
    "on_write": ("table",),
}


@dataclass(frozen=True, slots=True)
class TriggerSpec:
    """What fires a trigger (influxdb3_catalog, ``TriggerSpecificationDefinition``).

    Attributes:
        kind: the word before the colon.
        value: the table name, cron expression or request path; empty for ``all_tables`` and ``every``.
        every_ns: the duration of ``every``, else 0.
    """

    kind: Kind
    value: str = ""
    every_ns: int = 0

    @property
    def text(self) -> str:
        """The specification as the command line sends it: ``every:90s`` becomes ``every:1m 30s``."""
        if self.kind == "all_tables":
            return self.kind
        return f"{self.kind}:{format_duration(self.every_ns) if self.kind == 'every' else self.value}"

    @property
    def json(self) -> str:
        """The catalog's JSON, as ``system.processing_engine_triggers`` shows it."""
        seconds, nanos = divmod(self.every_ns, 1_000_000_000)
        shape: object = {
            "table": {"single_table_wal_write": {"table_name": self.value}},
            "all_tables": "all_tables_wal_write",
            "cron": {"schedule": {"schedule": self.value}},
            "every": {"every": {"duration": {"secs": seconds, "nanos": nanos}}},
            "request": {"request_path": {"path": self.value}},
        }[self.kind]
        return json.dumps(shape, separators=(",", ":"), ensure_ascii=False)

    @property
    def plugin_kind(self) -> str:
        """What kind of plugin it calls: ``wal``, ``schedule`` or ``request``."""
        return _PLUGIN_KINDS[self.kind]

    @property
    def plugin_type(self) -> str:
        """The server's word for that: ``WalRows``, ``Schedule`` or ``Request``."""
        return _PLUGIN_TYPES[self.plugin_kind]

    @property
    def function(self) -> str:
        """The name of the function that it calls in a plugin."""
        return _FUNCTIONS[self.plugin_kind]

    @property
    def note(self) -> str:
        """What is easily misread in a good specification: weekday numbers. Empty when there is nothing."""
        fields = self.value.split()
        if self.kind != "cron" or len(fields) not in (6, 7) or not re.search(r"(?<!/)\b\d", fields[5]):
            return ""
        return (
            f"Weekday numbers count from 1 = Sunday, so `{fields[5]}` means {_with_names(fields[5], 1)}; "
            "names such as MON-FRI are clearer."
        )

    def __str__(self) -> str:
        return self.text


def parse_spec(text: str) -> TriggerSpec:
    """Read a trigger specification.

    Raises:
        TriggerSpecError: the server refuses it, with its text and what was probably meant; or it is an ``every:`` of
            less than 1 ms, which the server accepts and then panics on.
    """
    if not isinstance(text, str):
        raise UsageError(f"a trigger specification is text, not {type(text).__name__}", mend="For example 'every:10s'.")
    spec = text.strip()
    kind = next((k for k in ("table", "cron", "every", "request") if spec.startswith(f"{k}:")), None)
    if kind is None:
        if spec == "all_tables":
            return TriggerSpec("all_tables")
        raise _error(spec, _FORMS, _near(spec))
    value = spec
    while value.startswith(f"{kind}:"):  # the server strips the prefix as often as it stands there
        value = value[len(kind) + 1 :]
    value = value.strip()
    if kind == "every":
        return TriggerSpec("every", "", _every(spec, value))
    if kind == "cron":
        try:
            CronExpression.parse(value)
        except CronError as error:
            raise _error(spec, "", _mend_cron(value, str(error))) from None
        return TriggerSpec("cron", value)
    if kind == "table":
        if not value:
            raise _error(spec, "table name is empty", "Name the table, `table:cpu`; `all_tables` is every table.")
        return TriggerSpec("table", value)
    if not value:
        raise _error(spec, "", "Name the path, `request:hello`: it answers at /api/v3/engine/hello.")
    return TriggerSpec("request", value)


def parse_arguments(text: str) -> dict[str, str]:
    """Read trigger arguments as the command line does: split at commas, then at the first ``=``.

    Raises:
        UsageError: a piece has no ``=``. So a value can never hold a comma here.
    """
    arguments: dict[str, str] = {}
    for piece in text.split(","):
        key, equals, value = piece.partition("=")
        if not equals:
            mend = f"{piece!r} has no `=`."
            if arguments:
                mend += " A value cannot hold a comma here; give such arguments as a dict to engine.create_trigger."
            raise UsageError('must be formatted as "key=value"', mend=mend)
        arguments[key] = value
    return arguments


def _error(spec: str, context: str, mend: str) -> TriggerSpecError:
    return TriggerSpecError(f"failed to parse trigger from {spec}" + (f": {context}" if context else ""), mend=mend)


def _every(spec: str, value: str) -> int:
    try:
        ns = parse_duration(value)
    except DurationError as error:
        mend = error.mend.replace("did you mean `", "did you mean `every:")
        raise _error(spec, "couldn't parse to duration", mend) from None
    if ns > _YEAR:
        raise _error(
            spec,
            "don't support every schedules of over 1 year",
            "The longest is `every:1y`, 365.25 days (a month, `M`, is 30.44 days); `cron:0 0 0 1 1 *` is once a year.",
        )
    if ns < 1_000_000:
        raise TriggerSpecError(
            f"every schedules of less than 1 ms are refused: {spec}",
            mend="The server accepts this and then divides by zero: its engine panics and no longer starts or stops "
            "triggers. Use `every:1ms` or more, or `all_tables` to run at every flush.",
        )
    return ns


def _near(spec: str) -> str:
    head, colon, rest = spec.partition(":")
    word = head.strip().lower().replace("-", "_")
    rest = rest.strip()
    if word in ("all_tables", "alltables", "all"):
        return "Did you mean `all_tables`?"
    if not colon and (_is_good(f"cron:{spec}") or len(spec.split()) > 4):
        mend = _meant([f"cron:{spec}"]) or _mend_cron(spec, "It is no cron expression")
        return mend.replace("mean `0", "mean `cron:0")
    if not colon and (found := _meant([f"every:{spec}"])):
        return found
    near = _OTHER_WORDS.get(word) or difflib.get_close_matches(word, ["table", "cron", "every", "request"], 1, 0.55)
    if near and (found := _meant([f"{kind}:{rest or 'NAME'}" for kind in near])):
        return found
    if near:
        return f"Did you mean `{near[0]}:...`?"
    return "For example `table:cpu`, `all_tables`, `every:10s`, `cron:0 0 6 * * *` or `request:hello`."


def _meant(candidates: list[str]) -> str:
    return next((f"Did you mean `{text}`?" for text in candidates if _is_good(text)), "")


def _is_good(text: str) -> bool:
    try:
        parse_spec(text)
    except TriggerSpecError:
        return False
    return True


def _mend_cron(expression: str, reason: str) -> str:
    fields = expression.split()
    if not fields:
        return "Give six fields: seconds minutes hours day-of-month month day-of-week, `cron:0 0 6 * * *`."
    if fields[0].startswith("@"):
        word = {"@annually": "@yearly", "@midnight": "@daily"}.get(fields[0].lower(), fields[0].lower())
        close = difflib.get_close_matches(word, _SHORTHANDS, 1)
        question = f"; did you mean `{close[0]}`?" if close else "."
        return "Shorthands are " + ", ".join(_SHORTHANDS) + " and stand alone" + question
    if len(fields) == 5:
        meant = " ".join(["0", *fields[:4], _with_names(fields[4], 0)])
        question = f"; did you mean `{meant}`?" if _is_good(f"cron:{meant}") else "."
        return f"cron has 5 fields, 6 are needed{question} The first field is seconds."
    if len(fields) not in (6, 7):
        return (
            f"cron has {len(fields)} field{'s' * (len(fields) > 1)}, 6 or 7 are needed: "
            "seconds minutes hours day-of-month month day-of-week [year]."
        )
    if re.search(r"(?<![A-Za-z])L|[\dL]W|\dL|#", f"{fields[3]} {fields[5]}"):
        return "L, W and # are not supported; let the function itself check the day of call_time."
    if re.search(r"(?<![\d/])0", fields[5]):
        meant = " ".join([*fields[:5], _with_names(fields[5], 0), *fields[6:]])
        question = f"; did you mean `{meant}`?" if _is_good(f"cron:{meant}") else "."
        return f"Weekday numbers are 1 = Sunday to 7 = Saturday, 0 is none{question}"
    return f"{reason}."


def _with_names(weekdays: str, sunday: int) -> str:
    """Write weekday numbers as names; ``sunday`` is the number of the first one."""
    return re.sub(r"(?<![/\d])\d(?!\d)", lambda m: WEEKDAYS[(int(m[0]) - sunday) % 7], weekdays)
