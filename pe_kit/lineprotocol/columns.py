"""Values of many lines, given by their offsets, as one Arrow array.

Every reader also says of which rows it is certain: a value in any form that the exact grammar may read otherwise, or
not at all, is not certain, and what the array holds for it means nothing.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pe_kit.lineprotocol.scan import QUOTE, Bytes, Ints, Longs, Mask, Text
from pe_kit.lineprotocol.timestamps import INT64_MAX, Precision, units_of

__all__ = ["ends", "field", "joined", "nanoseconds", "texts", "times", "timestamps"]

_TYPES = {"i": pa.int64(), "u": pa.uint64(), "f": pa.float64()}
# what Arrow reads as the grammar does; Arrow reads more, and refuses a whole array for one bad value
_CERTAIN = {
    "i": r"^-?([0-9]{1,18}|[0-8][0-9]{18}|9[01][0-9]{17})$",
    "u": r"^[0-9]{1,19}$",
    "f": r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?$",
}
_LONGEST = 200  # digits; with two digits of exponent still a float
_BOOLEANS = ("t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE")
_MINUS, _FIRST_LETTER = ord("-"), 0x40
_LAST_OF_BOOLEANS = np.zeros(256, np.bool_)
_LAST_OF_BOOLEANS[list(b"tTeEfF")] = True


def ends(kind: str, last: Bytes) -> Mask:
    """Say which last bytes a value of a kind can have; no byte serves two kinds."""
    if kind == "f":
        return _digits(last)
    if kind == "b":
        return _LAST_OF_BOOLEANS[last]
    same: Mask = last == (QUOTE if kind == "s" else ord(kind))
    return same


def field(kind: str, text: Text, begin: Ints, end: Ints) -> tuple[pa.Array, Mask]:
    """Read field values of one kind (as in :class:`Line`), all ending as values of that kind do."""
    if kind == "s":
        certain = (text.raw[begin] == QUOTE) & (end - begin >= 2)
        begin = begin + 1
        return texts(text, begin, np.maximum(end - 1, begin)), certain
    if kind == "b":
        codes = pc.index_in(texts(text, begin, end), value_set=pa.array(_BOOLEANS))
        certain = codes.is_valid().to_numpy(zero_copy_only=False)
        return pa.array(codes.fill_null(0).to_numpy() < 5), certain
    if kind == "f":
        first = text.raw[begin]
        certain = _digits(first)
        if not certain.all():
            certain |= (first == _MINUS) & _digits(text.raw[begin + 1])
        return _numbers(kind, texts(text, begin, end), certain)
    return _numbers(kind, texts(text, begin, end - 1), np.ones(len(begin), np.bool_))


def times(precision: Precision, text: Text, begin: Ints, end: Ints) -> tuple[pa.Array, Mask]:
    """Read times as nanoseconds; one that is out of range for the precision is not certain."""
    array, certain = _numbers("i", texts(text, begin, end), np.ones(len(begin), np.bool_))
    numbers, good = nanoseconds(array.to_numpy(), precision)
    return timestamps(numbers), certain & good


def nanoseconds(numbers: Longs, precision: Precision) -> tuple[Longs, Mask]:
    """Turn numbers into nanoseconds as ``timestamps.to_ns`` does; say which of them are in range for the precision."""
    if precision != "auto":
        unit = units_of(precision)
        return numbers * unit, (numbers >= -(INT64_MAX // unit)) & (numbers <= INT64_MAX // unit)
    size = np.abs(numbers)  # stays negative for the lowest int64, which is for the exact rules
    if size.min(initial=INT64_MAX) >= 5 * 10**15:
        return numbers, np.ones(len(numbers), np.bool_)
    units = np.select([size < 5 * 10**9, size < 5 * 10**12, size < 5 * 10**15], [10**9, 10**6, 10**3], 1)
    return numbers * units, size >= 0


def timestamps(numbers: Longs) -> pa.Array:
    """Give int64 nanoseconds as timestamps without a copy."""
    return pa.Array.from_buffers(pa.timestamp("ns"), len(numbers), [None, pa.py_buffer(numbers)])


def texts(text: Text, begin: Ints, end: Ints) -> pa.StringArray:
    """Give the text of each stretch."""
    bounds = np.empty(2 * len(begin), np.int32)
    bounds[0::2] = begin
    bounds[1::2] = end
    # every second element of this array is what lies between two stretches
    stretches = pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), text.buffer)
    return stretches.take(pa.array(np.arange(0, len(bounds), 2, dtype=np.int32)))


def joined(chunks: list[pa.Array]) -> pa.Array:
    """Put arrays of one type end to end."""
    if len(chunks) == 1:
        return chunks[0]
    if pa.types.is_dictionary(chunks[0].type):
        chunks = pa.chunked_array(chunks).unify_dictionaries().chunks
    return pa.concat_arrays(chunks)


def _numbers(kind: str, array: pa.StringArray, certain: Mask) -> tuple[pa.Array, Mask]:
    bounds = np.frombuffer(array.buffers()[1], np.int32, len(array) + 1)
    data = np.frombuffer(array.buffers()[2], np.uint8, bounds[-1])
    if len(data) and data.max() >= _FIRST_LETTER:  # an exponent; or hexadecimal, which Arrow reads too
        rows = np.unique(np.searchsorted(bounds, np.flatnonzero(data >= _FIRST_LETTER), side="right") - 1)
        certain[rows] &= _matches(kind, array.take(pa.array(rows)))
    try:
        return _zeros_for(~certain, array).cast(_TYPES[kind]), certain
    except pa.ArrowInvalid:
        certain &= _matches(kind, array)
        return _zeros_for(~certain, array).cast(_TYPES[kind]), certain


def _matches(kind: str, array: pa.StringArray) -> Mask:
    matches = pc.and_(pc.match_substring_regex(array, _CERTAIN[kind]), pc.less_equal(pc.binary_length(array), _LONGEST))
    mask: Mask = matches.to_numpy(zero_copy_only=False)
    return mask


def _zeros_for(rows: Mask, array: pa.StringArray) -> pa.StringArray:
    return pc.if_else(pa.array(rows), "0", array) if rows.any() else array


def _digits(chars: Bytes) -> Mask:
    return (chars - np.uint8(ord("0"))) <= 9
