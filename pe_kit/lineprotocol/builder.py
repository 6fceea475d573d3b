"""``LineBuilder``: how plugins spell a line (influxdb3_py_api/src/line_builder/line_builder.py).

Its gaps are the server's too: tag keys are not escaped, a NaN builds and fails when it is written.
"""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["InfluxDBError", "InvalidKeyError", "InvalidLineError", "InvalidMeasurementError", "LineBuilder"]

_VALUE_ESCAPES = str.maketrans({"\\": r"\\", ",": r"\,", "=": r"\=", " ": r"\ "})


class InfluxDBError(Exception):
    """Base of what ``LineBuilder`` raises."""


class InvalidMeasurementError(InfluxDBError):
    """The measurement holds a space."""


class InvalidKeyError(InfluxDBError):
    """A tag or field key is empty or holds a space, a comma or an equals sign."""


class InvalidLineError(InfluxDBError):
    """The line has no field."""


class LineBuilder:
    """Builds one line of line protocol; every setter gives the builder back, setting a key again overwrites in place.

    Raises:
        InvalidMeasurementError: the measurement holds a space.
    """

    def __init__(self, measurement: str) -> None:
        if " " in measurement:
            raise InvalidMeasurementError("Measurement name cannot contain spaces")
        self.measurement = measurement
        self.tags: OrderedDict[str, str] = OrderedDict()
        self.fields: OrderedDict[str, str] = OrderedDict()
        self._timestamp_ns: int | None = None

    def tag(self, key: str, value: str) -> LineBuilder:
        """Set a tag; the value is turned to text by ``str()``.

        Raises:
            InvalidKeyError: so do all setters that take a key.
        """
        self.tags[_checked(key, "tag")] = str(value)
        return self

    def uint64_field(self, key: str, value: int) -> LineBuilder:
        """Set an unsigned integer field.

        Raises:
            ValueError: the value is negative.
        """
        _checked(key, "field")
        if value < 0:
            raise ValueError(f"uint64 field '{key}' cannot be negative")
        self.fields[key] = f"{value}u"
        return self

    def int64_field(self, key: str, value: int) -> LineBuilder:
        """Set an integer field; the type of the value is not checked."""
        self.fields[_checked(key, "field")] = f"{value}i"
        return self

    def float64_field(self, key: str, value: float) -> LineBuilder:
        """Set a float field; NaN and infinities become ``nan`` and ``inf``, which the database refuses."""
        _checked(key, "field")
        self.fields[key] = f"{int(value)}.0" if value % 1 == 0 else str(value)
        return self

    def string_field(self, key: str, value: str) -> LineBuilder:
        """Set a string field; anything but text fails as it does on the server."""
        _checked(key, "field")
        escaped = value.replace("\\", r"\\").replace('"', r"\"")
        self.fields[key] = f'"{escaped}"'
        return self

    def bool_field(self, key: str, value: bool) -> LineBuilder:
        """Set a boolean field by the truth of the value."""
        self.fields[_checked(key, "field")] = "t" if value else "f"
        return self

    def time_ns(self, timestamp_ns: int) -> LineBuilder:
        """Set the time, nanoseconds since the epoch; without it the database takes the time of the write."""
        self._timestamp_ns = timestamp_ns
        return self

    def build(self) -> str:
        """Give the line.

        Raises:
            InvalidLineError: no field was set.
        """
        line = self.measurement.replace(",", r"\,").replace(" ", r"\ ")
        for key, value in self.tags.items():
            line += f",{key}={value.translate(_VALUE_ESCAPES)}"
        if not self.fields:
            raise InvalidLineError(f"At least one field is required: {line}")
        line += " " + ",".join(f"{key.translate(_VALUE_ESCAPES)}={value}" for key, value in self.fields.items())
        return line if self._timestamp_ns is None else f"{line} {self._timestamp_ns}"


def _checked(key: str, kind: str) -> str:
    if not key:
        raise InvalidKeyError(f"{kind} key cannot be empty")
    for char, name in ((" ", "spaces"), (",", "commas"), ("=", "equals signs")):
        if char in key:
            raise InvalidKeyError(f"{kind} key '{key}' cannot contain {name}")
    return key
