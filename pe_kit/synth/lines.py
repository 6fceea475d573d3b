"""A series as line protocol: whole columns at a time, with Arrow's string kernels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pe_kit.errors import UsageError

if TYPE_CHECKING:
    from pe_kit.synth.series import Column, Series

__all__ = ["escaped", "render"]

_JOIN = pc.binary_join_element_wise


def render(points: Series) -> str:
    """Write the points as line protocol, one line a point, each ended by a line feed.

    Raises:
        UsageError: a name or tag value that line protocol cannot carry, see :func:`escaped`.
    """
    if not len(points):
        return ""
    table = escaped(points.table, measurement=True)
    heads = [
        table + "".join(f",{escaped(key)}={escaped(value)}" for key, value in tags.items()) for tags in points.tag_sets
    ]
    head = pa.array(heads, pa.string()).take(pa.array(points.which))
    pieces = [_piece(escaped(name), column) for name, column in points.fields.items()]
    fields = pieces[0] if len(pieces) == 1 else _JOIN(*pieces, ",", null_handling="skip")
    lines = _JOIN(head, fields, _JOIN(pa.array(points.times).cast(pa.string()), "\n", ""), " ")
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, dtype="int32")
    text: bytes = data.to_pybytes()[ends[lines.offset] : ends[lines.offset + len(lines)]]
    return text.decode()


def escaped(text: str, measurement: bool = False) -> str:
    """Escape a tag key, tag value or field key, or a measurement, whose rules are its own.

    Raises:
        UsageError: it is empty, holds a line break or tab, or ends in a backslash; a measurement: NUL, or # first.
    """
    if not text or text.endswith("\\") or re.search("^#|[\n\t\0]" if measurement else "[\n\t]", text):
        raise UsageError(
            f"line protocol cannot carry the name or tag value {text!r}",
            mend="It may not be empty, hold a line break or a tab, or end in a backslash; "
            "a table may not hold NUL or begin with # either.",
        )
    return re.sub(r"([, \\])" if measurement else r"([,= \\])", r"\\\1", text)


def _piece(key: str, column: Column) -> Any:
    """``key=value`` for each point, null where there is none."""
    text = _text(column, column.kind, column.values)
    if column.flipped is not None:
        mask = pa.array(column.flipped)
        text = pc.if_else(mask, _text(column, column.flip_kind, column.values), text)
    piece = _JOIN(f"{key}=", text, "")
    return piece if column.valid is None else pc.if_else(pa.array(column.valid), piece, None)


def _text(column: Column, kind: str, values: Any) -> Any:
    """The values spelled as a field of ``kind``."""
    match kind:
        case "i" | "u":
            whole = np.rint(values).astype("int64") if values.dtype != "uint64" else values
            number = pa.array(np.abs(whole) if kind == "u" else whole).cast(pa.string())
            return _JOIN(number, kind, "")
        case "b":
            return pa.array(values > 0.5).cast(pa.string())
        case "s" if column.kind == "s":
            escaped = ['"' + re.sub(r'(["\\])', r"\\\1", label) + '"' for label in column.labels]
            return pa.array(escaped, pa.string()).take(pa.array(values))
        case "s":
            return _JOIN('"', pa.array(values).cast(pa.string()), '"', "")
    return pa.array(values.astype("float64")).cast(pa.string())
