"""A table as the catalog has it, and what the server says of a column that may not be.

Source of the rules and texts: influxdb3_catalog/src/catalog/versions/v3/catalog.rs and error.rs.
"""

from __future__ import annotations

import pyarrow as pa

from pe_kit.store.kinds import KINDS, TAG, TIME

__all__ = ["SchemaError", "TableDef"]

_RESERVED = ("time", "__chunk_order")
_MAX_TAGS = 4096
_MAX_FAMILY = 100


class SchemaError(Exception):
    """A line that the catalog refuses. ``column``: the column that is to blame, if one is."""

    def __init__(self, message: str, *, mend: str = "", column: str | None = None) -> None:
        super().__init__(message)
        self.message, self.mend, self.column = message, mend, column


class TableDef:
    """A table: its columns by order of appearance, its series key, its Arrow schema. Changed only while in a draft.

    Attributes:
        columns: column -> letter of its kind (:data:`pe_kit.store.kinds.KINDS`); ``time`` is one of them.
        series_key: the tags, by order of appearance.
    """

    __slots__ = ("_families", "_schema", "columns", "name", "series_key")

    def __init__(self, name: str) -> None:
        self.name = name
        self.columns: dict[str, str] = {}
        self.series_key: tuple[str, ...] = ()
        self._families: dict[str, int] = {}
        self._schema: pa.Schema | None = None

    def copy(self) -> TableDef:
        """Give a draft of it."""
        twin = TableDef(self.name)
        twin.columns, twin.series_key, twin._families = dict(self.columns), self.series_key, dict(self._families)
        return twin

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema: all columns byte-sorted by name, ``time`` has no special place."""
        if self._schema is None:
            self._schema = pa.schema([KINDS[self.columns[name]].field(name) for name in sorted(self.columns)])
        return self._schema

    def add(self, name: str, kind: str, max_columns: int) -> None:
        """Add a column, checked in the server's order.

        Raises:
            SchemaError: it has another kind already, is reserved, or is one too many.
        """
        existing = self.columns.get(name)
        if existing is not None:
            expected, got = KINDS[existing].spelled, KINDS[kind].spelled
            raise SchemaError(
                f"invalid column type for column '{name}', expected {expected}, got {got}",
                mend=_type_mend(name, existing, kind),
                column=name,
            )
        if kind != TIME:
            if name in _RESERVED:
                raise SchemaError(
                    f"'{name}' is a reserved column", mend="Give the tag or field another name.", column=name
                )
            if kind == TAG and len(self.series_key) >= _MAX_TAGS:
                raise SchemaError(
                    f"Update to schema would exceed number of tag columns per table limit of {_MAX_TAGS} columns",
                    column=name,
                )
            if len(self.columns) - ("time" in self.columns) >= max_columns:
                raise SchemaError(
                    f"Update to schema would exceed number of columns per table limit of {max_columns} columns",
                    mend="Use more tables; Engine(max_columns=...) raises the kit's limit, not the server's.",
                    column=name,
                )
        if kind == TAG:
            self.series_key += (name,)
        elif kind != TIME:
            self._count_in_family(name)
        self.columns[name] = kind
        self._schema = None

    def _count_in_family(self, name: str) -> None:
        family, _, rest = name.partition("::")
        if not family or not rest:
            return
        if self._families.get(family, 0) >= _MAX_FAMILY:
            raise SchemaError(
                f"Update to schema would exceed the field limit ({_MAX_FAMILY}) for field family '{family}'",
                mend="A name such as family::field puts the field in a family; use another family or no '::'.",
                column=name,
            )
        self._families[family] = self._families.get(family, 0) + 1


_EXAMPLE = {"f": "1.0", "i": "1i", "u": "1u", "s": '"text"', "b": "true"}


def _type_mend(name: str, existing: str, got: str) -> str:
    if existing == TIME:
        return "The timestamp is the last part of a line, without a name; give the tag or field another name."
    if existing == TAG:
        return f"{name!r} is a tag of this table: write it before the first space, or give the field another name."
    if got == TAG:
        return f"{name!r} is a field of this table: write it after the first space, or give the tag another name."
    return f"The first write decided: write {name}={_EXAMPLE[existing]}, or give the field another name."
