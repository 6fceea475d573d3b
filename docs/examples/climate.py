"""Watches rooms: alerts when a value leaves its range, reports every hour, answers questions over HTTP.

One file, three triggers:

* ``table:home`` (or ``all_tables``): each new value is corrected by the room's calibration and compared with its
  range; an alert for a room and a field is raised once in a while only (``cooldown``).
* ``every:1h``: one report a room, computed in SQL, goes to another database.
* ``request:climate``: ``POST {"room": ..., "offset": ...}`` sets a calibration, ``GET ?room=...&least=...`` lists
  the newest alerts from a value on.

Trigger arguments (text): ``tables``; ``temp``, ``hum`` and ``co`` (ranges such as ``18:26``); ``cooldown`` (seconds);
``idle`` (seconds after which a silent room is forgotten); ``report_db``; ``window`` (minutes); ``strict`` (``true``
fails on values that are no numbers).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from pe_kit import LineBuilder
    from pe_kit.types import LocalApi, TableBatch

DEFAULT_RANGES = {"temp": "16:28", "hum": "20:70", "co": ":9"}
LEVELS = (("alarm", 0.25), ("warning", 0.0))
CALIBRATION = "climate/calibration"


# -- settings -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Range:
    """What a value may be; None leaves a side open."""

    low: float | None = None
    high: float | None = None

    @classmethod
    def parse(cls, name: str, text: str) -> Range:
        """Read ``low:high``; either side may be empty."""
        low, colon, high = text.partition(":")
        if not colon:
            raise ValueError(f"argument {name!r}: write a range as low:high, not {text!r}")
        try:
            made = cls(float(low) if low else None, float(high) if high else None)
        except ValueError:
            raise ValueError(f"argument {name!r}: {text!r} is no range of numbers") from None
        if made.low is not None and made.high is not None and made.low > made.high:
            raise ValueError(f"argument {name!r}: {text!r} is upside down")
        return made

    def excess(self, value: float) -> float:
        """How far a value lies outside, as a share of the range's width; 0 inside."""
        low, high = self.low, self.high
        width = high - low if low is not None and high is not None else abs(high or low or 0)
        if high is not None and value > high:
            return (value - high) / (width or 1)
        if low is not None and value < low:
            return (low - value) / (width or 1)
        return 0.0


@dataclass(frozen=True)
class Settings:
    """The trigger's arguments, read and checked."""

    tables: frozenset[str] = frozenset({"home"})
    ranges: dict[str, Range] = field(default_factory=dict)
    cooldown: float = 300.0
    idle: float = 3600.0
    report_db: str = "reports"
    window: int = 60
    strict: bool = False

    @classmethod
    def parse(cls, args: dict[str, str] | None) -> Settings:
        """Read the arguments; a ValueError names the one that is wrong."""
        given = dict(args or {})
        ranges = {name: Range.parse(name, given.pop(name, text)) for name, text in DEFAULT_RANGES.items()}
        made = cls(
            tables=frozenset(part.strip() for part in given.pop("tables", "home").split(",") if part.strip()),
            ranges=ranges,
            cooldown=_number("cooldown", given.pop("cooldown", "300")),
            idle=_number("idle", given.pop("idle", "3600")),
            report_db=given.pop("report_db", "reports"),
            window=int(_number("window", given.pop("window", "60"))),
            strict=given.pop("strict", "false").lower() == "true",
        )
        if given:
            raise ValueError(f"unknown arguments: {', '.join(sorted(given))}")
        return made


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"argument {name!r}: {text!r} is no number") from None
    if value < 0:
        raise ValueError(f"argument {name!r}: {text!r} is negative")
    return value


# -- new values -----------------------------------------------------------------------------------------------------


def process_writes(
    influxdb3_local: LocalApi, table_batches: list[TableBatch], args: dict[str, str] | None = None
) -> None:
    """Compare each new value with its range."""
    settings = Settings.parse(args)
    rows = alerts = 0
    for batch in table_batches:
        if batch["table_name"] not in settings.tables:
            continue
        for row in batch["rows"]:
            rows += 1
            alerts += _watch(influxdb3_local, row, settings)
    if rows:
        influxdb3_local.info("rows:", rows, "alerts:", alerts)


def _watch(influxdb3_local: LocalApi, row: dict[str, Any], settings: Settings) -> int:
    room = str(row.get("room", "unknown"))
    alerts = 0
    for name, allowed in settings.ranges.items():
        if name not in row:
            continue
        value = row[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            _refuse(influxdb3_local, room, name, value, settings)
            continue
        corrected = value + (_offset(influxdb3_local, room) if name == "temp" else 0.0)
        _remember(influxdb3_local, room, name, corrected, settings)
        level = _level(allowed.excess(corrected))
        if level and _first_in_a_while(influxdb3_local, room, name, level, settings):
            _alert(influxdb3_local, room, name, corrected, level, row["time"])
            alerts += 1
    return alerts


def _refuse(influxdb3_local: LocalApi, room: str, name: str, value: Any, settings: Settings) -> None:
    """A value that is no number: leave a trace; in strict mode the batch fails."""
    influxdb3_local.warn(f"{room}: {name}={value!r} is no number")
    if not settings.strict:
        return
    trace = LineBuilder("climate_audit").tag("field", name).string_field("value", str(value)).string_field("room", room)
    influxdb3_local.write_sync(trace, no_sync=True)
    raise ValueError(f"{room}: {name}={value!r} is no number")


def _level(excess: float) -> str:
    """The name of the highest level that an excess reaches; empty inside the range."""
    return next((level for level, least in LEVELS if excess > least), "")


def _offset(influxdb3_local: LocalApi, room: str) -> float:
    """The room's calibration, which the request trigger keeps for all triggers."""
    calibration = influxdb3_local.cache.get(CALIBRATION, {}, use_global=True)
    return float(calibration.get(room, 0.0))


def _remember(influxdb3_local: LocalApi, room: str, name: str, value: float, settings: Settings) -> None:
    """Keep count, sum and extremes of a room's field until it has been silent for a while."""
    key = f"climate/seen/{room}/{name}"
    seen = influxdb3_local.cache.get(key) or {"count": 0, "total": 0.0, "low": value, "high": value}
    seen = {
        "count": seen["count"] + 1,
        "total": seen["total"] + value,
        "low": min(seen["low"], value),
        "high": max(seen["high"], value),
    }
    influxdb3_local.cache.put(key, seen, ttl=settings.idle)


def _first_in_a_while(influxdb3_local: LocalApi, room: str, name: str, level: str, settings: Settings) -> bool:
    """True for the first alert of its level within the cooldown."""
    key = f"climate/alerted/{room}/{name}"
    if influxdb3_local.cache.get(key) == level:
        return False
    influxdb3_local.cache.put(key, level, ttl=settings.cooldown)
    return True


def _alert(influxdb3_local: LocalApi, room: str, name: str, value: float, level: str, time: int) -> None:
    line = LineBuilder("climate_alerts").tag("room", room).tag("field", name).tag("level", level)
    influxdb3_local.write(line.float64_field("value", value).time_ns(time))


# -- reports --------------------------------------------------------------------------------------------------------

REPORT = """
SELECT room, count(temp) AS n, avg(temp) AS mean, min(temp) AS low, max(temp) AS high
FROM home
WHERE time >= to_timestamp_nanos(CAST($since AS BIGINT)) AND time < to_timestamp_nanos(CAST($until AS BIGINT))
GROUP BY room ORDER BY room
"""


def process_scheduled_call(influxdb3_local: LocalApi, call_time: datetime, args: dict[str, str] | None = None) -> None:
    """Report on the hour that has passed."""
    settings = Settings.parse(args)
    until = int(call_time.replace(tzinfo=UTC).timestamp()) * 1_000_000_000
    since = until - settings.window * 60_000_000_000
    try:
        rows = influxdb3_local.query(REPORT, args={"since": str(since), "until": str(until)})
    except TypeError:
        raise  # a mistake in this file, not in the data
    except Exception as error:  # no table yet: nothing to report
        influxdb3_local.warn("no report:", error)
        return
    lost = sum(not _report(influxdb3_local, row, until, settings) for row in rows)
    influxdb3_local.info("rooms:", len(rows), "lost:", lost)


def _report(influxdb3_local: LocalApi, row: dict[str, Any], until: int, settings: Settings) -> bool:
    """Write one room's report; False when the other database does not take it."""
    line = LineBuilder("climate_report").tag("room", row["room"] or "unknown").int64_field("n", row["n"])
    for name in ("mean", "low", "high"):
        if row[name] is not None:
            line.float64_field(name, row[name])
    try:
        influxdb3_local.write_sync_to_db(settings.report_db, line.time_ns(until), no_sync=True)
    except Exception as error:
        influxdb3_local.error("report lost:", error)
        return False
    return True


# -- questions ------------------------------------------------------------------------------------------------------

ALERTS = """
SELECT time, room, field, level, value FROM climate_alerts
WHERE room = $room AND value >= CAST($least AS DOUBLE) ORDER BY time DESC LIMIT 100
"""


def process_request(
    influxdb3_local: LocalApi,
    query_parameters: dict[str, str],
    request_headers: dict[str, str],
    request_body: bytes,
    args: dict[str, str] | None = None,
) -> tuple[Any, int]:
    """Set a calibration, or list alerts."""
    if request_body:
        return _calibrate(influxdb3_local, request_body)
    room = query_parameters.get("room", "")
    if not room:
        return {"error": "say which room: ?room=..."}, 400
    least = query_parameters.get("least", "-1e9")
    try:
        float(least)
    except ValueError:
        return {"error": f"least is a number, not {least!r}"}, 400
    try:
        rows = influxdb3_local.query(ALERTS, {"room": room, "least": least})
    except TypeError:
        raise
    except Exception:  # no alert yet, so no table
        rows = []
    return {"room": room, "alerts": rows, "values": _values(influxdb3_local, room)}, 200


def _values(influxdb3_local: LocalApi, room: str) -> dict[str, Any]:
    """What this trigger has seen of a room, by field; empty unless the same trigger also takes writes."""
    found = {}
    for name in DEFAULT_RANGES:
        seen = influxdb3_local.cache.get(f"climate/seen/{room}/{name}")
        if seen:
            found[name] = {"mean": seen["total"] / seen["count"], "low": seen["low"], "high": seen["high"]}
    return found


def _calibrate(influxdb3_local: LocalApi, request_body: bytes) -> tuple[Any, int]:
    try:
        wanted = json.loads(request_body)
        room, offset = str(wanted["room"]), float(wanted["offset"])
    except (ValueError, KeyError, TypeError):
        return {"error": 'send {"room": "...", "offset": 0.0}'}, 400
    calibration = dict(influxdb3_local.cache.get(CALIBRATION, {}, use_global=True))
    calibration[room] = offset
    influxdb3_local.cache.put(CALIBRATION, calibration, use_global=True)
    influxdb3_local.info(f"calibrated {room}: {offset}")
    return {"room": room, "offset": offset}, 200
