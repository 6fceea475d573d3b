"""``tz``, ``to_timestamp`` and InfluxDB's regular expressions (core/query_functions/src/{tz,to_timestamp,regex}.rs)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pe_kit.errors import QueryError
from pe_kit.store.conversion import debug_type
from pe_kit.store.functions.signatures import display_type, no_arguments, no_match
from pe_kit.store.sqlerrors import plan_error

if TYPE_CHECKING:
    import pyarrow as pa

    from pe_kit.store.functions.rewriter import Rewriter, Scope
    from pe_kit.store.statements import Call

__all__ = ["in_zone", "influx_regex", "is_zone", "to_timestamp", "tz"]

_NS = "Timestamp(Nanosecond, None)"
_OFFSET = re.compile(r"[+-]\d\d(:?[0-5]\d)?")
_SIMPLE_ESCAPES = frozenset(r"0123456789xuUpPdswDSW\.+*?()|[]{}^$#&-~")


def is_zone(name: str) -> bool:
    """Say whether the server knows a time zone: an IANA name or a fixed offset such as ``+05:00``."""
    from zoneinfo import ZoneInfo

    if _OFFSET.fullmatch(name):
        return True
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def in_zone(time: str, zone: str) -> str:
    """Write: this moment, seen in a zone; a time without a zone is UTC."""
    utc = f"arrow_cast({time}, 'Timestamp(Nanosecond, Some(\"UTC\"))')"
    return f"arrow_cast({utc}, 'Timestamp(Nanosecond, Some(\"{zone}\"))')"


def tz(rewriter: Rewriter, call: Call, scope: Scope) -> tuple[str, int]:
    """Rewrite ``tz(time[, zone])``."""
    if not call.args:
        raise no_arguments("tz", "Timestamp(ns)")
    if len(call.args) > 2:
        raise plan_error(f"tz expects 1 or 2 arguments, got {len(call.args)}")
    args, zone = rewriter.arguments(call, scope), "UTC"
    _check_time("tz", rewriter.type_of(args[0], scope), args[0])
    if len(args) == 2:
        zone = _zone(rewriter, call.args[1])
        if not is_zone(zone):
            raise plan_error(
                f'TZ requires a valid timezone string, got "{zone}"', mend="For example 'Europe/Paris' or '+01:00'."
            )
    new = in_zone(args[0], zone)
    rewriter.note(new, call, args, scope)
    return new, call.end


def _check_time(name: str, kind: pa.DataType | None, text: str) -> None:
    import pyarrow.types as t

    times = (t.is_timestamp, t.is_date, t.is_string, t.is_large_string, t.is_string_view, t.is_null, t.is_dictionary)
    if kind is not None and not any(check(kind) for check in times):
        signatures = [[_NS], ['Timestamp(Nanosecond, Some("+TZ"))'], [_NS, "Utf8"]]
        signatures.append(['Timestamp(Nanosecond, Some("+TZ"))', "Utf8"])
        error = no_match(name, [kind], signatures)
        error.mend = f"{text} is {display_type(kind)}; to_timestamp(...) makes a time of it."
        raise error


def _zone(rewriter: Rewriter, argument: tuple[int, int]) -> str:
    i, j = argument
    token = rewriter.statement.tokens[i]
    if j - i == 1 and token.kind == "string":
        value = rewriter.constant(token.text)
        return str(value)
    literal = rewriter.constant(rewriter.statement.text(i, j)) if token.kind != "parameter" else None
    shown = "None"
    if literal is not None and j - i == 1:
        value = literal.as_py()
        shown = f"Some({'NULL' if value is None else f'{debug_type(literal.type)}({value})'})"
    raise plan_error(
        f"tz requires its second argument to be a timezone string, got {shown}",
        mend="The zone has to stand in the statement as text; a parameter or a column cannot give it.",
    )


def to_timestamp(rewriter: Rewriter, call: Call, scope: Scope) -> tuple[str, int] | None:
    """Rewrite ``to_timestamp``: an integer means nanoseconds; text stays DataFusion's."""
    import pyarrow as pa

    if not call.args:
        return None
    i, j = call.args[0]
    if len(call.args) == 1 and j - i == 1 and rewriter.statement.tokens[i].kind == "string":
        return None
    args = rewriter.arguments(call, scope)
    kinds = [rewriter.type_of(arg, scope) for arg in args]
    if None in kinds:
        return None
    first = kinds[0]
    if len(args) == 1 and (first == pa.int64() or pa.types.is_timestamp(first)):
        new = f"arrow_cast({args[0]}, '{_NS}')"
        rewriter.note(new, call, args, scope)
        return new, call.end
    if all(kind == pa.utf8() for kind in kinds):
        return None
    known = [kind for kind in kinds if kind is not None]
    inner = plan_error(
        "to_timestamp supports either 1 argument (being Int64 or Timestamp), or multiple arguments, all of which being"
        f" Utf8. Could not coerce the provided [{', '.join(map(debug_type, known))}] to these types."
    )
    raise plan_error(
        f"Execution error: Function 'to_timestamp' user-defined coercion failed with \"{inner.message}\" No function"
        f" matches the given name and argument types 'to_timestamp({', '.join(map(display_type, known))})'. You might"
        " need to add explicit type casts.\n\tCandidate functions:\n\tto_timestamp(UserDefined)",
        mend="Cast the argument to BIGINT nanoseconds, or to VARCHAR.",
    )


def influx_regex(rewriter: Rewriter, call: Call, scope: Scope) -> tuple[str, int] | None:
    """Rewrite ``influx_regex_match`` and ``influx_regex_not_match``; the pattern has to be one text."""
    matches = "true" if call.name == "influx_regex_match" else "false"
    if len(call.args) != 2:
        if not call.args:
            raise no_arguments(call.name, "Utf8, Utf8")
        kinds = [rewriter.type_of(arg, scope) for arg in rewriter.arguments(call, scope)]
        raise no_match(call.name, kinds, [["Utf8", "Utf8"]])
    args = rewriter.arguments(call, scope)
    pattern = rewriter.constant(f"CAST({args[1]} AS VARCHAR)")
    if pattern is None:
        text = f"regex_match({matches}) with non scalar patterns not yet implemented"
        raise _streaming(plan_error(text, kind="NotImplemented"))
    if pattern.as_py() is None:
        raise _streaming(plan_error("NULL patterns not supported in regex match", kind="NotImplemented"))
    cleaned = clean_escapes(pattern.as_py()).replace("'", "''")
    _compile(rewriter, cleaned)
    text, negation = f"CAST({args[0]} AS VARCHAR)", "" if matches == "true" else "NOT "
    # null stays null: left alone, the optimizer makes a plain IS NOT NULL of some patterns
    new = f"(CASE WHEN {text} IS NOT NULL THEN {negation}regexp_like({text}, '{cleaned}') END)"
    rewriter.note(new, call, args, scope)
    return new, call.end


def _streaming(error: QueryError) -> QueryError:
    error.stage = "streaming"
    return error


def _compile(rewriter: Rewriter, pattern: str) -> None:
    """Let the regular expression be compiled as the server's library compiles it."""
    try:
        tag = "arrow_cast(column1, 'Dictionary(Int32, Utf8)')"  # which the optimizer does not look into
        rewriter.planner.table(f"SELECT regexp_like({tag}, '{pattern}') AS x FROM (VALUES ('a'), ('b'))")
    except QueryError as error:
        reason = error.message.partition("regex parse error:")
        text = f"regex parse error:{reason[2].partition(chr(10) + '~')[0]}" if reason[1] else error.message
        raise _streaming(plan_error(f"error compiling regex pattern: {text}", kind="Internal")) from None


def clean_escapes(pattern: str) -> str:
    """Drop the backslash before characters that need none, which Go allows and Rust does not."""

    def keep(match: re.Match[str]) -> str:
        following = match[1]
        return match[0] if not following or following in _SIMPLE_ESCAPES else following

    return re.sub(r"\\(.|$)", keep, pattern, flags=re.DOTALL)
