"""What exists: databases, tables, columns, retention; and what the server says when something may not be.

Everything here is copied on write: a committed definition never changes, so a snapshot is two references.
Source of the rules and texts: influxdb3_catalog/src/catalog/versions/v3/{transaction,catalog,inner}.rs and error.rs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from pe_kit.errors import ConflictError, DatabaseNotFoundError, NotFoundError, ServerError, json_body, near_match
from pe_kit.store.kinds import TAG, TIME
from pe_kit.store.tabledef import SchemaError, TableDef

__all__ = [
    "INTERNAL",
    "Catalog",
    "CatalogLimits",
    "CatalogState",
    "DatabaseDef",
    "Deleted",
    "Transaction",
]

INTERNAL = "_internal"
_INTERNAL_RETENTION_NS = 7 * 86_400 * 1_000_000_000
_HARD_DELETE_NS = 72 * 3600 * 1_000_000_000
_EXISTS = "attempted to create a resource that already exists"


class CatalogLimits(NamedTuple):
    """How much the catalog holds; the defaults are those of the Core server (influxdb3/src/commands/serve.rs)."""

    databases: int = 5
    tables: int = 2000
    columns: int = 500


class Deleted(NamedTuple):
    """A soft-deleted table, as the ``_internal`` system tables list it. ``hard_delete_ns``: when it is forgotten."""

    table: TableDef
    hard_delete_ns: int


@dataclass(frozen=True, slots=True)
class DatabaseDef:
    """A database. Its mappings are never changed in place; ``hard_delete_ns`` is set once it is deleted."""

    name: str
    retention_ns: int | None = None
    tables: dict[str, TableDef] = field(default_factory=dict)
    deleted: Mapping[str, Deleted] = field(default_factory=dict)
    hard_delete_ns: int | None = None


class CatalogState(NamedTuple):
    """A snapshot: live databases and soft-deleted ones by their new names."""

    databases: Mapping[str, DatabaseDef]
    deleted: Mapping[str, DatabaseDef]


class Catalog:
    """The databases of one store. ``state`` may be kept and put back at any time."""

    def __init__(self, limits: CatalogLimits) -> None:
        self.limits = limits
        self.state = CatalogState({INTERNAL: DatabaseDef(INTERNAL, _INTERNAL_RETENTION_NS)}, {})

    @property
    def databases(self) -> Mapping[str, DatabaseDef]:
        """The live databases, ``_internal`` among them."""
        return self.state.databases

    def database(self, name: str) -> DatabaseDef:
        """Give a live database. Raises DatabaseNotFoundError; ConflictError if it was deleted."""
        found = self.databases.get(name)
        if found is None:
            self._check_deleted(name)
            raise DatabaseNotFoundError(f"Database not found {name}", mend=self.nearest_database(name))
        return found

    def table(self, database: str, name: str) -> TableDef:
        """Give a table. Raises as :meth:`database`, and NotFoundError."""
        db = self.database(database)
        found = db.tables.get(name)
        if found is None:
            if name in db.deleted:
                raise _already_deleted(name)
            raise NotFoundError(
                f"Table {name} not in DB schema for {database}", mend=near_match(name, db.tables, what="tables")
            )
        return found

    def modifiable(self, name: str) -> DatabaseDef:
        """Give a live database that may be changed. Raises as :meth:`database`, and ServerError for ``_internal``."""
        if name == INTERNAL:
            raise ServerError("cannot modify internal db", mend="The database _internal belongs to the server.")
        return self.database(name)

    def nearest_database(self, name: str) -> str:
        """Say which database was probably meant."""
        return near_match(name, (n for n in self.databases if n != INTERNAL), what="databases")

    def create_database(self, name: str, retention_ns: int | None) -> None:
        """Add a database.

        Raises:
            ConflictError: it exists. ServerError: (422) one too many.
        """
        if name in self.databases or name in self.state.deleted:
            raise ConflictError(_EXISTS, mend=f"There is a database {name!r}; a write creates its database if need be.")
        self._check_database_limit()
        self.put(DatabaseDef(name, retention_ns))

    def set_retention(self, name: str, retention_ns: int | None) -> None:
        """Set how long rows stay visible; None: for ever. Raises as :meth:`modifiable`."""
        self._named(name)
        self.put(replace(self.modifiable(name), retention_ns=retention_ns))

    def delete_database(self, name: str, now_ns: int) -> str:
        """Soft-delete a database: it gets a new name, which is given, so that its name can be used again.

        Raises as :meth:`modifiable`.
        """
        if name == INTERNAL:
            raise ServerError("cannot delete internal db", mend="The database _internal belongs to the server.")
        gone = self._named(name)
        stamped = _stamped(name, now_ns, self.state.deleted)
        live = {n: d for n, d in self.databases.items() if n != name}
        deleted = replace(gone, name=stamped, hard_delete_ns=now_ns + _HARD_DELETE_NS)
        self.state = CatalogState(live, {**self.state.deleted, stamped: deleted})
        return stamped

    def delete_table(self, database: str, name: str, now_ns: int) -> None:
        """Soft-delete a table: it gets a new name, so that its name can be used again.

        Raises as :meth:`modifiable` and :meth:`table`.
        """
        db, table = self.modifiable(database), self.table(database, name)
        stamped = _stamped(name, now_ns, db.deleted)
        tables = {n: t for n, t in db.tables.items() if n != name}
        deleted = {**db.deleted, stamped: Deleted(table, now_ns + _HARD_DELETE_NS)}
        self.put(replace(db, tables=tables, deleted=deleted))

    def create_table(self, database: str, name: str, tags: Iterable[str], fields: Mapping[str, str]) -> None:
        """Add a table, and its database if need be. ``fields``: name -> letter of its kind.

        Raises:
            ConflictError: it exists, or the database was deleted. ServerError: a limit (422), a column (400).
        """
        if database in self.state.deleted:
            raise _already_deleted(database)
        transaction = self.begin(database)
        if name in transaction.tables:
            raise ConflictError(_EXISTS, mend=f"{database!r} has a table {name!r}; a write adds columns to it.")
        try:
            table = transaction.add_table(name)
            for column, kind in [*((t, TAG) for t in tags), *fields.items(), ("time", TIME)]:
                if table.columns.get(column) != kind:
                    table.add(column, kind, self.limits.columns)
        except SchemaError as error:
            over = error.message.startswith("Update to schema")
            body = json_body(error.message) if over else None
            raise ServerError(error.message, mend=error.mend, status=422 if over else 400, body=body) from None
        transaction.commit()

    def begin(self, database: str) -> Transaction:
        """Begin a write to a database, which is created with the commit if need be.

        Raises:
            ServerError: the database was deleted (400), or would be one too many (422).
        """
        found = self.databases.get(database)
        if found is None:
            if database in self.state.deleted:
                text = f"cannot write to soft-deleted database '{database}' - it is marked for deletion"
                raise ServerError(text, status=400, body=json_body(text))
            self._check_database_limit()
            found = DatabaseDef(database)
        return Transaction(self, found)

    def put(self, database: DatabaseDef) -> None:
        """Make a new version of a database the current one."""
        self.state = self.state._replace(databases={**self.databases, database.name: database})

    def table_count(self) -> int:
        """Count the tables that the limit counts: all but those of ``_internal``."""
        return sum(len(d.tables) for n, d in self.databases.items() if n != INTERNAL)

    def _named(self, name: str) -> DatabaseDef:
        self._check_deleted(name)
        if name not in self.databases:
            raise DatabaseNotFoundError(
                f"the requested resource was not found: {name}", mend=self.nearest_database(name)
            )
        return self.databases[name]

    def _check_deleted(self, name: str) -> None:
        if name in self.state.deleted:
            raise _already_deleted(name)

    def _check_database_limit(self) -> None:
        if len(self.databases) - (INTERNAL in self.databases) >= self.limits.databases:
            text = f"Adding a new database would exceed limit of {self.limits.databases} databases"
            mend = "Delete a database; Engine(max_databases=...) raises the kit's limit, not the server's."
            raise ServerError(text, status=422, body=json_body(text), mend=mend)


class Transaction:
    """The schema changes of one write: seen by its later lines at once, by others after ``commit``.

    Attributes:
        tables: the tables as this write sees them.
    """

    __slots__ = ("_catalog", "_database", "_drafts", "_max_columns", "tables")

    def __init__(self, catalog: Catalog, database: DatabaseDef) -> None:
        self._catalog = catalog
        self._database = database
        self._max_columns = catalog.limits.columns
        self._drafts: dict[str, TableDef] = {}
        self.tables = database.tables

    def add_table(self, name: str) -> TableDef:
        """Create a table.

        Raises:
            SchemaError: one too many.
        """
        count = self._catalog.table_count() + len(self.tables) - len(self._database.tables)
        if count >= self._catalog.limits.tables:
            raise SchemaError(
                "Update to schema would exceed number of tables limit: attempted to create table but already have "
                f"{count} table(s) (limit: {self._catalog.limits.tables})",
                mend="Delete a table; Engine(max_tables=...) raises the kit's limit, not the server's.",
            )
        return self._draft(TableDef(name))

    def add_column(self, table: TableDef, name: str, kind: str) -> TableDef:
        """Add a column to a table and give the table's new version.

        Raises:
            SchemaError: the column has another kind already, is reserved, or is one too many.
        """
        if table.name not in self._drafts:
            draft = table.copy()
            draft.add(name, kind, self._max_columns)
            return self._draft(draft)
        table.add(name, kind, self._max_columns)
        return table

    def _draft(self, table: TableDef) -> TableDef:
        if not self._drafts:
            self.tables = dict(self.tables)
        self.tables[table.name] = self._drafts[table.name] = table
        return table

    def commit(self) -> None:
        """Make the changes the catalog's."""
        if self._drafts or self._database.name not in self._catalog.databases:
            self._catalog.put(replace(self._database, tables=self.tables))


def _already_deleted(name: str) -> ConflictError:
    return ConflictError(f"attempted to modify resource that was already deleted: {name}")


def _stamped(name: str, now_ns: int, taken: Mapping[str, object]) -> str:
    """Give the name that the server gives to what it soft-deletes."""
    stamped = f"{name}-{datetime.fromtimestamp(now_ns // 1_000_000_000, UTC):%Y%m%dT%H%M%S}"
    return stamped if stamped not in taken else f"{stamped}-{len(taken)}"
