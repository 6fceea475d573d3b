"""Schema on write: one line, or a block of lines of one shape, against the catalog.

The checks run in the server's order, because the order decides which text a bad line gets and which columns it leaves
behind: table, tags, fields, ``time``, timestamp (influxdb3_write/src/write_buffer/validator.rs).
"""

from __future__ import annotations

from collections.abc import Sequence

from pe_kit.lineprotocol.grammar import Line
from pe_kit.lineprotocol.timestamps import Precision, to_ns
from pe_kit.store.catalog import Transaction
from pe_kit.store.kinds import TAG, TIME
from pe_kit.store.tabledef import SchemaError
from pe_kit.types import Row, Value

__all__ = ["admit", "as_row"]


def as_row(line: Line, transaction: Transaction, precision: Precision, missing_ns: int) -> Row:
    """Turn a parsed line into a row, adding to the transaction's schema what the line brings.

    A tag that comes twice keeps its first place and its last value; the server accepts such a line and can then no
    longer read the table.

    Args:
        line: the parsed line.
        transaction: the schema that the line meets and adds to.
        precision: the unit of the line's timestamp.
        missing_ns: the time of a line that has none.

    Raises:
        SchemaError: the line is refused. The columns that it added before stay in the transaction, as on the server.
    """
    measurement, tags, fields, timestamp = line
    table = transaction.tables.get(measurement) or transaction.add_table(measurement)
    for key, _ in tags:
        if table.columns.get(key) != TAG:
            table = transaction.add_column(table, key, TAG)
    row: Row = dict(tags)
    for key, kind, value in fields:
        if table.columns.get(key) != kind:
            table = transaction.add_column(table, key, kind)
        if key in row:
            raise SchemaError(
                f"invalid line protocol - multiple instances of '{key}' field found",
                mend=f"Keep one {key!r} in the line.",
                column=key,
            )
        row[key] = value
    if "time" not in table.columns:
        transaction.add_column(table, "time", TIME)
    if timestamp is None:
        row["time"] = missing_ns
    else:
        try:
            row["time"] = to_ns(timestamp, precision)
        except ValueError as error:
            raise SchemaError(
                str(error), mend="Give the unit of the timestamps: precision='ns', 'us', 'ms' or 's'."
            ) from None
    return row


def admit(transaction: Transaction, measurement: str, tags: Sequence[str], fields: Sequence[tuple[str, str]]) -> bool:
    """Check a whole block of lines of one shape, whose times are known to be good, and add its columns.

    Args:
        transaction: the schema that the block meets and adds to.
        measurement: the table.
        tags: the tag keys.
        fields: pairs of field key and letter of its kind.

    Returns:
        False if any line of it may be refused: then the transaction is spoilt and every line must be checked by itself.
    """
    if len({*tags, *(key for key, _ in fields)}) != len(tags) + len(fields):
        return False
    probe: tuple[tuple[str, str, Value], ...] = tuple((key, kind, 0) for key, kind in fields)
    try:
        as_row(Line(measurement, tuple((key, "") for key in tags), probe, None), transaction, "nanosecond", 0)
    except SchemaError:
        return False
    return True
