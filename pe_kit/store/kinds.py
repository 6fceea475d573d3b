"""The seven kinds of column, one letter each, and what they are called in InfluxDB's and in Arrow's words."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

__all__ = ["KINDS", "TAG", "TIME", "Kind"]

TAG, TIME = "t", "T"


class Kind(NamedTuple):
    """A kind of column: its spelling in error texts, its word in ``system.influxdb_schema``, its Arrow type."""

    spelled: str
    word: str
    arrow: pa.DataType

    def field(self, name: str) -> pa.Field:
        """Give the Arrow field of a column of this kind; ``time`` alone is not null (core/schema/src/lib.rs)."""
        return pa.field(name, self.arrow, nullable=self.word != "time", metadata={"iox::column::type": self.spelled})


def _field(word: str, arrow: pa.DataType) -> Kind:
    return Kind(f"iox::column_type::field::{word}", word, arrow)


KINDS = {
    TAG: Kind("iox::column_type::tag", "tag", pa.dictionary(pa.int32(), pa.utf8())),
    TIME: Kind("iox::column_type::timestamp", "time", pa.timestamp("ns")),
    "f": _field("float", pa.float64()),
    "i": _field("integer", pa.int64()),
    "u": _field("uinteger", pa.uint64()),
    "s": _field("string", pa.utf8()),
    "b": _field("boolean", pa.bool_()),
}
"""Letter of a kind -> the kind; the letters of fields are those of :class:`pe_kit.lineprotocol.grammar.Line`."""
